"""Writes and reads of who has a case open."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch
from django.utils import timezone

from accounts.access import Capability, require
from cases.models import Case, Presence
from cases.telling import case_group, list_group, tell_changed


def presence_begin(*, case: Case, actor: Any) -> Presence:
    """Somebody opened a page of the case: who has it open is told."""
    require(actor, case.institution_id, Capability.VIEW_CASES)
    Presence.objects.gone().delete()
    presence = Presence.objects.create(case=case, user=actor)
    _tell(presence)
    return presence


def presence_keep(*, presence: Presence) -> None:
    """The page is still open; it may have been forgotten meanwhile, while the database was away."""
    presence.seen_at = timezone.now()
    presence.save()


def presence_end(*, presence: Presence) -> None:
    presence.delete()
    _tell(presence)


def _tell(presence: Presence) -> None:
    """Who has the case open, or the work list."""
    tell_changed(case_group(presence.case_id))
    tell_changed(list_group(presence.case.institution_id))


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
