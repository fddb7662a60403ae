"""Writes of what people of a reading project are told: series to read, series to settle, and that all are settled.

Call these with the project held (``project_held``), so that nobody is told of what was before, or not at all.
Nothing here tells a reader what the others do: how many series wait for a reader follows from their own readings.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from cases.agreement.selectors import ready_to_settle, series_to_read
from cases.models import Notice, NoticeKind, ReadingProject
from cases.models.agreement import SETTLED, ProjectRole
from cases.telling import tell


def project_held(project_id: uuid.UUID) -> ReadingProject:
    """The project as it is now, held until the transaction ends, so that its people stay who they are.

    Hold its series before and a case after it, as all do.
    """
    return ReadingProject.objects.select_for_update(no_key=True).get(pk=project_id)


def readers_tell(project: ReadingProject, people: Iterable[int], *, actor: Any) -> None:
    """Tell these readers, by their ids, how many series wait for them; not whoever gives the series."""
    numbers = series_to_read(project, [one for one in people if one != actor.pk])
    _tell(project, NoticeKind.TO_READ, numbers, actor)


@contextmanager
def adjudicators_told(project: ReadingProject) -> Iterator[None]:
    """Tell the adjudicators once where more series are ready to settle after the block than before."""
    before = ready_to_settle(project).count()
    yield
    ready = ready_to_settle(project).count()
    if ready > before:
        people = project.members.filter(role=ProjectRole.ADJUDICATOR).values_list("user", flat=True)
        _tell(project, NoticeKind.TO_SETTLE, dict.fromkeys(people, ready), None)


def author_tell(project: ReadingProject, *, actor: Any) -> None:
    """Tell whoever leads the project once all its series are settled, unless they did the last step themselves."""
    by_themselves = actor is not None and actor.pk == project.created_by_id
    if by_themselves or not project.items.exists() or project.items.exclude(state__in=SETTLED).exists():
        return
    _tell(project, NoticeKind.ALL_SETTLED, {project.created_by_id: None}, actor)


def _tell(project: ReadingProject, kind: NoticeKind, numbers: dict[int, Any], actor: Any) -> None:
    """One notice for each person, in place of one of this kind that they have not read yet."""
    Notice.objects.unread().filter(project=project, kind=kind, recipient__in=numbers).delete()
    tell(
        Notice.objects.bulk_create(
            Notice(recipient_id=person, kind=kind, project=project, number=number, actor=actor)
            for person, number in numbers.items()
        )
    )
