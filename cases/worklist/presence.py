"""Writes and reads of who has a case open."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import transaction
from django.db.models import Prefetch
from django.utils import timezone

from cases.models import Case, Presence
from cases.notifications import case_group, list_group, notify_changed


def presences_keep(pages: list[Presence]) -> None:
    """These pages are open, of people who may see the cases: of those that are new, others are told.

    A page may have been forgotten meanwhile, while the database was away; then it is new.
    """
    mine = Presence.objects.filter(pk__in=[one.pk for one in pages])
    with transaction.atomic():
        if mine.update(seen_at=timezone.now()) == len(pages):
            return
        known = set(mine.values_list("pk", flat=True))
        new = [one for one in pages if one.pk not in known]
        Presence.objects.gone().delete()
        Presence.objects.bulk_create(new, ignore_conflicts=True)
        for one in {presence.case_id: presence for presence in new}.values():
            _tell(one)


def presence_end(presence_id: uuid.UUID) -> None:
    """The page was closed, if it was ever open."""
    for presence in Presence.objects.filter(pk=presence_id).select_related("case"):
        presence.delete()
        _tell(presence)


def _tell(presence: Presence) -> None:
    """Who has the case open, or the work list."""
    notify_changed(case_group(presence.case_id))
    notify_changed(list_group(presence.case.institution_id))


def others_at(case: Case, user: Any) -> list[str]:
    """The names of the others who have the case open, who came first before."""
    rows = Presence.objects.filter(case=case).here_now().of_others(user).select_related("user")
    return names(rows)


def names(presences: Any) -> list[str]:
    """Each person once, however many pages are open."""
    return list(dict.fromkeys(one.user.display_name() for one in presences))


def others_prefetched(user: Any) -> Prefetch:
    """For lists: each case gets ``here``, the presences of others."""
    return Prefetch("presences", Presence.objects.here_now().of_others(user).select_related("user"), "here")
