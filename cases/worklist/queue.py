"""Reads of the queue: which series wait for a reader's word, the longest waiting first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.access import Capability, institutions_with, roles_with
from accounts.models import User
from cases.models import WAITING, Annotation, MaskSuspicion, ReaderGroup, Review, Series
from cases.models.worklist import given_to


def series_waiting(user: Any) -> QuerySet[Series]:
    """Series to sign: with a mask about whose task nobody has said anything since, and that is not held back by a
    suspicion.

    Neither what is assigned to somebody else, nor what is in a reading project, which signs it.
    """
    later_word = Review.objects.filter(
        series=OuterRef("series"), task=OuterRef("task"), created_at__gte=OuterRef("created_at")
    )
    held = MaskSuspicion.objects.holding().filter(annotation=OuterRef("pk"))
    unsigned_mask = Annotation.objects.filter(~Exists(later_word), ~Exists(held), series=OuterRef("pk"))
    not_anothers = Q(case__assignment__isnull=True) | given_to(user, "case__")
    homes = list(institutions_with(user, Capability.REVIEW))
    mine = Series.objects.filter(not_anothers, case__institution__in=homes, case__state__in=WAITING)
    waiting = mine.filter(Exists(unsigned_mask), reading_item__isnull=True)
    return waiting.select_related("case__patient").order_by("case__created_at", "case_id", "number")


def series_next(user: Any, after: Series | None = None) -> Series | None:
    """The next series of the queue behind ``after``, from the start again at its end; None: nothing waits."""
    waiting = series_waiting(user)
    if after is None:
        return waiting.first()
    waiting = waiting.exclude(pk=after.pk)
    at = after.case.created_at
    same_case = Q(case=after.case_id, number__gt=after.number)
    later = Q(case__created_at__gt=at) | Q(case__created_at=at, case__gt=after.case_id)
    return waiting.filter(same_case | later).first() or waiting.first()


@dataclass(frozen=True)
class Readers:
    """To whom cases can be assigned: who may sign or correct in the institutions, and their groups."""

    people: Sequence[User] = ()
    groups: Sequence[ReaderGroup] = ()


def readers_at(institutions: Collection[Any]) -> Readers:
    roles = {*roles_with(Capability.REVIEW), *roles_with(Capability.CORRECT_MASK)}
    held = {"memberships__institution__in": institutions, "memberships__role__in": roles}
    people = User.objects.filter(is_active=True, **held).distinct()
    return Readers(list(people), list(ReaderGroup.objects.filter(institution__in=institutions)))
