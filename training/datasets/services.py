"""Writes about data sets: choosing masks, deciding on findings, freezing, deleting. `freezing` does the work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from accounts.access import Capability, require
from accounts.models import Institution
from registry.models import SPINE_CT, Task
from registry.structures import task_get
from spineml.message import message, message_of
from spineplatform.shared import audit
from spineplatform.shared.errors import NotFound
from spineplatform.shared.runs import run_enqueue
from training.access import datasets_manage
from training.datasets.refusals import (
    DatasetBusy,
    DatasetFrozen,
    DatasetInUse,
    FindingsOpen,
    InstitutionsNeeded,
    MasksOfAnotherTask,
    MasksUnknown,
    NameNeeded,
    NameTaken,
    NoSpineMarked,
    NotAcceptable,
    NoteNeeded,
    NothingChosen,
    PatientsWithoutSplit,
    SeriesChosenTwice,
)
from training.datasets.selectors import (
    Choice,
    dependants,
    masks_not_there,
    masks_of,
    masks_of_other_tasks,
    open_findings,
    preview,
    series_chosen_twice,
)
from training.models import Dataset, DatasetRun, PatientSplit
from training.splits.services import splits_draw

EVERY_APPROVED = Choice()


def dataset_create(
    *,
    name: str,
    institutions: Sequence[Institution],
    actor: Any,
    choice: Choice = EVERY_APPROVED,
    notes: str = "",
    task: str = SPINE_CT,
) -> Dataset:
    """Make a draft of the masks of ``choice`` at ``institutions``, for the task of the slug ``task``.

    Raises:
        Forbidden, NotFound: ``actor`` does not manage models at each of them.
        NameNeeded, NameTaken, InstitutionsNeeded, UnknownTask, MasksUnknown, SeriesChosenTwice, MasksOfAnotherTask:
            nothing was made.
    """
    if not institutions:
        raise InstitutionsNeeded
    for place in institutions:
        require(actor, place.pk, Capability.MANAGE_MODELS)
        task_get(place.pk, task)
    if not name.strip():
        raise NameNeeded
    if masks_not_there(institutions, choice.annotations):
        raise MasksUnknown
    if series_chosen_twice(choice.annotations):
        raise SeriesChosenTwice
    _check_teach(choice, task)
    try:
        with transaction.atomic():
            dataset = Dataset.objects.create(
                name=name.strip(), task_id=task, notes=notes.strip(), filters=choice.as_json(), created_by=actor
            )
            dataset.institutions.set(institutions)
            _record(actor, "created", dataset, task=task, choice=choice.as_json())
    except IntegrityError as error:
        raise NameTaken from error
    return dataset


def _check_teach(choice: Choice, task: str) -> None:
    other = masks_of_other_tasks(choice.annotations, task).first()
    if other is not None:
        raise MasksOfAnotherTask(
            message(
                "The mask {mask} is of the task “{other}”. A data set of “{task}” takes masks of its own task and of "
                "tasks that are merged into it.",
                mask=str(other.pk),
                other=other.task.name,
                task=Task.objects.get(pk=task).name,
            )
        )


def dataset_check(*, dataset: Dataset, actor: Any) -> DatasetRun:
    """Queue the label checks of a draft; a run that is going is returned.

    Raises:
        DatasetFrozen, NothingChosen: there is nothing to check.
    """
    datasets_manage(actor, dataset)
    _refuse_frozen(dataset)
    if not masks_of(dataset).exists():
        raise NothingChosen
    return _enqueue(dataset, actor, freezes=False)


def dataset_freeze(*, dataset: Dataset, actor: Any) -> DatasetRun:
    """Queue the run that checks the labels once more, writes the file and freezes the data set.

    Raises:
        DatasetFrozen, NothingChosen, NoSpineMarked, PatientsWithoutSplit, FindingsOpen: what stands in the way.
        DatasetBusy: its labels are being checked.
    """
    datasets_manage(actor, dataset)
    refuse_unready(dataset)
    run = _enqueue(dataset, actor, freezes=True)
    if not run.freezes:
        raise DatasetBusy
    return run


def refuse_unready(dataset: Dataset) -> None:
    """Raise what stands in the way of freezing, as far as it is known without reading images."""
    _refuse_frozen(dataset)
    masks = masks_of(dataset)
    if not masks.exists():
        raise NothingChosen
    held = preview(masks, dataset.task_id)
    if not any(one["images_with_spine"] for one in held.counts.values()):
        raise NoSpineMarked
    if waiting := held.without_split:
        raise PatientsWithoutSplit(patients=[str(patient.pk) for patient in waiting])
    if masks.filter(pk__in=[one["annotation"] for one in open_findings(dataset)]).exists():
        raise FindingsOpen


def _refuse_frozen(dataset: Dataset) -> None:
    if dataset.is_frozen:
        raise DatasetFrozen


def _enqueue(dataset: Dataset, actor: Any, *, freezes: bool) -> DatasetRun:
    place = dataset.institutions.order_by("name", "pk").first()
    if place is None:
        raise InstitutionsNeeded
    try:
        with transaction.atomic():
            run = DatasetRun.objects.create(
                institution=place,
                requested_by=actor,
                dataset=dataset,
                freezes=freezes,
                progress_message=message("Waiting for a worker"),
            )
            _record(actor, "freeze-requested" if freezes else "check-requested", dataset, run=str(run.pk))
            run_enqueue(run)
    except IntegrityError:  # the constraint allows one unfinished run
        return dataset.runs.unfinished().get()
    return run


# --- decisions on findings --------------------------------------------------------------------------------------------
def masks_leave_out(*, dataset: Dataset, annotations: Iterable[str], note: str = "", actor: Any) -> None:
    """Leave masks out of a draft.

    Raises:
        DatasetFrozen, DatasetBusy: it cannot be changed now.
        NotFound: one of the masks is not in the draft.
    """
    with _draft(dataset, actor) as draft:
        known = {str(pk) for pk in masks_of(draft).values_list("pk", flat=True)} | set(
            draft.decisions.get("left_out", {})
        )
        wanted = {str(one) for one in annotations}
        if not wanted <= known:
            raise NotFound
        _decide(draft, "left_out", {pk: note.strip() for pk in wanted}, actor)


def masks_take_back(*, dataset: Dataset, annotations: Iterable[str], actor: Any) -> None:
    """Take masks that were left out into the draft again; ids that were not left out are passed over."""
    with _draft(dataset, actor) as draft:
        wanted = {str(one) for one in annotations}
        kept = {pk: value for pk, value in draft.decisions.get("left_out", {}).items() if pk not in wanted}
        draft.decisions = {**draft.decisions, "left_out": kept}
        draft.save(update_fields=["decisions"])
        _record(actor, "taken-back", draft, annotations=sorted(wanted))


def findings_accept(*, dataset: Dataset, keys: Iterable[str], note: str, actor: Any) -> None:
    """Accept findings of the last check with the reason why they are all right.

    Raises:
        NoteNeeded: ``note`` is empty.
        NotFound: there is no such finding.
        NotAcceptable: one of them stands for something that must not be in any data set.
        DatasetFrozen, DatasetBusy: it cannot be changed now.
    """
    if not note.strip():
        raise NoteNeeded
    with _draft(dataset, actor) as draft:
        known = {one["key"]: one for one in draft.findings}
        wanted = set(keys)
        if not wanted <= set(known):
            raise NotFound
        if any(known[key]["blocking"] for key in wanted):
            raise NotAcceptable
        _decide(draft, "accepted", dict.fromkeys(wanted, note.strip()), actor)


@contextmanager
def _draft(dataset: Dataset, actor: Any) -> Iterator[Dataset]:
    """A transaction that holds the row of a draft: nobody freezes or decides at the same time."""
    datasets_manage(actor, dataset)
    with transaction.atomic():
        draft = Dataset.objects.select_for_update().get(pk=dataset.pk)
        _refuse_frozen(draft)
        if draft.runs.unfinished().exists():
            raise DatasetBusy
        yield draft
    dataset.refresh_from_db()


def _decide(draft: Dataset, kind: str, notes: dict[str, str], actor: Any) -> None:
    now = timezone.now().isoformat()
    added = {key: {"note": note, "by": actor.display_name(), "at": now} for key, note in notes.items()}
    draft.decisions = {**draft.decisions, kind: {**draft.decisions.get(kind, {}), **added}}
    draft.save(update_fields=["decisions"])
    _record(actor, kind.replace("_", "-"), draft, keys=sorted(notes), note=next(iter(notes.values()), ""))


def dataset_splits_draw(*, dataset: Dataset, actor: Any, seed: int | None = None) -> list[PatientSplit]:
    """Draw splits for the patients of a draft who have none, institution by institution."""
    datasets_manage(actor, dataset)
    _refuse_frozen(dataset)
    waiting = preview(masks_of(dataset)).without_split
    drawn: list[PatientSplit] = []
    with transaction.atomic():
        for place in dataset.institutions.order_by("name", "pk"):
            mine = [patient for patient in waiting if patient.institution_id == place.pk]
            if mine:
                drawn += splits_draw(institution=place, actor=actor, seed=seed, patients=mine)
    return drawn


# --- the end of one ---------------------------------------------------------------------------------------------------
def dataset_delete(*, dataset: Dataset, actor: Any) -> None:
    """Delete a data set on which nothing rests, with its file.

    Raises:
        DatasetInUse: with how many trainings, versions and evaluations rest on it, in ``depends``.
        DatasetBusy: a worker is going through it.
    """
    datasets_manage(actor, dataset)
    name = str(dataset.file)
    with transaction.atomic():
        locked = Dataset.objects.select_for_update().get(pk=dataset.pk)
        if locked.runs.unfinished().exists():
            raise DatasetBusy
        used = dependants(locked)
        if any(used.values()):
            raise DatasetInUse(message_of(DatasetInUse), depends=used)
        _record(actor, "deleted", locked, name=locked.name, sha256=locked.sha256)
        try:
            locked.delete()
        except ProtectedError as error:
            raise DatasetInUse from error
        if name:
            transaction.on_commit(lambda: default_storage.delete(name), robust=True)


def _record(actor: Any, deed: str, dataset: Dataset, **detail: Any) -> None:
    for place in dataset.institutions.all():
        audit.record(actor=actor, action=f"dataset.{deed}", object_id=dataset.pk, institution_id=place.pk, **detail)
