"""Writes about evaluations: asking for one. What it finds is recorded by its worker, `evaluating`."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from accounts.access import Capability, institutions_with
from accounts.models import Institution
from registry.models import ModelVersion
from registry.selectors import is_usable
from registry.structures import merge_between
from spineml.message import message
from spineml.tasks.task import Merge
from spineplatform.shared import audit
from spineplatform.shared.errors import Conflict, Forbidden, UserError
from spineplatform.shared.runs import RunState, run_enqueue
from training.models import Dataset, EvaluationRun, Split


class DatasetNotFrozen(Conflict):
    """This data set is still a draft. Freeze it first, then evaluate versions on it."""

    code = "dataset-not-frozen"


class SplitEmpty(Conflict):
    """This data set has no patient in that split. Choose another split or another data set."""

    code = "split-empty"


class TasksWithoutRelation(UserError):
    """The version and the data set are of two tasks. Choose a data set of the same task."""

    code = "tasks-without-relation"


def judging_merge(version: ModelVersion, dataset: Dataset) -> Merge | None:
    """How the version's masks become masks of the data set's task; None where they are.

    Raises:
        TasksWithoutRelation: no relation makes one of the other.
    """
    if version.task_id == dataset.task_id:
        return None
    merge = merge_between(version.task_id, dataset.task_id)
    if merge is None:
        raise TasksWithoutRelation(
            message(
                "The version segments {first}, the data set has masks of {second}, and no relation makes one of the "
                "other. Choose a data set of the same task.",
                first=version.task.name,
                second=dataset.task.name,
            )
        )
    return merge


def evaluation_start(*, version: ModelVersion, dataset: Dataset, split: str, actor: Any) -> EvaluationRun:
    """Queue the evaluation of ``version`` on a split of ``dataset``; one that is going or has succeeded is returned.

    Raises:
        Forbidden: ``actor`` manages models at none of the data set's institutions that may use the version.
        DatasetNotFrozen, SplitEmpty: there is nothing to evaluate on.
        TasksWithoutRelation: its masks are of a task that the version's cannot be compared with.
    """
    place = _place(actor, dataset, version)
    judging_merge(version, dataset)
    if not dataset.is_frozen:
        raise DatasetNotFrozen
    if not dataset.items.filter(split=Split(split)).exists():
        raise SplitEmpty
    try:
        with transaction.atomic():
            run = EvaluationRun.objects.create(
                institution=place,
                requested_by=actor,
                version=version,
                dataset=dataset,
                split=split,
                progress_message=message("Waiting for a worker"),
            )
            audit.record(
                actor=actor,
                action="evaluation.requested",
                object_id=run.pk,
                institution_id=place.pk,
                version=version.number,
                dataset=str(dataset.pk),
                split=split,
            )
            run_enqueue(run)
    except IntegrityError:  # the constraint allows one that has not failed
        states = (RunState.QUEUED, RunState.RUNNING, RunState.SUCCEEDED)
        return EvaluationRun.objects.get(version=version, dataset=dataset, split=split, state__in=states)
    return run


def _place(actor: Any, dataset: Dataset, version: ModelVersion) -> Institution:
    """The institution in whose name the run is: the first of the data set's where the actor manages models and that may
    use the version.
    """
    places = institutions_with(actor, Capability.MANAGE_MODELS)
    for place in places.filter(pk__in=dataset.institutions.values("pk")).order_by("name", "pk"):
        if is_usable(version, place.pk):
            return place
    manage = Capability.MANAGE_MODELS.value
    raise Forbidden(
        message("Your role does not allow you to {action} at an institution of this data set.", action=manage)
    )
