"""Writes about training runs: starting one, and stopping one with or without what it has learned so far."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from accounts.access import Capability, institutions_with
from accounts.models import Institution
from registry.access import version_get
from registry.models import ModelVersion
from spineml.learning.settings import SettingRejected, TrainingSettings
from spineml.message import message
from spineml.model.model_file import ModelSpec
from spineplatform.shared import audit
from spineplatform.shared.errors import Conflict, UserError
from spineplatform.shared.runs import run_cancel, run_enqueue, run_retry
from training.access import datasets_manage
from training.evaluations.services import DatasetNotFrozen
from training.models import Dataset, Split, TrainingRun


class NoTrainingPatients(Conflict):
    """This data set has no training patients. Choose another data set."""

    code = "no-training-patients"


class NoSpineToLearn(Conflict):
    """The training masks of this data set are all empty. Create a data set with approved masks that mark spine."""

    code = "no-spine-to-learn"


class WouldTouchTestPatient(Conflict):
    """A training image of this data set is also an image of a test patient, under this or another name. Freeze a data
    set without it."""

    code = "would-touch-test-patient"


class BaseNotOwn(Conflict):
    """A training can start only from a version of your institution or of the platform. A shared version can be used
    for segmentation only: choose another one."""

    code = "base-not-own"


class NoCheckpoint(Conflict):
    """This training has not finished an epoch, so no version can be created. Start another training."""

    code = "nothing-kept"


class SettingRefused(UserError):
    """A training setting is not valid."""

    code = "setting-refused"


def training_start(
    *,
    dataset: Dataset,
    actor: Any,
    settings: dict[str, Any],
    base: ModelVersion | None = None,
    notes: str = "",
) -> TrainingRun:
    """Queue a training on ``dataset``, from the version ``base`` or from scratch.

    Raises:
        SettingRefused: with ``field`` and what would work.
        DatasetNotFrozen, NoTrainingPatients, NoSpineToLearn, WouldTouchTestPatient: this data set cannot teach.
        BaseNotOwn: ``base`` is another institution's.
        Forbidden: ``actor`` does not manage models at every institution of the data set.
    """
    datasets_manage(actor, dataset)
    chosen = settings_checked(settings, base)
    if not dataset.is_frozen:
        raise DatasetNotFrozen
    _check_teaches(dataset)
    place = _place(actor, dataset, base)
    try:
        with transaction.atomic():
            run = TrainingRun.objects.create(
                institution=place,
                requested_by=actor,
                dataset=dataset,
                base=base,
                settings=chosen.as_json(),
                notes=notes.strip(),
                progress_message=message("Waiting for a worker"),
            )
            audit.record(
                actor=actor,
                action="training.requested",
                object_id=run.pk,
                institution_id=run.institution_id,
                dataset=str(dataset.pk),
                base=base.number if base else None,
            )
            run_enqueue(run)
    except IntegrityError as error:
        raise _as_refusal(error) from error
    return run


def base_get(user: Any, version_id: Any) -> ModelVersion | None:
    """The version that a training is to start from, or None when none is named.

    Raises:
        NotFound, Forbidden: it is not the user's.
        BaseNotOwn: it is shared with the user's institution, which is no base.
    """
    if not version_id:
        return None
    base = version_get(user, version_id, Capability.MANAGE_MODELS)
    if base.is_foreign:
        raise BaseNotOwn
    return base


def _place(actor: Any, dataset: Dataset, base: ModelVersion | None) -> Institution:
    """The institution that the version will belong to: the base's own, or the first of the data set's."""
    places = institutions_with(actor, Capability.MANAGE_MODELS).filter(pk__in=dataset.institutions.values("pk"))
    if base is not None and base.owner_id is not None:
        places = places.filter(pk=base.owner_id)
    found = places.order_by("name", "pk").first()
    if found is None:
        raise BaseNotOwn
    return found


def settings_checked(values: dict[str, Any], base: ModelVersion | None = None) -> TrainingSettings:
    """Settings whose left-out values are the defaults; those of the network must be those of ``base``.

    Raises:
        SettingRefused: a value that cannot work.
    """
    try:
        chosen = TrainingSettings.from_json(values)
    except SettingRejected as error:
        raise SettingRefused(
            message("{field}: {reason}", field=error.field, reason=error.message), field=error.field
        ) from error
    theirs = ModelSpec.from_json(base.spec).architecture if base is not None else None
    if theirs is not None and chosen.architecture_on(theirs) != theirs:
        raise SettingRefused(
            message(
                "The network must be that of {base}. Train from scratch to change filters, depth, stem or "
                "normalisation.",
                base=base,
            ),
            field="base_filters",
        )
    return chosen


def _check_teaches(dataset: Dataset) -> None:
    items = dataset.items.filter(split=Split.TRAIN)
    if not items.exists():
        raise NoTrainingPatients
    if not items.filter(annotation__voxels__gt=0).exists():
        raise NoSpineToLearn


def _as_refusal(error: IntegrityError) -> Exception:
    """The database's own guard speaks when a split was decided between the look and the insert."""
    promise = getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") or ""
    if promise.startswith("training_run_test"):
        return WouldTouchTestPatient()
    return DatasetNotFrozen() if promise == "training_run_not_frozen" else error


def training_cancel(*, run: TrainingRun, actor: Any, keep_best: bool = False) -> None:
    """Stop the training; with ``keep_best`` the best weights so far become a version.

    Raises:
        Conflict: it has already ended.
    """
    with transaction.atomic():
        TrainingRun.objects.filter(pk=run.pk).update(keep_best_on_cancel=keep_best)
        run_cancel(run=run, actor=actor)


def training_keep(*, run: TrainingRun, actor: Any) -> None:
    """Queue a training that failed or was stopped once more, only to make a version of the best it has kept.

    Raises:
        NoCheckpoint: not one epoch was finished.
        Conflict: it goes on, or has made its version.
    """
    if not run.epochs.exists():
        raise NoCheckpoint
    with transaction.atomic():
        run_retry(run=run, actor=actor)
        TrainingRun.objects.filter(pk=run.pk).update(keep_best_on_cancel=True)
