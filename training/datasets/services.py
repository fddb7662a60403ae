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
from spineml.message import message, message_of
from spineplatform.shared import audit
from spineplatform.shared.errors import Conflict, NotFound, UserError
from spineplatform.shared.runs import run_enqueue
from training.access import datasets_manage
from training.datasets.selectors import (
    Choice,
    dependants,
    masks_not_there,
    masks_of,
    open_findings,
    preview,
    series_chosen_twice,
)
from training.models import Dataset, DatasetRun, PatientSplit
from training.splits.services import splits_draw

EVERY_APPROVED = Choice()


class NameTaken(Conflict):
    """A data set of this name already exists. Choose another name, such as its purpose and month."""

    code = "name-taken"


class NameNeeded(UserError):
    """Give the data set a name, such as its purpose and month."""

    code = "name-needed"


class InstitutionsNeeded(UserError):
    """Choose at least one institution whose masks the data set takes."""

    code = "institutions-needed"


class MasksUnknown(UserError):
    """Some of the masks do not exist, or do not belong to the chosen institutions. Check their ids."""

    code = "masks-unknown"


class SeriesChosenTwice(UserError):
    """Two of the masks belong to the same series. Choose one mask per series."""

    code = "series-chosen-twice"


class NothingChosen(Conflict):
    """No mask matches these criteria. Approve masks for training first, or widen the criteria."""

    code = "nothing-chosen"


class NoSpineMarked(Conflict):
    """All chosen masks are empty, so they cannot be used for training or evaluation. Choose other masks."""

    code = "no-spine-marked"


class PatientsWithoutSplit(Conflict):
    """Some of the patients have no split yet. Assign their splits at random or by hand, then freeze."""

    code = "patients-without-split"


class FindingsOpen(Conflict):
    """Some findings of the label checks are still open. Exclude the masks or accept the findings, then freeze."""

    code = "findings-open"


class ChoiceChanged(Conflict):
    """Reviews or splits were changed while the data set was being frozen. Check it again, then freeze."""

    code = "choice-changed"


class DatasetFrozen(Conflict):
    """This data set is frozen and cannot be changed. Create a new one."""

    code = "dataset-frozen"


class DatasetInUse(Conflict):
    """This data set is used by trainings or evaluations, so it cannot be deleted."""

    code = "dataset-in-use"


class DatasetBusy(Conflict):
    """This data set is being processed. Wait until that has finished, or cancel it first."""

    code = "dataset-busy"


class NoteNeeded(UserError):
    """Give a reason for accepting this finding; it is stored with the data set."""

    code = "note-needed"


class NotAcceptable(Conflict):
    """This finding cannot be accepted: exclude the mask."""

    code = "not-acceptable"


def dataset_create(
    *, name: str, institutions: Sequence[Institution], actor: Any, choice: Choice = EVERY_APPROVED, notes: str = ""
) -> Dataset:
    """Make a draft of the masks of ``choice`` at ``institutions``.

    Raises:
        Forbidden, NotFound: ``actor`` does not manage models at each of them.
        NameNeeded, NameTaken, InstitutionsNeeded, MasksUnknown, SeriesChosenTwice: nothing was made.
    """
    if not institutions:
        raise InstitutionsNeeded
    for place in institutions:
        require(actor, place.pk, Capability.MANAGE_MODELS)
    if not name.strip():
        raise NameNeeded
    if masks_not_there(institutions, choice.annotations):
        raise MasksUnknown
    if series_chosen_twice(choice.annotations):
        raise SeriesChosenTwice
    try:
        with transaction.atomic():
            dataset = Dataset.objects.create(
                name=name.strip(), notes=notes.strip(), filters=choice.as_json(), created_by=actor
            )
            dataset.institutions.set(institutions)
            _record(actor, "created", dataset, choice=choice.as_json())
    except IntegrityError as error:
        raise NameTaken from error
    return dataset


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
    if not masks.filter(voxels__gt=0).exists():
        raise NoSpineMarked
    waiting = preview(masks).without_split
    if waiting:
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
