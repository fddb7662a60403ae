"""Writes of this app: starting runs and recording what they made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction

from accounts.access import Capability, require
from cases.models import Annotation, Series
from inference.models import ComparisonRun, InferenceRun
from registry.models import SPINE_CT, ModelVersion
from registry.selectors import default_tasks, is_usable, version_active, version_active_or_none
from registry.structures import common_task, task_get
from spineml.message import message
from spineplatform.shared import audit
from spineplatform.shared.errors import Conflict, UserError
from spineplatform.shared.runs import run_enqueue, run_retry


class ModelRetired(Conflict):
    """This model version is retired. Choose another."""

    code = "version-retired"


class ModelNotOffered(Conflict):
    """This model version may not be used at the institution of the series. Choose one of its own or of the platform."""

    code = "version-not-offered"


class MasksNotComparable(UserError):
    """Both masks must belong to the same series. Choose two masks of one series."""

    code = "not-comparable"


class AnotherTask(UserError):
    """The model version is of another task. Name either the version or the task."""

    code = "another-task"


def inference_start(
    *, series: Series, actor: Any, model_version: ModelVersion | None = None, task: str = ""
) -> InferenceRun:
    """Queue a segmentation with the named version, or the one of the task (its slug; the spine) that is active at the
    institution of the series. A run that is already going is returned.

    Raises:
        Forbidden, NotFound: ``actor`` may not segment there.
        NoActiveModel, ModelRetired, ModelNotOffered: no usable version.
        UnknownTask, AnotherTask: the task is not known there, or not that of the version.
    """
    require(actor, series.institution_id, Capability.SEGMENT)
    slug = task_get(series.institution_id, task).slug if task else SPINE_CT
    version = model_version or version_active(series.institution_id, slug)
    if task and version.task_id != slug:
        raise AnotherTask
    if version.retired:
        raise ModelRetired
    if not is_usable(version, series.institution_id):
        raise ModelNotOffered
    return _queue(series, version, actor)


def _queue(series: Series, version: ModelVersion, actor: Any) -> InferenceRun:
    try:
        with transaction.atomic():
            run = InferenceRun.objects.create(
                institution_id=series.institution_id,
                requested_by=actor,
                series=series,
                model_version=version,
                progress_total=series.depth,
                progress_message=message("Waiting for a worker"),
            )
            audit.record(
                actor=actor,
                action="inference.requested",
                object_id=run.pk,
                institution_id=series.institution_id,
                series=str(series.pk),
                version=version.number,
            )
            run_enqueue(run)
    except IntegrityError:  # one is already going: the constraint allows no second; it may end at this very moment
        return InferenceRun.objects.filter(series=series, model_version=version).latest("created_at")
    return run


def segment_imported(*, series: Series, actor: Any, tasks: Sequence[str] = ()) -> None:
    """Segment a series that has just come in with each of the tasks (slugs), else with the institution's own choice, as
    far as there are models; whoever may upload may have that done.
    """
    for task in tasks or default_tasks(series.institution_id):
        version = version_active_or_none(series.institution_id, task)
        if version is not None:
            _queue(series, version, actor)


def comparison_start(*, reference: Annotation, predicted: Annotation, actor: Any) -> ComparisonRun:
    """Queue the comparison of two masks of one series; the one that is already there is returned.

    Raises:
        MasksNotComparable: the masks are of different series, or the same mask, or of tasks that have no relation.
        Forbidden, NotFound: ``actor`` may not see them.
    """
    require(actor, reference.institution_id, Capability.VIEW_CASES)
    if reference.series_id != predicted.series_id or reference.pk == predicted.pk:
        raise MasksNotComparable
    task = common_task(reference.task_id, predicted.task_id)
    if task is None:
        raise MasksNotComparable(
            message(
                "The masks are of two tasks, {first} and {second}, and no relation makes one of the other. Choose two "
                "masks of one task.",
                first=reference.task.name,
                second=predicted.task.name,
            )
        )
    with transaction.atomic():
        run, created = ComparisonRun.objects.get_or_create(
            reference=reference,
            predicted=predicted,
            defaults={
                "institution_id": reference.institution_id,
                "requested_by": actor,
                "task_id": task,
                "progress_message": "Waiting for a worker",
            },
        )
        if created:
            audit.record(
                actor=actor,
                action="comparison.requested",
                object_id=run.pk,
                institution_id=run.institution_id,
                series=str(reference.series_id),
            )
            run_enqueue(run)
        elif run.can_retry:
            run_retry(run=run, actor=actor)
    return run
