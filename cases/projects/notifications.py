"""Writes of what people of a reading project are told: series to read, series to settle, and that all are settled.

Call these with the project held (``project_held``), so that nobody is told of what was before, or not at all.
Nothing here tells a reader what the others do: how many series wait for a reader follows from their own readings.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.utils import timezone

from cases.models import Notice, NoticeKind, ReadingProject
from cases.models.comments import WITH_NUMBER
from cases.models.projects import SETTLED, ProjectRole
from cases.notifications import notify_changed, person_group, tell
from cases.projects.selectors import ready_to_adjudicate, series_to_read


def project_held(project_id: uuid.UUID) -> ReadingProject:
    """The project as it is now, held until the transaction ends, so that its people stay who they are.

    Hold its series before and a case after it, as all do.
    """
    return ReadingProject.objects.select_for_update(no_key=True).get(pk=project_id)


def notify_readers(project: ReadingProject, people: Iterable[int], *, actor: Any) -> None:
    """Tell these readers, by their ids, how many series wait for them; not whoever gives the series."""
    numbers = series_to_read(project, [one for one in people if one != actor.pk])
    _tell(project, NoticeKind.TO_READ, numbers, actor)


@contextmanager
def notify_adjudicators_of_change(project: ReadingProject, *, but: Any = None) -> Iterator[None]:
    """Tell the adjudicators, save ``but``, once where more series are ready to settle after the block than before."""
    before = ready_to_adjudicate(project).count()
    yield
    ready = ready_to_adjudicate(project).count()
    if ready > before:
        people = project.members.filter(role=ProjectRole.ADJUDICATOR).exclude(user=but).values_list("user", flat=True)
        _tell(project, NoticeKind.TO_SETTLE, dict.fromkeys(people, ready), None)
    notices_correct(project)


def notify_author(project: ReadingProject, *, actor: Any) -> None:
    """Tell whoever leads the project once all its series are settled, unless they did the last step themselves."""
    by_themselves = actor is not None and actor.pk == project.created_by_id
    if by_themselves or not project.items.exists() or project.items.exclude(state__in=SETTLED).exists():
        return
    _tell(project, NoticeKind.ALL_SETTLED, {project.created_by_id: None}, actor)


def notices_correct(project: ReadingProject) -> None:
    """Unread notices tell what is left where it became less; once nothing is, they count as read.

    A reader's change only with what that reader finishes, and with series that are taken out.
    """
    unread = list(Notice.objects.unread().filter(project=project, kind__in=WITH_NUMBER))
    left = _left(project, unread)
    less = [one for one in unread if 0 < left[one.pk] < (one.number or 0)]
    for one in less:
        one.number = left[one.pk]
    Notice.objects.bulk_update(less, ["number"])
    over = [one for one in unread if not left[one.pk]]
    Notice.objects.unread().filter(pk__in=[one.pk for one in over]).update(read_at=timezone.now())
    for one in over:
        notify_changed(person_group(one.recipient_id))


def mark_undecided(project: ReadingProject) -> None:
    """There is something to read again: an unread word that all is settled counts as read."""
    if Notice.objects.unread().filter(project=project, kind=NoticeKind.ALL_SETTLED).update(read_at=timezone.now()):
        notify_changed(person_group(project.created_by_id))


def _left(project: ReadingProject, unread: list[Notice]) -> dict[uuid.UUID, int]:
    """How many series there are now to read or to settle for whom each notice was meant."""
    if not unread:
        return {}
    ready, to_read = ready_to_adjudicate(project).count(), series_to_read(project, [one.recipient_id for one in unread])
    return {one.pk: ready if one.kind == NoticeKind.TO_SETTLE else to_read.get(one.recipient_id, 0) for one in unread}


def _tell(project: ReadingProject, kind: NoticeKind, numbers: dict[int, Any], actor: Any) -> None:
    """One notice for each person, in place of one of this kind that they have not read yet."""
    Notice.objects.unread().filter(project=project, kind=kind, recipient__in=numbers).delete()
    tell(
        Notice.objects.bulk_create(
            Notice(recipient_id=person, kind=kind, project=project, number=number, actor=actor)
            for person, number in numbers.items()
        )
    )
