"""What many open pages of cases and work lists are told, by a few queries for all of them.

Each person still sees only what is theirs: rights are read for everybody by one query, and whoever has a part in a
reading project, and so may be blind to something, is looked for apart, through the same doors as anywhere else.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from django.db.models import Count

from accounts.access import Capability, roles_with
from accounts.models import Membership, User
from cases.comments.selectors import comment_counts
from cases.models import Case, Comment, Presence
from cases.models.projects import ProjectMember
from cases.worklist.presence import names, others_at, presences_keep
from cases.worklist.selectors import LATEST, list_version
from spineplatform.shared.coalescing import Gathering
from spineplatform.shared.errors import NotFound


@dataclass(frozen=True)
class AtCase:
    """An open page of a case; ``presence`` is its row, which is made where there is none."""

    case: uuid.UUID
    user: int
    presence: uuid.UUID


# A comment and somebody who has its case open; the work list of an institution and somebody who has it open.
Told = tuple[uuid.UUID, int]


class _Rights:
    """Who may see the cases of which institution, and who is to be looked for apart."""

    def __init__(self, people: Iterable[int]) -> None:
        people = set(people)
        roles = roles_with(Capability.VIEW_CASES)
        members = Membership.objects.filter(user__in=people, user__is_active=True, role__in=roles)
        self._may = set(members.values_list("institution", "user"))
        self.apart = set(ProjectMember.objects.filter(user__in=people).values_list("user", flat=True))

    def may_see(self, institution: Any, person: int) -> bool:
        return (institution, person) in self._may


# --- pages of a case --------------------------------------------------------------------------------------------------
def at_cases(asked: list[AtCase]) -> dict[AtCase, dict[str, Any] | Exception]:
    """Keep the presences, and tell each page who else has the case open and how many comments there are to read."""
    cases = Case.objects.in_bulk({one.case for one in asked})
    rights = _Rights(one.user for one in asked)
    seen = [one for one in asked if one.case in cases and rights.may_see(cases[one.case].institution_id, one.user)]
    presences_keep([Presence(id=one.presence, case=cases[one.case], user_id=one.user) for one in seen])
    here = _by(Presence.objects.filter(case__in=cases).here_now().select_related("user"), "case_id")
    comments = _Comments(cases)
    answers: dict[AtCase, dict[str, Any] | Exception] = dict.fromkeys(asked, NotFound())
    for one in seen:
        case, apart = cases[one.case], one.user in rights.apart
        others = (
            others_at(case, User(pk=one.user))
            if apart
            else names(presence for presence in here[one.case] if presence.user_id != one.user)
        )
        answers[one] = {"others": others, "comments": comments.of(case, one.user if apart else None)}
    return answers


class _Comments:
    """Counts of comments by series: of all for whoever sees all, else what the person may read."""

    def __init__(self, cases: Collection[uuid.UUID]) -> None:
        rows = Comment.objects.filter(series__case__in=cases).order_by().values_list("series__case", "series")
        self._all: dict[Any, dict[str, int]] = defaultdict(dict)
        for case, series, number in rows.annotate(n=Count("pk")):
            self._all[case][str(series)] = number

    def of(self, case: Case, apart: int | None) -> dict[str, int]:
        return dict(self._all[case.pk]) if apart is None else comment_counts(case, User(pk=apart))


# --- comments ---------------------------------------------------------------------------------------------------------
def comment_recipients(asked: list[Told]) -> dict[Told, bool | Exception]:
    """Whether each person may read the comment that has just been written."""
    comments = Comment.objects.in_bulk({comment for comment, _ in asked})
    rights = _Rights(person for _, person in asked)

    def hears(comment: uuid.UUID, person: int) -> bool:
        written = comments.get(comment)
        if written is None or not rights.may_see(written.institution_id, person):
            return False
        return person not in rights.apart or Comment.objects.seen_by(User(pk=person)).filter(pk=comment).exists()

    return {(comment, person): hears(comment, person) for comment, person in asked}


# --- work lists -------------------------------------------------------------------------------------------------------
def list_versions(asked: list[Told]) -> dict[Told, str | Exception]:
    """The version of each institution's list for each person: what `lists_followed` and `list_version` say of it."""
    rights = _Rights(person for _, person in asked)
    changed = {place: _latest(place) for place in {place for place, _ in asked}}
    pages = _by(Presence.objects.filter(case__institution__in=changed).here_now().select_related("case"), None)

    def version(place: uuid.UUID, person: int) -> str | Exception:
        if not rights.may_see(place, person):
            return NotFound()
        others = [one.opened_at for one in pages[place] if one.user_id != person]
        facts = {"changed_at": changed[place], "here": len(others) or None, "opened_at": max(others, default=None)}
        return list_version(SimpleNamespace(**facts))

    return {(place, person): version(place, person) for place, person in asked}


def _latest(institution: uuid.UUID) -> list[Any]:
    cases = Case.objects.filter(institution=institution).order_by("-changed_at")
    return list(cases.values_list("changed_at", flat=True)[:LATEST])


def _by(presences: Any, name: str | None) -> dict[Any, list[Presence]]:
    """The presences of each case, or of each institution."""
    found: dict[Any, list[Presence]] = defaultdict(list)
    for one in presences:
        found[getattr(one, name) if name else one.case.institution_id].append(one)
    return found


AT_CASES: Gathering[AtCase, dict[str, Any]] = Gathering(at_cases)
COMMENTS_HEARD: Gathering[Told, bool] = Gathering(comment_recipients)
LIST_VERSIONS: Gathering[Told, str] = Gathering(list_versions)
