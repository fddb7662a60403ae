"""How the work list is narrowed and ordered."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models import SIGNED, Case, CaseState, Series
from cases.models.worklist import given_to
from cases.worklist.held import masks_held
from cases.worklist.sent_back import words_sent_back
from spineml.message import message
from spineplatform.shared.errors import UserError

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(9900, 1, 1)
SOON = timedelta(days=7)
ME, NOBODY = "me", "nobody"
# These narrow as a state does. A case that was sent back is in review, or corrected with another series that is not;
# of one that is held back the newest mask of a series is suspected.
SENT_BACK = "sent-back"
HELD = "held"
STATES = [*CaseState.choices, (SENT_BACK, _("Sent back")), (HELD, _("Mask held back"))]
OVERDUE, DUE_SOON, DATED = "overdue", "soon", "dated"
DUE = [(OVERDUE, _("Overdue")), (DUE_SOON, _("Due within a week")), (DATED, _("With a due date"))]
# Newest first is the default.
OLDEST, BY_DUE = "oldest", "due"
SORTS = [("", _("Newest first")), (OLDEST, _("Oldest first")), (BY_DUE, _("Due first"))]
ORDERS = {"": ("-created_at", "-pk"), OLDEST: ("created_at", "pk"), BY_DUE: ("due", "created_at", "pk")}


class BadFilter(UserError):
    """The filter is not valid. Clear it and choose again."""

    code = "bad-filter"


@dataclass(frozen=True)
class CaseFilter:
    """What the work list is narrowed to, and its order.

    Dates are inclusive days of receipt. ``state`` is one of `STATES`; ``assigned`` is "me" (also by a group), "nobody",
    the id of a person or of a group; ``due`` one of `DUE`, ``sort`` one of `SORTS`. What is empty narrows nothing.
    """

    query: str = ""
    state: str = ""
    institution: str = ""
    date_from: date | None = None
    date_to: date | None = None
    assigned: str = ""
    due: str = ""
    sort: str = ""

    def apply(self, cases: QuerySet[Case], user: Any) -> QuerySet[Case]:
        """The cases that fit, in order; raises BadFilter for values that mean nothing."""
        if self.query:
            cases = cases.filter(
                Q(title__icontains=self.query)
                | Q(patient__pseudonym__icontains=self.query)
                | Q(pk__in=Series.objects.filter(description__icontains=self.query).values("case"))
            )
        if self.state == SENT_BACK:
            cases = cases.filter(pk__in=words_sent_back(user).values("series__case"))
        elif self.state == HELD:
            cases = cases.filter(pk__in=masks_held(user).values("series__case"))
        elif self.state:
            if self.state not in CaseState.values:
                raise BadFilter(
                    message(
                        "“{state}” is not a case state. Known: {known}.",
                        state=self.state,
                        known=", ".join(dict(STATES)),
                    )
                )
            cases = cases.filter(state=self.state)
        if self.institution:
            cases = cases.filter(institution_id=_uuid(self.institution))
        if self.date_from:
            cases = cases.filter(created_at__gte=_midnight(self.date_from))
        if self.date_to:
            cases = cases.filter(created_at__lt=_midnight(self.date_to) + timedelta(days=1))
        return self._ordered(self._due(self._assigned(cases, user)))

    def of_any_state(self) -> CaseFilter:
        return replace(self, state="", sort="")

    def _assigned(self, cases: QuerySet[Case], user: Any) -> QuerySet[Case]:
        if not self.assigned:
            return cases
        if self.assigned == ME:
            return cases.filter(given_to(user))
        if self.assigned == NOBODY:
            return cases.filter(assignment__isnull=True)
        if self.assigned.isdecimal():
            return cases.filter(assignment__assignee=int(self.assigned[:18]))
        return cases.filter(assignment__group=_uuid(self.assigned))

    def _due(self, cases: QuerySet[Case]) -> QuerySet[Case]:
        today = timezone.localdate()
        narrowing = {
            "": Q(),
            OVERDUE: Q(assignment__due_on__lt=today) & ~Q(state__in=SIGNED),
            DUE_SOON: Q(assignment__due_on__gte=today, assignment__due_on__lte=today + SOON),
            DATED: Q(assignment__due_on__isnull=False),
        }
        if self.due not in narrowing:
            raise BadFilter(
                message(
                    "“{due}” is not a due date filter. Known: {known}.",
                    due=self.due,
                    known=", ".join(filter(None, narrowing)),
                )
            )
        return cases.filter(narrowing[self.due])

    def _ordered(self, cases: QuerySet[Case]) -> QuerySet[Case]:
        if self.sort not in ORDERS:
            raise BadFilter(
                message(
                    "“{sort}” is not a sort order. Known: {known}.",
                    sort=self.sort,
                    known=", ".join(filter(None, ORDERS)),
                )
            )
        if self.sort == BY_DUE:
            cases = cases.annotate(due=Coalesce(F("assignment__due_on"), Value(LAST_DAY)))
        return cases.order_by(*ORDERS[self.sort])


def _midnight(day: date) -> datetime:
    """The start of the day; days that no case can be from are brought to where time zones still work."""
    day = min(max(day, FIRST_DAY), LAST_DAY)
    return datetime(day.year, day.month, day.day, tzinfo=timezone.get_current_timezone())


def _uuid(value: str) -> uuid.UUID:
    try:
        return uuid.UUID(value)
    except ValueError:
        raise BadFilter from None


# --- pages by keyset --------------------------------------------------------------------------------------------------
def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("an instant without a time zone")
    return at


READ: dict[str, Callable[[str], Any]] = {
    "due": date.fromisoformat,
    "created_at": _instant,
    "pk": uuid.UUID,
}


def cursor_of(case: Case, sort: str) -> str:
    """Names the place of a case in the order, so that the next page begins behind it."""
    values = [getattr(case, name.lstrip("-")) for name in ORDERS[sort]]
    text = json.dumps([value.isoformat() if isinstance(value, date) else str(value) for value in values])
    return base64.urlsafe_b64encode(text.encode()).decode()


def behind(cursor: str, sort: str) -> Q:
    """The cases behind the cursor: later in the first key, or the same there and later in the second, and so on."""
    later, same = Q(), Q()
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        for name, text in zip(ORDERS[sort], values, strict=True):
            key = name.lstrip("-")
            value = READ[key](text)
            later |= same & Q(**{f"{key}__{'lt' if name.startswith('-') else 'gt'}": value})
            same &= Q(**{key: value})
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise BadFilter(message("The page address is not valid. Open the work list again.")) from None
    return later
