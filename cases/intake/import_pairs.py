"""Images that come with their masks: matched and read in the worker, recorded in the transaction of the import."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cases.models import (
    Annotation,
    AnnotationSource,
    ImportRun,
    Patient,
    ReviewVerdict,
    Series,
    Upload,
)
from cases.models.uploads import DUPLICATE
from cases.services import MaskOrigin, annotation_record
from cases.signatures import NewReview, review_record
from registry.models import SPINE_CT, Task
from registry.structures import task_of
from spineml.message import message
from spineml.readers.series import DetectedSeries, FileOutcome
from spineml.volumes.canonical_file import SliceFileReader
from spineplatform.shared import audit
from spineplatform.shared.errors import UserError

NO_IMAGE = message("Its image could not be read.")
SAME_MASK = message("The same mask of yours is on this image already, so it was not added again.")


class PairsNeedASender(UserError):
    """The account that sent these pairs was deleted, and a mask needs an author. Send them again."""

    code = "no-sender"


class BadTable(UserError):
    """The CSV with the patients cannot be used."""

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
    every_label, mapping = bool(options.get("every_label")), options.get("mapping") or {}
    asked = {"patients": options["patients"], "separator": options["separator"], "every_label": every_label}
    if not mapping and task_asked(upload) == SPINE_CT:
        return asked
    return {**asked, "task": task_of(task_asked(upload)).to_json(), "mapping": mapping}


def task_asked(upload: Upload) -> str:
    """The slug of the task of the masks of an upload of pairs."""
    return upload.options["pairs"].get("task") or SPINE_CT


def of_patient(plan: DetectedSeries, patient: str, upload: Upload) -> DetectedSeries:
    """Names tell patients apart within a collection only: that of the title, or else this one upload.

    Where each image is a patient of its own, a DICOM file still says who it is.
    """
    if not patient:
        return plan
    identity = f"pairs\0{upload.title or upload.pk}\0{patient}"
    return replace(plan, meta=replace(plan.meta, patient_id=identity, study_uid=identity))


# --- in the transaction that ends the import --------------------------------------------------------------------------
@dataclass
class PairsRecorded:
    """The series by the name of the mask, verdicts on masks without an image, and the splits wished for patients."""

    series: dict[str, Series] = field(default_factory=dict)
    verdicts: list[FileOutcome] = field(default_factory=list)
    splits: dict[Patient, str] = field(default_factory=dict)


def pairs_record(
    run: ImportRun, masks: Mapping[str, PairedMask], rows: Mapping[str, Series], stored: list[str]
) -> PairsRecorded:
    """Record the masks, and sign them as the upload wishes."""
    recorded = PairsRecorded()
    if not masks:
        return recorded
    options = run.upload.options["pairs"]
    for image, paired in masks.items():
        series = rows.get(image)
        if series is None:
            recorded.verdicts.append(FileOutcome(paired.name, "rejected", "no-image", NO_IMAGE))
            continue
        recorded.series[paired.name] = series
        mask, is_new = _annotation(run, series, paired, stored)
        if not is_new:
            recorded.verdicts.append(FileOutcome(paired.name, "skipped", DUPLICATE, SAME_MASK))
        if options["approve"]:
            _approve(run, mask)
        if split := paired.split or options["split"]:
            recorded.splits[series.case.patient] = split
    return recorded


def _annotation(run: ImportRun, series: Series, paired: PairedMask, stored: list[str]) -> tuple[Annotation, bool]:
    """The mask, and whether it is new: the sender's own one that is the same is there already."""
    with SliceFileReader(paired.path) as reader:
        pixel_hash = reader.pixel_hash
    author = run.upload.created_by
    task = Task.objects.get(pk=task_asked(run.upload))
    same = series.annotations.filter(author=author, pixel_hash=pixel_hash, task=task).first()
    if same is not None:
        return same, False
    origin = MaskOrigin(AnnotationSource.UPLOAD, author=author, task=task)
    mask = annotation_record(series=series, path=paired.path, stored=stored, origin=origin)
    audit.record(
        actor=author,
        action="mask.uploaded",
        object_id=mask.pk,
        institution_id=run.institution_id,
        series=str(mask.series_id),
    )
    return mask, True


def _approve(run: ImportRun, mask: Annotation) -> None:
    if run.upload.created_by is None:
        raise PairsNeedASender
    said = NewReview(ReviewVerdict.APPROVED, mask)
    review_record(series=mask.series, reader=run.upload.created_by, review=said)


def splits_kept(found: Mapping[str, Series], kept: set[uuid.UUID]) -> list[FileOutcome]:
    """Verdicts on the masks in ``found`` (by their names) whose patients are among those who keep another split."""
    reason = message("The mask was added. The split of its patient was not changed.")
    return [
        FileOutcome(name, "warning", "split-kept", reason)
        for name, series in found.items()
        if series.case.patient_id in kept
    ]
