"""Writes of the reading room: corrections, drafts of them, measurements, and settings of the viewer."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.access import Capability, require
from cases.changes import touch_cases
from cases.models import Annotation, AnnotationSource, Case, CaseState, Draft, Measurement, Series, ViewerSettings
from cases.models.viewer import MeasurementKind
from cases.services import MaskOrigin, annotation_record
from registry.models import Task
from spineml.masks import measurements as point_measures
from spineml.masks.edit import SliceDamaged, Slices, check_slices, inflate_slice, write_edited
from spineml.message import message
from spineml.metrics.labels import LabelTable
from spineml.volumes.canonical_file import SliceFileReader
from spineplatform.shared import audit, storage
from spineplatform.shared.errors import Conflict, Forbidden, UserError


class ConcurrentCorrection(Conflict):
    """Someone else saved a correction of this mask first. Yours is not lost: review theirs, or save yours as a
    separate mask."""

    code = "saved-first"


class NothingChanged(UserError):
    """Nothing was changed, so there is nothing to save."""

    code = "nothing-changed"


class DraftConflict(Conflict):
    """Your correction of this series was continued in another window. This window has its own copy."""

    code = "draft-elsewhere"


class BadMeasurement(UserError):
    """Invalid measurement: place the points again."""

    code = "bad-measurement"


class DuplicateId(Conflict):
    """This id is taken. Send the measurement with a new one."""

    code = "id-taken"


# --- corrections ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Correction:
    """Changed slices over ``base`` (None: drawn from nothing), each a base64 of a zlib stream of labels.

    ``task`` counts only for a mask that is drawn from nothing; without one it is the spine.

    ``alongside`` keeps a correction although somebody else's of the same mask was saved first.
    """

    base: Annotation | None
    slices: Mapping[int, str]
    label: str = ""
    task: Task | None = None
    alongside: bool = False


def annotation_correct(*, series: Series, actor: Any, correction: Correction) -> tuple[Annotation, bool]:
    """Save a correction as a new mask with its parent. Sending the same twice saves it once.

    Returns:
        The mask, and whether it is new.

    Raises:
        ConcurrentCorrection: somebody else's correction of the same mask is there; its id is in ``annotation``.
        NothingChanged, SliceDamaged: there is nothing to save, or a slice does not fit.
        Forbidden, NotFound: ``actor`` may not correct masks there.
    """
    require(actor, series.institution_id, Capability.CORRECT_MASK)
    changed = _unpacked(series, correction.slices)
    if not changed:
        raise NothingChanged
    with storage.work_folder("correction") as folder, storage.stored_or_removed() as stored, transaction.atomic():
        path = folder / "mask.h5"
        pixel_hash, sizes = _write(path, series, changed, correction.base)
        Series.objects.select_for_update(no_key=True).get(pk=series.pk)  # two who save at once take turns
        saved = _already_saved(series, actor, correction, pixel_hash)
        if saved is not None:
            return saved, False
        _check_unchanged(correction, pixel_hash, actor)
        annotation = annotation_record(
            series=series, path=path, stored=stored, origin=_origin(actor, correction), sizes=sizes
        )
        Draft.objects.filter(series=series, author=actor).delete()
        uncorrected = Case.objects.filter(pk=series.case_id).exclude(state=CaseState.CORRECTED)
        touch_cases(uncorrected, state=CaseState.CORRECTED)
        audit.record(
            actor=actor,
            action="mask.corrected",
            object_id=annotation.pk,
            institution_id=series.institution_id,
            parent=str(correction.base.pk) if correction.base else "",
            slices=len(changed),
        )
    return annotation, True


def _unpacked(series: Series, slices: Mapping[int, str]) -> Slices:
    geometry = series.geometry
    try:
        streams = {z: base64.b64decode(text, validate=True) for z, text in slices.items()}
    except (binascii.Error, ValueError):
        raise SliceDamaged from None
    changed = {z: inflate_slice(stream, geometry) for z, stream in streams.items()}
    check_slices(changed, geometry)
    return changed


def _write(path: Path, series: Series, changed: Slices, base: Annotation | None) -> tuple[str, LabelTable]:
    with ExitStack() as stack:
        reader = stack.enter_context(SliceFileReader(storage.local_path(base.mask))) if base else None
        rows: Sequence[Any] = base.labels if base else ()
        return write_edited(path, series.geometry, changed, base=reader, base_rows=rows)


def _already_saved(series: Series, actor: Any, correction: Correction, pixel_hash: str) -> Annotation | None:
    """The same correction by the same person: the answer to the first try was lost on its way."""
    return series.annotations.filter(author=actor, parent=correction.base, pixel_hash=pixel_hash).first()


def _check_unchanged(correction: Correction, pixel_hash: str, actor: Any) -> None:
    if correction.base is None:
        return
    if correction.base.pixel_hash == pixel_hash:
        raise NothingChanged
    first = correction.base.corrections.seen_by(actor).select_related("author").order_by("created_at").last()
    if first is None or correction.alongside:
        return
    name = first.author.display_name() if first.author else ""
    raise ConcurrentCorrection(annotation=str(first.pk), author=name, created_at=first.created_at.isoformat())


def _origin(actor: Any, correction: Correction) -> MaskOrigin:
    source = AnnotationSource.EDIT if correction.base else AnnotationSource.DRAWN
    task = None if correction.base else correction.task
    return MaskOrigin(source, author=actor, parent=correction.base, label=correction.label[:120], task=task)


# --- drafts -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class DraftChange:
    """What changed since the last autosave. ``slices`` by number, None where a slice is as in ``base`` again. ``task``
    is that of a mask without ``base``; one of another task begins anew.

    ``revision`` is the one this window last heard of, 0 when it knows of none.
    """

    base: Annotation | None
    slices: Mapping[int, str | None]
    revision: int
    replace: bool = False
    task: Task | None = None


def draft_save(*, series: Series, actor: Any, change: DraftChange) -> Draft:
    """Put the changed slices into the person's draft of this series; ``replace`` starts it anew.

    Raises:
        DraftConflict: another window wrote it in between; its revision is in ``revision``.
        SliceDamaged: a slice does not fit.
        Forbidden, NotFound: ``actor`` may not correct masks there.
    """
    require(actor, series.institution_id, Capability.CORRECT_MASK)
    kept = {z: text for z, text in change.slices.items() if text is not None}
    _unpacked(series, kept)
    with transaction.atomic():
        draft, is_new = Draft.objects.select_for_update().get_or_create(
            series=series, author=actor, defaults={"base": change.base, "task": change.task}
        )
        if not is_new and not change.replace and draft.revision != change.revision:
            if _is_kept(draft, change):
                return draft
            raise DraftConflict(revision=draft.revision)
        anew = change.replace or (draft.base, draft.task) != (change.base, change.task)
        slices = {} if anew else dict(draft.slices)
        for z in change.slices:
            slices.pop(str(z), None)
        draft.slices = slices | {str(z): text for z, text in kept.items()}
        draft.base, draft.task = change.base, change.task
        draft.revision += 1
        draft.updated_at = timezone.now()
        draft.save()
    return draft


def _is_kept(draft: Draft, change: DraftChange) -> bool:
    """The draft holds this change already: it was sent by the page that closed, and again by the one that opened."""
    return draft.base == change.base and all(draft.slices.get(str(z)) == text for z, text in change.slices.items())


def draft_discard(*, series: Series, actor: Any) -> None:
    """Forget the person's draft; there need not be one."""
    require(actor, series.institution_id, Capability.CORRECT_MASK)
    Draft.objects.filter(series=series, author=actor).delete()


# --- measurements -----------------------------------------------------------------------------------------------------
POINTS = {
    MeasurementKind.LENGTH: 2,
    MeasurementKind.ANGLE: 3,
    MeasurementKind.COBB: 4,
    MeasurementKind.RECTANGLE: 2,
    MeasurementKind.ELLIPSE: 2,
    MeasurementKind.HEIGHT_RATIO: 4,
}
REGIONS = (MeasurementKind.RECTANGLE, MeasurementKind.ELLIPSE)


@dataclass(frozen=True)
class NewMeasurement:
    """``points`` in LPS mm; ``values`` counts only for a region, whose HU the viewer has measured.

    ``id`` is the client's, so that a measurement whose answer was lost can be sent again.
    """

    kind: MeasurementKind
    plane: str
    index: int
    points: list[list[float]]
    values: dict[str, float]
    id: uuid.UUID | None = None


def measurement_create(*, series: Series, actor: Any, measured: NewMeasurement) -> tuple[Measurement, bool]:
    """Keep a measurement with the series. Lengths and angles are computed here, from the points.

    Returns:
        The measurement, and whether it is new: the same id sent again is kept once.

    Raises:
        DuplicateId: the id is that of something else.
        BadMeasurement: too few or too many points, or points that coincide.
        Forbidden, NotFound: ``actor`` may not measure there.
    """
    require(actor, series.institution_id, Capability.CORRECT_MASK)
    values = _values(measured)
    with transaction.atomic():
        measurement, is_new = Measurement.objects.get_or_create(
            pk=measured.id or uuid.uuid4(),
            defaults={
                "institution_id": series.institution_id,
                "series": series,
                "author": actor,
                "kind": measured.kind,
                "plane": measured.plane,
                "index": measured.index,
                "points": measured.points,
                "values": values,
            },
        )
        if not is_new:
            if (measurement.series_id, measurement.author_id) != (series.pk, actor.pk):
                raise DuplicateId
            return measurement, False
        audit.record(
            actor=actor,
            action="measurement.created",
            object_id=measurement.pk,
            institution_id=series.institution_id,
            kind=str(measured.kind),
        )
    return measurement, True


def _values(measured: NewMeasurement) -> dict[str, float]:
    points = measured.points
    if len(points) != POINTS[measured.kind]:
        raise BadMeasurement(
            message(
                "This measurement has {expected} points; {found} were sent.",
                expected=POINTS[measured.kind],
                found=len(points),
            )
        )
    try:
        if measured.kind == MeasurementKind.LENGTH:
            return {"length_mm": point_measures.length_mm(*points)}
        if measured.kind == MeasurementKind.ANGLE:
            return {"degrees": point_measures.angle_degrees(*points)}
        if measured.kind == MeasurementKind.COBB:
            return {"degrees": point_measures.cobb_degrees(points)}
        if measured.kind == MeasurementKind.HEIGHT_RATIO:
            names = ("anterior_mm", "posterior_mm", "ratio")
            return dict(zip(names, point_measures.height_ratio(points), strict=True))
    except ValueError:
        raise BadMeasurement from None
    return dict(measured.values)


def measurement_remove(*, measurement: Measurement, actor: Any) -> None:
    """Take a measurement away; only its author may.

    Raises:
        Forbidden: ``actor`` is somebody else.
    """
    require(actor, measurement.institution_id, Capability.CORRECT_MASK)
    if measurement.author_id != actor.pk:
        raise Forbidden(message("Only the person who measured it may remove it."))
    with transaction.atomic():
        audit.record(
            actor=actor,
            action="measurement.removed",
            object_id=measurement.pk,
            institution_id=measurement.institution_id,
            kind=measurement.kind,
            values=measurement.values,
        )
        measurement.delete()


# --- settings ---------------------------------------------------------------------------------------------------------
def viewer_settings_save(*, actor: Any, values: dict[str, Any]) -> ViewerSettings:
    """Remember how this person likes the viewer."""
    saved, _ = ViewerSettings.objects.update_or_create(
        user=actor, defaults={"values": values, "updated_at": timezone.now()}
    )
    return saved
