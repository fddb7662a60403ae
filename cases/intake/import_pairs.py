"""Images that come with their masks: matched and read in the worker, recorded in the transaction of the import."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cases.changes import cases_change
from cases.models import (
    Annotation,
    AnnotationSource,
    Case,
    ImportRun,
    Patient,
    Review,
    ReviewVerdict,
    Series,
    Upload,
)
from cases.services import MaskOrigin, annotation_record
from cases.signals import splits_wanted
from cases.states import state_of
from spineml.message import message
from spineml.readers.series import FileVerdict, SeriesPlan
from spineml.volumes.canonical_file import SliceFileReader
from spineplatform.shared import audit
from spineplatform.shared.errors import UserError

NO_IMAGE = message("Its image could not be read.")


class PairsNeedASender(UserError):
    """The account that sent these pairs was deleted, and a mask needs an author. Send them again."""

    code = "no-sender"


class BadTable(UserError):
    """The table that names the patients cannot be used."""

    code = "bad-table"


@dataclass(frozen=True)
class PairedMask:
    """The mask that came with an image: its name, and a canonical file at ``path`` in the worker's folder."""

    name: str
    path: Path
    split: str


# --- in the worker ----------------------------------------------------------------------------------------------------
def pairs_asked(upload: Upload) -> dict[str, Any] | None:
    """How the reader shall match the files of an upload of pairs; None where it is none.

    Raises:
        PairsNeedASender: nothing can be imported.
    """
    options = upload.options.get("pairs")
    if not options:
        return None
    if upload.created_by_id is None:
        raise PairsNeedASender
    every_label = bool(options.get("every_label"))
    return {"patients": options["patients"], "separator": options["separator"], "every_label": every_label}


def of_patient(plan: SeriesPlan, patient: str, upload: Upload) -> SeriesPlan:
    """Names tell patients apart within a collection only: that of the title, or else this one upload.

    Where each image is a patient of its own, a DICOM file still says who it is.
    """
    if not patient:
        return plan
    identity = f"pairs\0{upload.title or upload.pk}\0{patient}"
    return replace(plan, meta=replace(plan.meta, patient_id=identity, study_uid=identity))


# --- in the transaction that ends the import --------------------------------------------------------------------------
def pairs_record(
    run: ImportRun, masks: Mapping[str, PairedMask], rows: Mapping[str, Series], stored: list[str]
) -> tuple[dict[str, Series], list[FileVerdict]]:
    """Record the masks, sign them and ask for splits, as the upload wishes.

    Returns:
        The series by the name of the mask, and verdicts on masks without image or whose patient keeps another split.
    """
    options = run.upload.options["pairs"]
    found: dict[str, Series] = {}
    verdicts: list[FileVerdict] = []
    wanted: dict[Patient, str] = {}
    for image, paired in masks.items():
        series = rows.get(image)
        if series is None:
            verdicts.append(FileVerdict(paired.name, "rejected", "no-image", NO_IMAGE))
            continue
        found[paired.name] = series
        mask = _annotation(run, series, paired, stored)
        if options["approve"]:
            _approve(run, mask)
        if split := paired.split or options["split"]:
            wanted[series.case.patient] = split
    return found, verdicts + _splits(run, wanted, found)


def _annotation(run: ImportRun, series: Series, paired: PairedMask, stored: list[str]) -> Annotation:
    with SliceFileReader(paired.path) as reader:
        pixel_hash = reader.pixel_hash
    author = run.upload.created_by
    same = series.annotations.filter(author=author, pixel_hash=pixel_hash).first()
    if same is not None:
        return same
    origin = MaskOrigin(AnnotationSource.UPLOAD, author=author)
    mask = annotation_record(series=series, path=paired.path, stored=stored, origin=origin)
    _note(run, "mask.uploaded", mask)
    return mask


def _approve(run: ImportRun, mask: Annotation) -> None:
    if run.upload.created_by is None:
        raise PairsNeedASender
    Review.objects.create(
        institution=run.institution,
        series=mask.series,
        annotation=mask,
        verdict=ReviewVerdict.APPROVED,
        reader=run.upload.created_by,
    )
    case = Case.objects.select_for_update(no_key=True).get(pk=mask.series.case_id)
    state = state_of(case)  # a case with another series that waits stays open
    cases_change(Case.objects.filter(pk=case.pk), state=state)
    _note(run, "mask.approved", mask)


def _note(run: ImportRun, action: str, mask: Annotation) -> None:
    audit.record(
        actor=run.upload.created_by,
        action=action,
        object_id=mask.pk,
        institution_id=run.institution_id,
        series=str(mask.series_id),
    )


def _splits(run: ImportRun, wanted: Mapping[Patient, str], found: Mapping[str, Series]) -> list[FileVerdict]:
    if not wanted:
        return []
    answers: Any = splits_wanted.send(sender=ImportRun, run=run, wanted=wanted)
    kept: set[uuid.UUID] = set().union(*(answer for _, answer in answers))
    reason = message("The mask was added. Its patient keeps the split that was decided before.")
    return [
        FileVerdict(name, "warning", "split-kept", reason)
        for name, series in found.items()
        if series.case.patient_id in kept
    ]
