"""Reading projects for tests: two readers, an adjudicator, and series in every state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from accounts.models import Institution, User
from cases.models import AgreementRun, Annotation, ReadingItem, ReadingProject, Series
from cases.models.projects import ProjectRole
from cases.projects.reading_services import item_decide, reading_finish
from cases.projects.worker import run_agreement
from spineplatform.shared.lease import Lease
from spineplatform.shared.runs import claim
from tests import factories


@dataclass
class Group:
    """A project with its people; ``first`` and ``second`` read, ``third`` adjudicates."""

    first: User
    second: User
    third: User
    project: ReadingProject
    items: list[ReadingItem] = field(default_factory=list)


def project(*, readers: list[User], adjudicator: User, institution: Institution, **fields: Any) -> ReadingProject:
    values = {"name": f"Project {ReadingProject.objects.count() + 1}", "created_by": adjudicator, **fields}
    row = ReadingProject.objects.create(institution=institution, **values)
    for person in readers:
        row.members.create(user=person, role=ProjectRole.READER)
    row.members.create(user=adjudicator, role=ProjectRole.ADJUDICATOR)
    return row


def group(**fields: Any) -> Group:
    place = fields.pop("institution", None) or factories.institution()
    people = [factories.user("annotator", institution=place) for _ in range(2)]
    third = factories.user("clinician", institution=place)
    return Group(*people, third, project(readers=people, adjudicator=third, institution=place, **fields))


def item(of: ReadingProject, series: Series | None = None) -> ReadingItem:
    """A waiting series that a model has segmented."""
    series = series or factories.series(institution=of.institution)
    factories.prediction(of=series)
    return ReadingItem.objects.create(institution=of.institution, project=of, series=series)


def mask(of: ReadingItem, author: User, *, shift: int = 0, **fields: Any) -> Annotation:
    pixels = factories.labels(of.series.geometry, shift=shift)
    return factories.annotation(of=of.series, author=author, pixels=pixels, **fields)


def finish(of: ReadingItem, reader: User, *, shift: int = 0) -> Annotation:
    """A mask of the reader's own, moved right by ``shift`` columns, and the reading finished with it."""
    made = mask(of, reader, shift=shift)
    reading_finish(item=of, annotation=made, actor=reader)
    return made


class InTransaction(Lease[AgreementRun]):
    """A lease within the test's own transaction, whose connection must stay open."""

    @contextmanager
    def writing(self, **how: bool) -> Iterator[AgreementRun]:
        with transaction.atomic():
            yield AgreementRun.objects.select_for_update().get(pk=self.run.pk)


def work(of: ReadingItem) -> AgreementRun:
    """Do what is queued, within the test's own transaction: without the heartbeat. Returns the newest run."""
    for run in of.runs.filter(state="queued"):
        claimed = claim(AgreementRun, run.pk)
        assert claimed is not None
        run_agreement(InTransaction(claimed))
    of.refresh_from_db()
    run = of.runs.first()
    assert run is not None
    return run


def both_read(of: Group, *, shift: int = 1, series: Series | None = None) -> ReadingItem:
    """A series that both readers have finished and that was compared."""
    row = item(of.project, series)
    finish(row, of.first)
    finish(row, of.second, shift=shift)
    work(row)
    return row


def settled(of: ReadingItem, readers: list[User], adjudicator: User) -> ReadingItem:
    """The same, finished by all and decided for the first reader's mask; nothing has compared it yet."""
    masks = [finish(of, reader) for reader in readers]
    item_decide(item=of, annotation=masks[0], actor=adjudicator)
    return of
