"""Which mask of a series is the approved one: what pages, reports and downloads hand out unless asked for another."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from cases.models import Annotation, Review, ReviewVerdict


def approved_masks(series: Iterable[uuid.UUID], user: Any) -> dict[uuid.UUID, uuid.UUID]:
    """The approved mask of each of these series, by their ids, as far as ``user`` may know; None: the platform itself.

    The last word on a series counts: a refusal after an approval leaves none.
    """
    words = Review.objects.filter(series__in=list(series))
    words = (words if user is None else words.seen_by(user)).latest_of_series()
    return {one.series_id: one.annotation_id for one in words if one.verdict == ReviewVerdict.APPROVED}  # type: ignore[misc]


def is_approved(mask: Annotation, user: Any) -> bool:
    return approved_masks([mask.series_id], user).get(mask.series_id) == mask.pk


def mask_handed_out(masks: QuerySet[Annotation], series: uuid.UUID, user: Any) -> Annotation | None:
    """Of ``masks`` (newest first, seen by ``user``) the approved one of the series, else the newest."""
    found = masks.filter(series=series)
    approved = approved_masks([series], user).get(series)
    return (found.filter(pk=approved).first() if approved else None) or found.first()
