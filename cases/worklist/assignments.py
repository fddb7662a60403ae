"""Writes of the work list: who is to read which case."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.access import Capability, member_get, require
from accounts.models import Institution, User
from cases.changes import touch_cases
from cases.comments.services import notify
from cases.models import Assignment, Case, NoticeKind
from spineplatform.shared import audit
from spineplatform.shared.errors import NotFound, UserError

MOST_AT_ONCE = 200


class DuePassed(UserError):
    """This date has passed. Choose today or a later day."""

    code = "due-passed"


@dataclass(frozen=True)
class To:
    """A person or a group; neither: nobody in particular."""

    person: int | None = None
    group: uuid.UUID | None = None

    @property
    def is_nobody(self) -> bool:
        return self.person is None and self.group is None


def cases_assign(*, cases: Sequence[Case], actor: Any, to: To, due_on: date | None = None) -> None:
    """Give cases to a member or a group of their institution, or to nobody. All of them, or on any error none.

    Raises:
        NotFound: the person or group is not of a case's institution.
        DuePassed: ``due_on`` is before today, and is not what the case was due on already.
        Forbidden: ``actor`` may not assign there.
    """
    homes: dict[Any, Institution] = {case.institution_id: case.institution for case in cases}
    for home in homes.values():
        require(actor, home.pk, Capability.ASSIGN)
    with transaction.atomic():
        _hold(cases)
        for home in homes.values():
            _check(home, to)
        if to.is_nobody:
            Assignment.objects.filter(case__in=cases).delete()
        else:
            _check_day(cases, due_on)
            _give(cases, actor, to, due_on)
        touch_cases(Case.objects.filter(pk__in=[case.pk for case in cases]))
        for case in cases:
            audit.record(
                actor=actor,
                action="case.assigned",
                object_id=case.pk,
                institution_id=case.institution_id,
                assignee=str(to.person or to.group or ""),
            )


def _hold(cases: Sequence[Case]) -> None:
    """In one order, whatever the order of the list: two who assign the same cases at once wait for each other."""
    list(Case.objects.select_for_update(no_key=True).filter(pk__in=[case.pk for case in cases]).order_by("pk"))


def _check(home: Institution, to: To) -> None:
    """The group is held, so that it is not removed before the cases are given to it."""
    if to.person is not None:
        member_get(home, to.person)
    if to.group is not None and not home.reader_groups.select_for_update(no_key=True).filter(pk=to.group):
        raise NotFound


def _check_day(cases: Sequence[Case], due_on: date | None) -> None:
    """A case that is late may go to somebody else without another date."""
    if due_on is not None and due_on < timezone.localdate():
        late = Assignment.objects.filter(case__in=cases, due_on=due_on).count()
        if late < len({case.pk for case in cases}):
            raise DuePassed


def _give(cases: Sequence[Case], actor: Any, to: To, due_on: date | None) -> None:
    given = {"assignee_id": to.person, "group_id": to.group, "due_on": due_on}
    at = timezone.now()
    rows = [Assignment(case=case, assigned_by=actor, assigned_at=at, **given) for case in cases]
    Assignment.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["case"],
        update_fields=["assignee", "group", "due_on", "assigned_by", "assigned_at"],
    )
    meant = Q(pk=to.person) if to.group is None else Q(reader_groups=to.group, is_active=True)
    people = User.objects.filter(meant)
    told = list(people.exclude(pk=actor.pk))
    notify(told, NoticeKind.ASSIGNMENT, cases=cases, actor=actor)
