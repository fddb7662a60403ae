"""Writes about the splits of patients: drawing them, and setting one by hand. The database refuses what is too late."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.access import Capability, require
from accounts.models import Institution
from cases.models import Patient
from spineml.learning.stratified_split import Shares, draw
from spineml.message import message
from spineplatform.shared import audit
from spineplatform.shared.errors import Conflict, UserError
from training.models import PatientSplit, Split, SplitOrigin
from training.splits.selectors import patients_without_split, split_of_twin, strata

SEED_BITS = 31
USUAL_SHARES = Shares()
DRAW = "draw"
AT_IMPORT = message("Set at import.")


class SplitReasonNeeded(UserError):
    """Give a reason for this split: it is set once and must be understandable to others."""

    code = "reason-needed"


class SplitUnknown(UserError):
    """A split is training, validation or test. Choose one of them."""

    code = "split-unknown"


class SplitEvaluated(Conflict):
    """A version was already evaluated on this patient, so the split cannot be changed."""

    code = "split-evaluated"


class SplitTrained(Conflict):
    """A version was already trained on this patient, so the split cannot be changed."""

    code = "split-trained"


class SplitImageTrained(Conflict):
    """A version was trained on an image of this patient, under this or another name, so the patient cannot be a test
    patient."""

    code = "split-image-trained"


PROMISES: dict[str, type[Conflict]] = {
    "training_split_evaluated": SplitEvaluated,
    "training_split_trained": SplitTrained,
    "training_split_image_trained": SplitImageTrained,
}


def splits_draw(
    *,
    institution: Institution,
    actor: Any,
    seed: int | None = None,
    shares: Shares = USUAL_SHARES,
    patients: Iterable[Patient] | None = None,
) -> list[PatientSplit]:
    """Draw a split for the patients of ``institution`` who have images and no split yet, or for ``patients`` of them.

    Strata are scanner maker, region and number of series. A patient one of whose images belongs to a patient with a
    split, under another name, gets that split. Without ``seed`` a new one is made; it is kept with each split.

    Raises:
        Forbidden, NotFound: ``actor`` does not manage models there.
    """
    require(actor, institution.pk, Capability.MANAGE_MODELS)
    seed = secrets.randbits(SEED_BITS) if seed is None else seed
    with transaction.atomic():
        Institution.objects.select_for_update(no_key=True).get(pk=institution.pk)  # two draws take turns
        waiting = patients_without_split(institution)
        if patients is not None:
            waiting = waiting.filter(pk__in=[patient.pk for patient in patients])
        rows = _drawn(institution, list(waiting), seed=seed, shares=shares)
        for row in rows:
            row.decided_by = actor
        _save(rows)
        audit.record(
            actor=actor,
            action="splits.drawn",
            institution_id=institution.pk,
            seed=seed,
            patients=len(rows),
            shares=[shares.train, shares.validation, shares.test],
        )
    return rows


def _drawn(institution: Institution, waiting: list[Patient], *, seed: int, shares: Shares) -> list[PatientSplit]:
    ids = [patient.pk for patient in waiting]
    found, twins = strata(ids), split_of_twin(ids)
    known = PatientSplit.objects.filter(patient__institution=institution)
    placed = {row.patient_id: (row.stratum, row.split) for row in known}
    placed |= {pk: (found[pk], split) for pk, split in twins.items()}
    splits = draw({pk: found[pk] for pk in ids if pk not in twins}, seed=seed, shares=shares, placed=placed)
    return [
        PatientSplit(
            patient=patient,
            split=twins.get(patient.pk) or splits[patient.pk],
            origin=SplitOrigin.DRAWN,
            stratum=found[patient.pk],
            seed=seed,
            reason=message("The same image belongs to a patient of this split.") if patient.pk in twins else "",
        )
        for patient in waiting
    ]


def patient_split_set(*, patient: Patient, split: str, reason: str, actor: Any) -> PatientSplit:
    """Give ``patient`` this split by hand.

    Raises:
        SplitUnknown, SplitReasonNeeded: ``split`` is none, or ``reason`` is empty.
        SplitEvaluated, SplitTrained, SplitImageTrained: it is too late; nothing was changed.
        Forbidden, NotFound: ``actor`` does not manage models there.
    """
    require(actor, patient.institution_id, Capability.MANAGE_MODELS)
    if split not in Split.values:
        raise SplitUnknown
    if not reason.strip():
        raise SplitReasonNeeded
    with transaction.atomic():
        Patient.objects.select_for_update(no_key=True).get(pk=patient.pk)
        before = PatientSplit.objects.filter(patient=patient).first()
        row = before or PatientSplit(patient=patient)
        was = before.split if before else ""
        row.split, row.origin = Split(split), SplitOrigin.BY_HAND
        row.stratum = row.stratum or strata([patient.pk])[patient.pk]
        row.reason, row.decided_by, row.decided_at = reason.strip(), actor, timezone.now()
        _save([row])
        audit.record(
            actor=actor,
            action="split.set",
            object_id=patient.pk,
            institution_id=patient.institution_id,
            split=split,
            was=was,
            reason=reason.strip(),
        )
    return row


def splits_give(*, institution: Institution, actor: Any, wanted: Mapping[Patient, str]) -> set[uuid.UUID]:
    """Give the patients of an import the splits that its sender wishes for them.

    Returns:
        The patients (ids) who keep another split, because they had one or because it is too late for this one.
    """
    drawn = [patient for patient, split in wanted.items() if split == DRAW]
    by_hand = {patient: split for patient, split in wanted.items() if split != DRAW}
    kept = {patient.pk for patient, split in by_hand.items() if not _given(patient, split, actor)}
    if drawn:
        splits_draw(institution=institution, actor=actor, patients=drawn)
    return kept


def _given(patient: Patient, split: str, actor: Any) -> bool:
    known = PatientSplit.objects.filter(patient=patient).first()
    if known is not None:
        return known.split == split
    try:
        patient_split_set(patient=patient, split=split, reason=AT_IMPORT, actor=actor)
    except Conflict:
        return False
    return True


def _save(rows: list[PatientSplit]) -> None:
    """Raises the promise that a trigger keeps as a sentence for a person."""
    try:
        with transaction.atomic():
            for row in rows:
                row.save()
    except IntegrityError as error:
        raise refused(error, PROMISES) from error


def refused(error: IntegrityError, promises: dict[str, type[Conflict]]) -> Exception:
    """The user's error for a promise of the database, or ``error`` itself when it is none of them."""
    name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
    return promises[name]() if name in promises else error
