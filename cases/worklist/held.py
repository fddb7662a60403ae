"""Masks that are held back by a suspicion (`cases.checks`), as a work list finds them."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from cases.models import WAITING, Annotation, MaskSuspicion, Review


def masks_held(user: Any) -> QuerySet[Annotation]:
    """The newest masks of series in cases that wait, held back and not yet refused, as far as ``user`` sees them."""
    later = {"series": OuterRef("series"), "created_at__gt": OuterRef("created_at")}
    held = MaskSuspicion.objects.holding().filter(annotation=OuterRef("pk"))
    answered = Exists(Annotation.objects.filter(**later)) | Exists(Review.objects.filter(**later))
    return Annotation.objects.seen_by(user).filter(Exists(held), ~answered, series__case__state__in=WAITING)
