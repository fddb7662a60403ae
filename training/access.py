"""The door to model versions, and to what is made with them. A version belongs to an institution or to the platform."""

from __future__ import annotations

from typing import Any

from accounts.access import Capability, Id, institutions_with, require, require_anywhere, row_found, row_get
from cases.models import Patient
from spineml.message import message
from spineplatform.shared.errors import Forbidden, NotFound
from training.models import Dataset, DatasetRun, EvaluationRun, ModelVersion, TrainingRun
from training.selectors import as_seen_by, known_to, places_of, versions_seen

TRAINING = ("dataset", "base__owner", "version__owner", "requested_by")


def version_get(user: Any, version_id: Id, capability: Capability = Capability.VIEW_MODELS) -> ModelVersion:
    """Fetch a version of the user's institutions, of the platform, or one that is shared with them, as they see it.

    Raises:
        NotFound: no such version, or another institution's.
        Forbidden: no role of the user includes ``capability``.
    """
    found = row_found(versions_seen(user).select_related("training_run__dataset"), version_id)
    if capability is not Capability.VIEW_MODELS:
        require_anywhere(user, capability)
    return as_seen_by(user, [found])[0]


def version_get_kept(user: Any, version_id: Id) -> ModelVersion:
    """Fetch a version to write about it, which only its owner may (see `version_kept_by`)."""
    version = version_get(user, version_id)
    version_kept_by(user, version)
    return version


def version_kept_by(user: Any, version: ModelVersion) -> None:
    """Raise Forbidden unless the user manages models at the version's institution, or runs the platform for its own."""
    if version.owner_id is None:
        if not user.is_superuser:
            raise Forbidden(message("This version is the platform's. Ask whoever runs the platform to change it."))
        return
    if not institutions_with(user, Capability.MANAGE_MODELS).filter(pk=version.owner_id).exists():
        if institutions_with(user, Capability.VIEW_MODELS).filter(pk=version.owner_id).exists():
            require(user, version.owner_id, Capability.MANAGE_MODELS)
        raise Forbidden(message("Only the institution that made this version may do this."))


def may_keep(user: Any, version: ModelVersion) -> bool:
    """Whether the user may write about the version, share it and delete it."""
    try:
        version_kept_by(user, version)
    except Forbidden:
        return False
    return True


def version_get_file(user: Any, version_id: Id) -> ModelVersion:
    """Fetch a version whose file the user may have: one of their institution, or of the platform; not a shared one."""
    version = version_get(user, version_id, Capability.MANAGE_MODELS)
    if version.owner_id is not None:
        version_kept_by(user, version)
    return version


def platform_required(user: Any) -> None:
    """Raise Forbidden unless the user runs the platform."""
    if not (user.is_active and user.is_superuser):
        raise Forbidden(message("Only whoever runs the platform may do this."))


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
    dataset = row_found(Dataset.objects.select_related("created_by"), dataset_id)
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
