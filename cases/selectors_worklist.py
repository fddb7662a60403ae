"""Reads of the queue: which series wait for a reader's word, the longest waiting first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse

from accounts.access import Capability, institutions_with, roles_with
from accounts.models import User
from cases.models import Annotation, Assignment, CaseState, ReaderGroup, Review, Series

WAITING = (CaseState.SEGMENTED, CaseState.IN_REVIEW, CaseState.CORRECTED)


def series_waiting(user: Any) -> QuerySet[Series]:
    """Series to sign that are not assigned to somebody else; nobody has said anything about their newest mask."""
    newest_mask = Annotation.objects.filter(series=OuterRef("pk")).order_by("-created_at").values("created_at")[:1]
    last_word = Review.objects.filter(series=OuterRef("pk")).order_by("-created_at").values("created_at")[:1]
    not_anothers = Q(case__assignment__isnull=True) | Q(case__assignment__in=Assignment.objects.of(user))
    mine = Series.objects.filter(
        not_anothers, institution__in=list(institutions_with(user, Capability.REVIEW)), case__state__in=WAITING
    )
    dated = mine.annotate(newest_mask=Subquery(newest_mask), last_word=Subquery(last_word))
    unsigned = dated.filter(Q(newest_mask__isnull=False), Q(last_word__isnull=True) | Q(newest_mask__gt=F("last_word")))
    return unsigned.select_related("case__patient").order_by("case__created_at", "case_id", "number")


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


def reading_address(series: Series) -> str:
    return reverse("reading:read", args=[series.pk])
