"""Writes of the work list: who is to read which case."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.access import Capability, member_get, require
from accounts.models import Institution, User
from cases.commenting import notify
from cases.models import Assignment, Case, NoticeKind
from spineplatform.shared import audit


def cases_assign(*, cases: Sequence[Case], actor: Any, assignee_id: int | None, due_on: date | None = None) -> None:
    """Give cases to a member of their institution, or with None to nobody. All of them, or on any error none.

    Raises:
        NotFound: the person is no member of a case's institution.
        Forbidden: ``actor`` may not assign there.
    """
    homes: dict[Any, Institution] = {case.institution_id: case.institution for case in cases}
    for home in homes.values():
        require(actor, home.pk, Capability.ASSIGN)
        if assignee_id is not None:
            member_get(home, assignee_id)
    with transaction.atomic():
        if assignee_id is None:
            Assignment.objects.filter(case__in=cases).delete()
        else:
            _give(cases, actor, assignee_id, due_on)
        for case in cases:
            audit.record(
                actor=actor,
                action="case.assigned",
                object_id=case.pk,
                institution_id=case.institution_id,
                assignee=str(assignee_id or ""),
            )


def _give(cases: Sequence[Case], actor: Any, assignee_id: int, due_on: date | None) -> None:
    at = timezone.now()
    rows = [
        Assignment(case=case, assignee_id=assignee_id, due_on=due_on, assigned_by=actor, assigned_at=at)
        for case in cases
    ]
    Assignment.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["case"],
        update_fields=["assignee", "due_on", "assigned_by", "assigned_at"],
    )
    if assignee_id != actor.pk:
        for case in cases:
            notify(User.objects.filter(pk=assignee_id), NoticeKind.ASSIGNMENT, case=case, actor=actor)
