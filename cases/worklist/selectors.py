"""Reads that span models: the work list and what a case page shows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Exists, Max, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.access import Capability, institutions_with
from accounts.models import Institution
from cases.models import Annotation, Case, Comment, MaskSuspicion, Presence, Review, Series
from cases.worklist.filters import HELD, SENT_BACK, CaseFilter, behind, cursor_of
from cases.worklist.presence import others_prefetched
from cases.worklist.sent_back import sent_back_prefetched

PAGE_SIZE = 25
# A change that is committed after a later one stands among so many latest ones.
LATEST = 20
EVERYTHING = CaseFilter()


@dataclass(frozen=True)
class CasePage:
    """One page of the work list; ``after`` fetches the next, empty at the end."""

    cases: Sequence[Case] = ()
    after: str = ""


def cases_listed(user: Any, narrowed: CaseFilter) -> QuerySet[Case]:
    """The cases the user may see, in order, with what a list shows: ``series_count``, ``here``, ``sent_back``."""
    count = Series.objects.filter(case=OuterRef("pk")).order_by().values("case").values(n=Count("pk"))
    cases = narrowed.apply(Case.objects.visible_to(user), user)
    cases = cases.select_related("patient", "institution", "assignment__assignee", "assignment__group")
    shown = (others_prefetched(user), sent_back_prefetched(user))
    return cases.annotate(series_count=Coalesce(Subquery(count), 0)).prefetch_related(*shown)


def case_page(user: Any, narrowed: CaseFilter = EVERYTHING, *, after: str = "", size: int = PAGE_SIZE) -> CasePage:
    """Cases the user may see, paged by keyset: page 1,000 costs the same as page 1."""
    cases = cases_listed(user, narrowed)
    if after:
        cases = cases.filter(behind(after, narrowed.sort))
    found = list(cases[: size + 1])
    more = len(found) > size
    found = found[:size]
    return CasePage(found, cursor_of(found[-1], narrowed.sort) if more else "")


def case_counts(user: Any, narrowed: CaseFilter = EVERYTHING) -> dict[str, int]:
    """How many cases of each state there are with the rest of the filter; states without any are left out."""
    cases = narrowed.of_any_state().apply(Case.objects.visible_to(user), user).order_by()
    return dict(cases.values_list("state").annotate(n=Count("pk")))


def sent_back_count(user: Any, narrowed: CaseFilter = EVERYTHING) -> int:
    """How many cases with the rest of the filter were sent back, whatever their state."""
    return replace(narrowed, state=SENT_BACK, sort="").apply(Case.objects.visible_to(user), user).count()


def held_count(user: Any, narrowed: CaseFilter = EVERYTHING) -> int:
    """The same of cases with a mask that is held back."""
    return replace(narrowed, state=HELD, sort="").apply(Case.objects.visible_to(user), user).count()


def institutions_seen(user: Any) -> QuerySet[Institution]:
    """For the filter of the work list."""
    return Institution.objects.filter(pk__in=Case.objects.visible_to(user).values("institution"))


def lists_followed(user: Any) -> QuerySet[Institution]:
    """Where the person sees cases, each with what tells one state of its work list from the next: ``changed_at``, the
    latest changes of cases, ``here`` and ``opened_at``, of the pages that others have open. Read from indexes, however
    many cases there are.
    """
    cases = Case.objects.filter(institution=OuterRef("pk")).order_by("-changed_at")
    others = Presence.objects.here_now().of_others(user).filter(case__institution=OuterRef("pk")).order_by()
    here = others.values("case__institution").annotate(n=Count("pk"), latest=Max("opened_at"))
    return institutions_with(user, Capability.VIEW_CASES).annotate(
        changed_at=ArraySubquery(cases.values("changed_at")[:LATEST]),
        here=Subquery(here.values("n")),
        opened_at=Subquery(here.values("latest")),
    )


def list_version(institution: Any) -> str:
    """Of an institution of `lists_followed`: it differs as soon as its work list may show something else."""
    facts = [getattr(institution, name) for name in ("changed_at", "here", "opened_at")]
    return hashlib.sha256(str(facts).encode()).hexdigest()[:16]


def series_of(case: Case, user: Any) -> QuerySet[Series]:
    """The series of a case with what its page shows, as far as this person may see it.

    ``annotations``, newest first, with ``suspicions``; ``comments``; and ``words``: the last review of each task, with
    ``answered`` where a newer mask of the task is there.
    """
    suspected = Prefetch("suspicions", MaskSuspicion.objects.names_for(user).select_related("confirmed_by"))
    masks = Annotation.objects.seen_by(user).select_related("author", "model_version__owner", "task")
    masks = masks.prefetch_related(suspected, "task__labels")
    comments = Comment.objects.seen_by(user).select_related("author")
    newer = {name: OuterRef(name) for name in ("series", "task")} | {"created_at__gt": OuterRef("created_at")}
    latest = Review.objects.seen_by(user).latest_of_tasks().annotate(answered=Exists(masks.filter(**newer)))
    words = Prefetch("reviews", latest.select_related("reader", "task"), "words")
    shown = (Prefetch("annotations", masks), Prefetch("comments", comments), words)
    return case.series.prefetch_related(*shown).order_by("number")
