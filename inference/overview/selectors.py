"""Reads for whoever leads: throughput, waiting times, open work, what readers make of the model's masks, and drift.

Everything is counted by the database, from rows that were written when things happened.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import (
    Aggregate,
    Avg,
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    FloatField,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
)
from django.db.models import (
    Case as When,
)
from django.db.models import (
    When as Condition,
)
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Concat, Least, Now, TruncMonth, TruncWeek
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.access import Capability, institutions_with
from accounts.models import Institution
from cases.models import Case, CaseState, Review, ReviewVerdict, Series
from inference.models import Acceptance, Prediction

OPEN = [state.value for state in CaseState if state not in (CaseState.APPROVED, CaseState.REJECTED)]
USUAL_DAYS = 84
FRESH, OLD = timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True)
class Scope:
    """Whose work, from ``first`` to ``last`` day, both included. ``reader`` limits figures of readers to one person."""

    institutions: tuple[Any, ...]
    first: date
    last: date
    reader: Any = None

    @property
    def start(self) -> datetime:
        return timezone.make_aware(datetime.combine(self.first, time.min))

    @property
    def end(self) -> datetime:
        return timezone.make_aware(datetime.combine(self.last + timedelta(days=1), time.min))

    def within(self, field: str = "created_at") -> Q:
        return Q(**{f"{field}__gte": self.start, f"{field}__lt": self.end})


def scope_for(user: Any, *, first: date | None, last: date | None, institution: Institution | None) -> Scope:
    """The last twelve weeks at all of the user's institutions unless said otherwise.

    Whoever does not lead sees, of the readers, only themselves.
    """
    last = last or timezone.localdate()
    places = [institution] if institution else list(institutions_with(user, Capability.VIEW_CASES))
    leads = set(institutions_with(user, Capability.LEAD).values_list("pk", flat=True))
    everybody = all(place.pk in leads for place in places)
    return Scope(
        institutions=tuple(place.pk for place in places),
        first=first or last - timedelta(days=USUAL_DAYS - 1),
        last=last,
        reader=None if everybody else user.pk,
    )


class Percentile(Aggregate):
    """PostgreSQL's PERCENTILE_CONT: the value below which the share ``of`` (0..1) lies, interpolated."""

    function = "PERCENTILE_CONT"
    template = "%(function)s(%(of)s) WITHIN GROUP (ORDER BY %(expressions)s)"

    def __init__(self, expression: Any, of: float, **extra: Any) -> None:
        super().__init__(expression, of=float(of), **extra)


# --- throughput and waiting -------------------------------------------------------------------------------------------
def throughput(scope: Scope) -> list[dict[str, Any]]:
    """By week (its Monday): series imported, segmented for the first time, and signed for the first time."""
    series = Series.objects.filter(institution__in=scope.institutions)
    stages = {
        "imported": _by_week(series.filter(scope.within()).annotate(at=F("created_at"))),
        "segmented": _by_week(series.annotate(at=_first_mask()).filter(scope.within("at"))),
        "signed": _by_week(series.annotate(at=_first_signature()).filter(scope.within("at"))),
    }
    return [{"week": week, **{name: counts.get(week, 0) for name, counts in stages.items()}} for week in weeks(scope)]


def weeks(scope: Scope) -> list[date]:
    """The Mondays of the weeks that the scope touches."""
    monday = scope.first - timedelta(days=scope.first.weekday())
    return [monday + timedelta(weeks=n) for n in range((scope.last - monday).days // 7 + 1)]


def _by_week(rows: QuerySet[Any]) -> dict[date, int]:
    found = rows.annotate(week=TruncWeek("at")).order_by().values("week").annotate(n=Count("pk"))
    return {row["week"].date(): row["n"] for row in found}


def _first_mask() -> Subquery:
    first = Prediction.objects.filter(annotation__series=OuterRef("pk")).order_by("created_at")
    return Subquery(first.values("created_at")[:1])


def _first_signature() -> Subquery:
    signed = Review.objects.filter(series=OuterRef("pk")).exclude(verdict=ReviewVerdict.SENT_BACK)
    return Subquery(signed.order_by("created_at").values("created_at")[:1])


def waiting_times(scope: Scope) -> dict[str, dict[str, float | None]]:
    """Median and 90th percentile in hours, of the series that were segmented, and signed, within the scope."""
    series = Series.objects.filter(institution__in=scope.institutions)
    segmented = series.annotate(begin=F("created_at"), at=_first_mask())
    signed = series.annotate(begin=Least(_first_mask(), _first_signature()), at=_first_signature())
    return {"segmented": _waited(segmented, scope), "signed": _waited(signed, scope)}


def _waited(rows: QuerySet[Any], scope: Scope) -> dict[str, float | None]:
    waited = ExpressionWrapper(F("at") - F("begin"), output_field=DurationField())
    found = rows.filter(scope.within("at")).annotate(waited=waited)
    figures = found.aggregate(
        median=Percentile("waited", 0.5, output_field=DurationField()),
        late=Percentile("waited", 0.9, output_field=DurationField()),
        n=Count("pk"),
    )
    hours = {
        name: None if (value := figures[name]) is None else value.total_seconds() / 3600 for name in ("median", "late")
    }
    return {"median_hours": hours["median"], "p90_hours": hours["late"], "series": figures["n"]}


def open_work(scope: Scope) -> list[dict[str, Any]]:
    """Cases that are not signed yet, by state and age, whenever they came."""
    age = When(
        Condition(created_at__gte=Now() - FRESH, then=Value("day")),
        Condition(created_at__gte=Now() - OLD, then=Value("week")),
        default=Value("older"),
    )
    rows = Case.objects.filter(institution__in=scope.institutions, state__in=OPEN).annotate(age=age)
    found = rows.order_by().values("state", "age").annotate(n=Count("pk"))
    counts = {(row["state"], row["age"]): row["n"] for row in found}
    return [{"state": state, **{a: counts.get((state, a), 0) for a in ("day", "week", "older")}} for state in OPEN]


# --- what readers make of the model's masks ---------------------------------------------------------------------------
def acceptances(scope: Scope) -> QuerySet[Acceptance]:
    """Approvals of the model's masks within the scope; ``dice`` is 1 where nothing was changed.

    Of a task with several labels it is the mean of the labels: who renames a vertebra has changed the mask.
    """
    found = {name: KeyTextTransform("dice", KeyTextTransform(name, "comparison__result")) for name in TOLD}
    told = Coalesce(*found.values())
    dice = When(Condition(unchanged=True, then=Value(1.0)), default=Cast(told, FloatField()), output_field=FloatField())
    maker = Coalesce(KeyTextTransform("manufacturer", "review__series__meta"), Value(""), output_field=TextField())
    rows = Acceptance.objects.filter(scope.within("review__created_at"), review__institution__in=scope.institutions)
    return rows.annotate(dice=dice, maker=maker, month=TruncMonth("review__created_at"))


TOLD = ("mean_of_labels", "pooled")
VERSION = "prediction__annotation__model_version"
GROUPS = {
    "version": VERSION,
    "institution": "review__institution__name",
    "scanner": "maker",
    "reader": "review__reader__username",
}


def _named(rows: QuerySet[Acceptance], scope: Scope, group: str) -> QuerySet[Acceptance]:
    """With the ``name`` of the group. A version's is that of `registry.models.ModelVersion.name_at`: it begins with the
    owner where that is another one, and wherever several institutions are looked at.
    """
    if group != "version":
        return rows.annotate(name=F(GROUPS[group]))
    number = Cast(f"{VERSION}__number", TextField())
    platform = Value(_("platform v%(number)s") % {"number": ""}, TextField())
    owner = Cast(f"{VERSION}__owner__name", TextField())
    only = scope.institutions if len(scope.institutions) == 1 else ()
    name = When(
        Condition(**{f"{VERSION}__owner__isnull": True}, then=Concat(platform, number)),
        Condition(**{f"{VERSION}__owner__in": only}, then=Concat(Value("v", TextField()), number)),
        default=Concat(owner, Value(" v", TextField()), number),
        output_field=TextField(),
    )
    return rows.annotate(name=name)


def accepted_by(scope: Scope, group: str) -> list[dict[str, Any]]:
    """By one of `GROUPS`: approvals, the share without change (0..1), mean and lowest Dice to the accepted mask."""
    rows = acceptances(scope)
    if group == "reader" and scope.reader is not None:
        rows = rows.filter(review__reader=scope.reader)
    return _accepted(_named(rows, scope, group), ["name"])


def accepted_by_month(scope: Scope) -> list[dict[str, Any]]:
    """The same by version and month."""
    return _accepted(_named(acceptances(scope), scope, "version"), ["name", "month"])


def _accepted(rows: QuerySet[Acceptance], by: Iterable[str]) -> list[dict[str, Any]]:
    unchanged = Avg(When(Condition(unchanged=True, then=Value(1.0)), default=Value(0.0), output_field=FloatField()))
    found = (
        rows.order_by()
        .values(*by)
        .annotate(approvals=Count("pk"), unchanged_share=unchanged, mean_dice=Avg("dice"), lowest_dice=Min("dice"))
    )
    return list(found.order_by(*by))
