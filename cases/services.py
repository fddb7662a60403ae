"""Writes of masks: uploaded ones are checked first; every mask is recorded here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Exists

from accounts.access import Capability, require
from cases.changes import touch_cases
from cases.followers import followers
from cases.models import Annotation, AnnotationSource, Case, Review, ReviewVerdict, Series
from registry.models import SPINE_CT, ModelVersion, Task
from registry.structures import task_held
from spineml.errors import MaskRejected
from spineml.isolation.client import Job
from spineml.masks.change import mask_change
from spineml.masks.labels import LISTED_VALUES
from spineml.message import Message, message, sentences
from spineml.metrics import volume_and_area
from spineml.metrics.labels import LabelTable
from spineml.readers.series import SPATIAL_KINDS, PictureOrder, ReceivedFile
from spineml.readers.slice_names import SourceNames
from spineml.tasks.mapping import ValuesOutsideTask
from spineml.volumes.canonical_file import SliceFileReader
from spineplatform.shared import audit, isolated, storage
from spineplatform.shared.errors import Conflict


class SameMask(Conflict):
    """The series already has this mask. Use the one that is listed."""

    code = "same-mask"


@dataclass(frozen=True)
class MaskOrigin:
    """Where a mask comes from: a version of a model (no author) or a person, and the mask it corrects.

    Without a ``task`` it is that of the version or of the corrected mask, else the spine.
    ``confidence`` and ``deviations`` are what the version says of its mask, see `Annotation`.
    """

    source: AnnotationSource
    author: Any = None
    parent: Annotation | None = None
    label: str = ""
    task: Task | None = None
    model_version: ModelVersion | None = None
    confidence: Sequence[float] = ()
    deviations: Sequence[dict[str, Any]] = ()

    @property
    def task_id(self) -> str:
        """The slug of the task."""
        if self.task is not None:
            return self.task.slug
        before = self.model_version or self.parent
        return before.task_id if before else SPINE_CT


def received(files: Sequence[Any]) -> list[ReceivedFile]:
    """The files of a request where Django's TemporaryFileUploadHandler has put them."""
    return [ReceivedFile(Path(file.temporary_file_path()), file.name) for file in files]


def annotation_upload(
    *,
    series: Series,
    actor: Any,
    files: Sequence[ReceivedFile],
    label: str = "",
    every_label: bool = False,
    order: PictureOrder = "",
) -> Annotation:
    """Check an uploaded mask against the series' grid and keep it.

    Args:
        files: paths on disk with the sender's names: one NIfTI, NRRD, NPY, PNG or zip, or several PNG.
        every_label: take every value above 0 for spine, instead of refusing a mask with more than two values.
        order: whether PNGs that are not named like the files of the series begin at the lowest slice or the highest.

    Raises:
        MaskRejected: with what does not fit, or that it could not be read.
        Busy: too many masks are being read.
        Forbidden, NotFound: ``actor`` may not upload masks there.
    """
    require(actor, series.institution_id, Capability.UPLOAD_MASK)
    with isolated.request_job() as job, storage.stored_or_removed() as stored:
        arguments = {**series_arguments(job, series, files, order), "every_label": every_label}
        read = isolated.read_refusing(job, "mask", arguments, MaskRejected)
        path, pixel_hash = job.folder.take(read["mask"]), read["pixel_hash"]
        with transaction.atomic():
            Series.objects.select_for_update(no_key=True).get(pk=series.pk)  # the same mask sent twice at once
            same = series.annotations.filter(author=actor, pixel_hash=pixel_hash).first()
            if same is not None:
                raise SameMask(said_same(same, label), annotation=str(same.pk))
            annotation = annotation_record(
                series=series,
                path=path,
                stored=stored,
                origin=MaskOrigin(AnnotationSource.UPLOAD, author=actor, label=label[:120]),
            )
            audit.record(
                actor=actor,
                action="mask.uploaded",
                object_id=annotation.pk,
                institution_id=series.institution_id,
                series=str(series.pk),
            )
    return annotation


def series_arguments(job: Job, series: Series, files: Sequence[ReceivedFile], order: PictureOrder) -> dict[str, Any]:
    """What a reader of a mask has to know: the files, and the grid and the names of the series."""
    names = SourceNames.of_meta(series.meta)
    return {
        "files": [[job.folder.add(file.path), file.name] for file in files],
        "geometry": series.geometry.as_json(),
        "spatial": series.source_kind in SPATIAL_KINDS,
        "names": {"parts": names.parts, "check": names.check},
        "order": order,
    }


def said_same(mask: Annotation, label: str) -> Message:
    """Which one it is, and that another label is not taken over."""
    said = [
        message(
            "This very mask of yours is on this series already, as “{name}” of {time} UTC. Use that one.",
            name=str(mask),
            time=f"{mask.created_at:%Y-%m-%d %H:%M}",
        )
    ]
    if label and label != mask.label:
        said.append(message("The label “{label}” was not taken.", label=label))
    return sentences(said)


def annotation_record(
    *,
    series: Series,
    path: Path,
    stored: list[str],
    origin: MaskOrigin,
    sizes: LabelTable | None = None,
) -> Annotation:
    """Move the finished mask file at ``path`` into the storage and record it; call inside a transaction.

    ``stored`` belongs to the caller's ``stored_or_removed``. ``sizes`` saves a second pass over the slices.

    Raises:
        ValuesOutsideTask: it marks something that its task does not have.
    """
    with SliceFileReader(path) as reader:
        pixel_hash = reader.pixel_hash
        sizes = sizes or LabelTable.of(reader, reader.geometry)
        check_values(sizes, origin.task_id)
        change = _change(origin.parent, reader)
    name = storage.store(path, storage.unique_name("masks", ".h5"))
    stored.append(name)
    annotation = Annotation.objects.create(
        institution_id=series.institution_id,
        series=series,
        source=origin.source,
        author=origin.author,
        parent=origin.parent,
        label=origin.label,
        mask=name,
        pixel_hash=pixel_hash,
        task_id=origin.task_id,
        voxels=sum(sizes.pixels),
        volume_ml=volume_and_area.volume_ml(sum(sizes.pixels), series.geometry),
        areas_px=sizes.pixels,
        labels=sizes.rows(),
        change=change,
        model_version=origin.model_version,
        confidence=list(origin.confidence),
        deviations=list(origin.deviations),
    )
    returned = Review.objects.filter(series=series, verdict=ReviewVerdict.SENT_BACK)
    touch_cases(Case.objects.filter(Exists(returned), pk=series.case_id))  # it may answer what was sent back
    followers().after_mask(annotation)
    return annotation


def check_values(sizes: LabelTable, task_id: str) -> None:
    """Raise ValuesOutsideTask unless every value of a mask is a label of its task; inside a transaction, until whose
    end the labels stay.
    """
    task = task_held(task_id)
    outside = sorted(set(sizes.values) - task.values)
    if outside:
        raise ValuesOutsideTask(
            message(
                "{task} has no label with the value {values}. Give each structure a label of the task.",
                task=task.name,
                values=", ".join(str(value) for value in outside[:LISTED_VALUES]),
            )
        )


def _change(parent: Annotation | None, mask: SliceFileReader) -> dict[str, Any] | None:
    if parent is None:
        return None
    with SliceFileReader(storage.local_path(parent.mask)) as before:
        return mask_change(before, mask).as_json()
