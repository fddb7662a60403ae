"""The door to what is made with model versions: data sets, trainings and evaluations."""

from __future__ import annotations

from typing import Any

from accounts.access import Capability, Id, institutions_with, row_found, row_get
from cases.models import Patient
from registry.models import ModelVersion
from registry.selectors import known_to, places_of
from spineml.message import message
from spineplatform.shared.errors import Forbidden, NotFound
from training.models import Dataset, DatasetRun, EvaluationRun, TrainingRun

TRAINING = ("dataset", "base__owner", "version__owner", "requested_by")


def evaluation_get(user: Any, run_id: Id, capability: Capability = Capability.VIEW_MODELS) -> EvaluationRun:
    """Fetch an evaluation, for whoever has the right at one of its data set's institutions.

    Raises:
        NotFound: no such evaluation, or the user belongs to none of these institutions or may not see the version.
        Forbidden: a member whose roles do not include ``capability``.
    """
    run = row_found(EvaluationRun.objects.select_related("version__owner", "dataset", "requested_by"), run_id)
    places = {run.institution_id, *run.dataset.institutions.values_list("pk", flat=True)}
    seen = institutions_with(user, Capability.VIEW_MODELS)
    if not seen.filter(pk__in=places).exists() or not ModelVersion.objects.filter(known_to(seen), pk=run.version_id):
        raise NotFound
    if not institutions_with(user, capability).filter(pk__in=places).exists():
        raise Forbidden(
            message(
                "Your role does not allow you to {action}. Ask your institution's administrator.",
                action=capability.value,
            )
        )
    return run


def dataset_get(user: Any, dataset_id: Id, capability: Capability = Capability.VIEW_MODELS) -> Dataset:
    """Fetch a data set: seen by whoever may see models at one of its institutions, managed by who may at all of them.

    Raises:
        NotFound: no such data set, or the user belongs to none of its institutions.
        Forbidden: a member whose roles do not include ``capability``.
    """
    dataset = row_found(
        Dataset.objects.select_related("created_by", "task").prefetch_related("task__labels"), dataset_id
    )
    if not institutions_with(user, Capability.VIEW_MODELS).filter(pk__in=dataset.institutions.all()).exists():
        raise NotFound
    if capability is not Capability.VIEW_MODELS:
        datasets_manage(user, dataset)
    return dataset


def datasets_manage(user: Any, dataset: Dataset) -> None:
    """Raise Forbidden unless the user manages models at every institution of the data set."""
    managed = institutions_with(user, Capability.MANAGE_MODELS)
    if dataset.institutions.exclude(pk__in=managed.values("pk")).exists():
        manage = Capability.MANAGE_MODELS.value
        raise Forbidden(
            message("Your role does not allow you to {action} at every institution of this data set.", action=manage)
        )


def dataset_run_get(user: Any, run_id: Id, capability: Capability = Capability.VIEW_MODELS) -> DatasetRun:
    """Fetch the run that checks or freezes a data set, through the door of the data set."""
    run = row_found(DatasetRun.objects.select_related("dataset", "requested_by"), run_id)
    dataset_get(user, run.dataset_id, capability)
    return run


def training_get(user: Any, run_id: Id, capability: Capability = Capability.VIEW_MODELS) -> TrainingRun:
    """Fetch a training of the user's institution, through the door of its data set.

    Raises:
        NotFound: no such training, or the user does not belong to the institution whose version it makes.
        Forbidden: a member whose roles do not include ``capability`` at all of them.
    """
    mine = TrainingRun.objects.filter(institution__in=places_of(user))
    run = row_found(mine.select_related(*TRAINING), run_id)
    dataset_get(user, run.dataset_id, capability)
    return run


def patient_get(user: Any, patient_id: Id) -> Patient:
    """Fetch a patient whose split the user may decide.

    Raises:
        NotFound: no such patient, or the user is no member of the institution.
        Forbidden: a member who does not manage models there.
    """
    return row_get(Patient.objects.select_related("institution"), user, patient_id, Capability.MANAGE_MODELS)
