"""Writes of readings: finishing one, comparing them, and settling what readers disagree about."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.access import Capability, require
from cases.checks.services import require_unsuspected
from cases.models import (
    AgreementRun,
    Annotation,
    AnnotationSource,
    Decision,
    Reading,
    ReadingItem,
    ReadingProject,
    ReviewVerdict,
)
from cases.models.projects import (
    BEING_READ,
    SETTLED,
    AgreementJob,
    DecisionKind,
    ItemState,
    ProjectRole,
)
from cases.projects.access import require_part
from cases.projects.notifications import notices_correct, notify_adjudicators_of_change, notify_author, project_held
from cases.signatures import NewReview, review_record
from spineml.message import message
from spineplatform.shared import audit
from spineplatform.shared.errors import Conflict, UserError
from spineplatform.shared.runs import run_enqueue, run_retry

FEWEST_READINGS = 2
FEWEST_FOR_STAPLE = 3


class ReadingClosed(Conflict):
    """All readers have finished this series, so your reading can no longer be changed."""

    code = "reading-closed"


class NotYourMask(UserError):
    """Finish with a mask of your own on this series, or accept one that a model made."""

    code = "not-your-mask"


class NotOfTheTask(UserError):
    """The mask is of another task than the project. Choose a mask of the project's task."""

    code = "not-of-the-task"


class NotAllRead(Conflict):
    """Not all readers have finished this series. It can be adjudicated afterwards."""

    code = "not-all-read"


class AlreadyDecided(Conflict):
    """This series is already decided. Its page shows the chosen mask."""

    code = "already-settled"


class TooFewForStaple(Conflict):
    """STAPLE of two readers is only their intersection. Choose the majority, the union, or the mask of one of them."""

    code = "too-few-readers"


class NotToDecideOn(UserError):
    """Choose a reader's mask, the model's mask, a proposal, or a correction of your own."""

    code = "not-to-decide-on"


# --- reading ----------------------------------------------------------------------------------------------------------
def reading_finish(*, item: ReadingItem, annotation: Annotation, actor: Any) -> Reading:
    """Say that ``actor`` has finished the series with this mask. The last reader's finish starts the comparison.

    Until all have finished, a reader may finish again with another mask; without blind reading also afterwards, as
    long as the series is not settled.

    Raises:
        NotYourMask: the mask is of another series, or of another person.
        NotOfTheTask: it is of another task than the project.
        ReadingClosed: it is too late to change it.
        MaskSuspected: something is suspected of the mask, and nobody has said that it is right.
        Forbidden, NotFound: ``actor`` is no reader of the project.
    """
    require(actor, item.institution_id, Capability.CORRECT_MASK)
    own = annotation.source == AnnotationSource.MODEL or annotation.author_id == actor.pk
    with transaction.atomic():
        row = item_locked(item)
        row.project = project_held(row.project_id)
        require_part(actor, row.project, ProjectRole.READER)
        if annotation.series_id != item.series_id or not own:
            raise NotYourMask
        _check_task(row.project, annotation)
        if row.state in SETTLED or (row.state not in BEING_READ and row.project.blind):
            raise ReadingClosed
        require_unsuspected(annotation)
        reading, _ = Reading.objects.update_or_create(
            item=row, reader=actor, defaults={"annotation": annotation, "finished_at": timezone.now()}
        )
        _record(actor, "reading.finished", item, annotation=str(annotation.pk))
        with notify_adjudicators_of_change(row.project):
            readings_advance(row, actor)
    item.refresh_from_db()
    return reading


def _check_task(project: ReadingProject, annotation: Annotation) -> None:
    if annotation.task_id != project.task_id:
        raise NotOfTheTask(
            message(
                "This project is about “{task}”, the mask about “{other}”. Choose a mask of the project's task.",
                task=project.task.name,
                other=annotation.task.name,
            )
        )


def readings_advance(item: ReadingItem, actor: Any) -> None:
    """Set how far the readers are; once all have read, the comparison starts. Call with the item and project held.

    A series that all have read already waits for nobody who came later; one reading alone is never all.
    """
    readers = item.project.members.taking_part().filter(role=ProjectRole.READER)
    waits = readers.exclude(user__in=item.readings.values("reader")).exists() or item.readings.count() < FEWEST_READINGS
    item.state = ItemState.ONE_READ if item.state in BEING_READ and waits else ItemState.ALL_READ
    item.figures = None
    item.save(update_fields=["state", "figures"])
    if item.state == ItemState.ALL_READ:
        run_start(item=item, job=AgreementJob.FIGURES, actor=actor)


def figures_outdated(*, series_id: uuid.UUID, task: str) -> None:
    """Another mask of the task by a model: where all have read, the figures are computed again. Call inside a
    transaction.
    """
    item = ReadingItem.objects.filter(series=series_id, project__task=task).exclude(state__in=BEING_READ).first()
    if item is not None:
        run_start(item=item, job=AgreementJob.FIGURES, actor=None)


# --- figures and proposals --------------------------------------------------------------------------------------------
def agreement_compute(*, item: ReadingItem, actor: Any) -> AgreementRun:
    """Compute the figures of a series again.

    Raises:
        NotAllRead: there is nothing to compare yet.
        Forbidden, NotFound: ``actor`` may not correct masks there.
    """
    require(actor, item.institution_id, Capability.CORRECT_MASK)
    with transaction.atomic():
        if item_locked(item).state in BEING_READ:
            raise NotAllRead
        return run_start(item=item, job=AgreementJob.FIGURES, actor=actor)


def proposal_make(*, item: ReadingItem, job: AgreementJob, actor: Any) -> AgreementRun:
    """Have one mask made of the readers' masks, to look at, to decide for, or to correct.

    Raises:
        NotAllRead, AlreadyDecided: it is not the time for it.
        MaskSuspected: something is suspected of the mask, and nobody has said that it is right.
        TooFewForStaple: STAPLE of two readers.
        Forbidden, NotFound: ``actor`` is no adjudicator of the project.
    """
    _require_adjudicator(item, actor)
    with transaction.atomic():
        _check_open(item_locked(item))
        if job not in jobs_offered(item):
            raise TooFewForStaple
        return run_start(item=item, job=job, actor=actor)


def jobs_offered(item: ReadingItem) -> list[AgreementJob]:
    """The ways to make one mask of the readers'. Two are no reason to believe either more: no STAPLE then."""
    few = item.readings.count() < FEWEST_FOR_STAPLE
    return [job for job in AgreementJob if job != AgreementJob.FIGURES and not (few and job == AgreementJob.STAPLE)]


def run_start(*, item: ReadingItem, job: AgreementJob, actor: Any) -> AgreementRun:
    """Queue the run, or return the one that is waiting or going; call inside a transaction."""
    going = item.runs.filter(job=job).unfinished().first()
    if going is not None:  # one that has read the masks before they changed notices it, and reads them again
        return going
    failed = item.runs.filter(job=job, state__in=("failed", "cancelled"), annotation__isnull=True).first()
    if failed is not None:
        run_retry(run=failed, actor=actor)
        return failed
    run = AgreementRun.objects.create(
        institution_id=item.institution_id,
        requested_by=actor,
        item=item,
        job=job,
        progress_message=message("Waiting for a worker"),
    )
    run_enqueue(run)
    return run


# --- settling ---------------------------------------------------------------------------------------------------------
def item_decide(*, item: ReadingItem, annotation: Annotation, actor: Any, note: str = "") -> Decision:
    """Settle a series: this mask goes on to training, signed by the adjudicator.

    Raises:
        NotToDecideOn: the mask is of another series, or neither a reading, a model's, a proposal nor ``actor``'s own.
        NotOfTheTask: it is of another task than the project.
        NotAllRead, AlreadyDecided: it is not the time for it.
        Forbidden, NotFound: ``actor`` is no adjudicator of the project.
    """
    _require_adjudicator(item, actor)
    kind = _kind(item, annotation, actor)
    with transaction.atomic():
        row = item_locked(item)
        _check_open(row)
        require_unsuspected(annotation)
        decision = decision_record(item=row, annotation=annotation, kind=kind, signer=actor, note=note)
        _record(actor, "reading.adjudicated", item, annotation=str(annotation.pk), kind=str(kind))
    item.refresh_from_db()
    return decision


def _kind(item: ReadingItem, annotation: Annotation, actor: Any) -> DecisionKind:
    if annotation.series_id != item.series_id:
        raise NotToDecideOn
    _check_task(item.project, annotation)
    if annotation.source == AnnotationSource.MODEL:
        return DecisionKind.MODEL
    if item.readings.filter(annotation=annotation).exists():
        return DecisionKind.READING
    if item.runs.filter(annotation=annotation).exists():
        return DecisionKind.PROPOSAL
    if annotation.author_id == actor.pk:
        return DecisionKind.CORRECTION
    raise NotToDecideOn


def decision_record(
    *, item: ReadingItem, annotation: Annotation, kind: DecisionKind, signer: Any, note: str = ""
) -> Decision:
    """Write a decision with its approval for training; call inside a transaction that holds the item.

    ``signer`` signs the approval: the adjudicator, or the reader whose mask it is where the readers agreed.
    """
    project = project_held(item.project_id)
    agreed = kind == DecisionKind.AGREED
    decision = Decision.objects.create(
        item=item, annotation=annotation, kind=kind, decided_by=None if agreed else signer, note=note
    )
    item.state = ItemState.AGREED if agreed else ItemState.ADJUDICATED
    item.save(update_fields=["state"])
    review_record(series=item.series, reader=signer, review=NewReview(ReviewVerdict.APPROVED, annotation, note))
    notices_correct(project)
    notify_author(project, actor=decision.decided_by)
    return decision


def _require_adjudicator(item: ReadingItem, actor: Any) -> None:
    require(actor, item.institution_id, Capability.CORRECT_MASK)
    require_part(actor, item.project, ProjectRole.ADJUDICATOR)


def _check_open(item: ReadingItem) -> None:
    if item.state in BEING_READ:
        raise NotAllRead
    if item.state in SETTLED:
        raise AlreadyDecided


def item_locked(item: ReadingItem) -> ReadingItem:
    """The row as it is now, held until the transaction ends; rows that refer to it can be written meanwhile.

    Its project is not joined: while this waits for the row the project may change, and a join would show it as before.
    """
    return ReadingItem.objects.select_for_update(no_key=True).get(pk=item.pk)


def _record(actor: Any, action: str, row: ReadingItem, **detail: Any) -> None:
    institution: uuid.UUID = row.institution_id
    audit.record(actor=actor, action=action, object_id=row.pk, institution_id=institution, **detail)
