"""Reads that span models: the work list and what a case page shows."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Institution
from cases.models import Annotation, Case, CaseState, Comment, Review, Series
from cases.present import others_prefetched
from spineplatform.shared.errors import UserError

PAGE_SIZE = 25
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(9900, 1, 1)


class BadFilter(UserError):
    """The filter is not understood. Clear it and choose again."""

    code = "bad-filter"


@dataclass(frozen=True)
class CaseFilter:
    """What the work list is narrowed to. Dates are inclusive days of receipt; ``assigned`` is "me", "nobody" or all."""

    query: str = ""
    state: str = ""
    institution: str = ""
    date_from: date | None = None
    date_to: date | None = None
    assigned: str = ""

    def apply(self, cases: QuerySet[Case]) -> QuerySet[Case]:
        if self.query:
            cases = cases.filter(
                Q(title__icontains=self.query)
                | Q(patient__pseudonym__icontains=self.query)
                | Q(pk__in=Series.objects.filter(description__icontains=self.query).values("case"))
            )
        if self.state:
            if self.state not in CaseState.values:
                raise BadFilter(f"“{self.state}” is no state of a case. Known: {', '.join(CaseState.values)}.")
            cases = cases.filter(state=self.state)
        if self.institution:
            cases = cases.filter(institution_id=_uuid(self.institution))
        if self.date_from:
            cases = cases.filter(created_at__gte=_midnight(self.date_from))
        if self.date_to:
            cases = cases.filter(created_at__lt=_midnight(self.date_to) + timedelta(days=1))
        return cases


def _midnight(day: date) -> datetime:
    """The start of the day; days that no case can be from are brought to where time zones still work."""
    day = min(max(day, FIRST_DAY), LAST_DAY)
    return datetime(day.year, day.month, day.day, tzinfo=timezone.get_current_timezone())


def _uuid(value: str) -> uuid.UUID:
    try:
        return uuid.UUID(value)
    except ValueError:
        raise BadFilter("The institution in the filter is not known.") from None


@dataclass(frozen=True)
class CasePage:
    """One page of the work list; ``after`` fetches the next, empty at the end."""

    cases: Sequence[Case] = ()
    after: str = ""


def cases_listed(user: Any, narrowed: CaseFilter) -> QuerySet[Case]:
    """The cases the user may see, with what a list shows; ``series_count`` is counted for the rows of a page alone."""
    count = Series.objects.filter(case=OuterRef("pk")).order_by().values("case").values(n=Count("pk"))
    cases = narrowed.apply(Case.objects.visible_to(user))
    if narrowed.assigned == "me":
        cases = cases.filter(assignment__assignee=user)
    elif narrowed.assigned == "nobody":
        cases = cases.filter(assignment__isnull=True)
    cases = cases.select_related("patient", "institution", "assignment__assignee")
    return cases.annotate(series_count=Coalesce(Subquery(count), 0)).prefetch_related(others_prefetched(user))


def case_page(user: Any, narrowed: CaseFilter = CaseFilter(), *, after: str = "", size: int = PAGE_SIZE) -> CasePage:
    """The newest cases the user may see, paged by keyset: page 1,000 costs the same as page 1."""
    cases = cases_listed(user, narrowed)
    if after:
        created_at, pk = _cursor(after)
        cases = cases.filter(Q(created_at__lt=created_at) | Q(created_at=created_at, pk__lt=pk))
    found = list(cases.order_by("-created_at", "-pk")[: size + 1])
    more = len(found) > size
    found = found[:size]
    return CasePage(found, _as_cursor(found[-1]) if more else "")


def _as_cursor(case: Case) -> str:
    text = json.dumps([case.created_at.isoformat(), str(case.pk)])
    return base64.urlsafe_b64encode(text.encode()).decode()


def _cursor(value: str) -> tuple[datetime, uuid.UUID]:
    try:
        created_at, pk = json.loads(base64.urlsafe_b64decode(value.encode()))
        return datetime.fromisoformat(created_at), uuid.UUID(pk)
    except (ValueError, TypeError, AttributeError):
        raise BadFilter("The page address is damaged. Open the work list again.") from None


def institutions_seen(user: Any) -> QuerySet[Institution]:
    """For the filter of the work list."""
    return Institution.objects.filter(pk__in=Case.objects.visible_to(user).values("institution"))


def series_of(case: Case, user: Any) -> QuerySet[Series]:
    """The series of a case with what its page shows: their runs, and of the rest what this person may see.

    ``annotations``, newest first, ``comments``, and ``words``: the last review in a list, empty without any.
    """
    masks = Annotation.objects.seen_by(user).select_related("author", "prediction__model_version")
    comments = Comment.objects.seen_by(user).select_related("author")
    words = Prefetch("reviews", Review.objects.seen_by(user).latest_of_series().select_related("reader"), "words")
    shown = (Prefetch("annotations", masks), Prefetch("comments", comments), words, "inference_runs")
    return case.series.prefetch_related(*shown).order_by("number")
