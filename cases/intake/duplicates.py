"""Whether a series that was read is one that is already here: the same values, at the same places, of the same patient.

Values alone do not say it: somebody who puts the spacing, the header or the patient right sends the same values again,
and that is what has to be taken over (ADR 17).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from accounts.models import Institution
from cases.intake.pseudonyms import keyed_hash
from cases.models import Series
from spineml.message import Message, message
from spineml.readers.series import DetectedSeries, SeriesWarning
from spineml.volumes.volume import Geometry

SAME_MM = 0.01
PAIRS = "pairs\0"
KINDS = {
    "dicom": "DICOM",
    "nifti": "NIfTI",
    "itk": message("NRRD or MetaImage"),
    "image": message("pictures"),
    "numpy": "NumPy",
}


@dataclass(frozen=True)
class Twin:
    """A series with the same values. ``differs`` says in what else it is another one; nothing: it is the same."""

    series: Series
    differs: tuple[Message, ...]
    other_patient: bool = False

    def notice(self) -> SeriesWarning:
        text = message(
            "The case “{title}” has a series with the same values but {differences}. Both were imported: check which "
            "one is right.",
            title=self.series.case.title,
            differences=list(self.differs),
        )
        return SeriesWarning("same-values", text)


def twin_of(institution: Institution, plan: DetectedSeries, pixel_hash: str) -> Twin | None:
    """The series that is the same, else one that has the same values and differs otherwise."""
    alike = Series.objects.filter(institution=institution, pixel_hash=pixel_hash).select_related("case__patient")
    twins = [_compared(institution, plan, series) for series in alike.order_by("created_at", "id")]
    return next((twin for twin in twins if not twin.differs), twins[-1] if twins else None)


def _compared(institution: Institution, plan: DetectedSeries, series: Series) -> Twin:
    differs = list(_of_geometry(plan.geometry, series.geometry))
    other_patient = _is_other_patient(institution, plan, series)
    if other_patient:
        differs.append(message("another patient"))
    return Twin(series, tuple(differs), other_patient)


def _of_geometry(here: Geometry, known: Geometry) -> Iterable[Message]:
    """What the earlier series has instead. A spacing that is unknown here contradicts nothing."""
    if not here.spacing_known:
        return
    if not known.spacing_known:
        yield message("no known spacing")
    elif any(abs(one - other) > SAME_MM for one, other in zip(here.spacing, known.spacing, strict=True)):
        yield message("voxels of {size} mm", size=" x ".join(f"{length:g}" for length in known.spacing))
    elif not here.same_grid(known, tolerance_mm=10 * SAME_MM):
        yield message("another position or orientation")


def _is_other_patient(institution: Institution, plan: DetectedSeries, series: Series) -> bool:
    """Only DICOM says who a patient is; names of pairs tell patients apart within their collection only."""
    if not plan.meta.source_kind == series.source_kind == "dicom" or plan.meta.patient_id.startswith(PAIRS):
        return False
    patient_id = plan.meta.patient_id
    return (keyed_hash("patient", institution.pk, patient_id) if patient_id else None) != series.case.patient.key_hash


def left_behind(plan: DetectedSeries, known: Series) -> list[Message]:
    """What else these files say otherwise than the series that is the same and stays as it is."""
    differs = []
    if plan.meta.source_kind != known.source_kind:
        differs.append(message("the format ({kind} now)", kind=KINDS.get(plan.meta.source_kind, plan.meta.source_kind)))
    if plan.meta.description and plan.meta.description[:120] != known.description:
        differs.append(message("the description (“{description}” now)", description=plan.meta.description[:120]))
    if known.geometry.spacing_known and not plan.geometry.spacing_known:
        differs.append(message("the voxel size (not stated now)"))
    if not differs:
        return []
    return [message("Different is {differences}; the series stays as it was.", differences=differs)]


def content_hash(plan: DetectedSeries, pixel_hash: str, patient: str) -> str:
    """The same for the same values on the same grid of the same patient; unique within an institution."""
    geometry = plan.geometry.as_json()
    rounded = {name: _rounded(geometry[name]) for name in ("spacing", "origin", "direction", "spacing_known")}
    return hashlib.sha256(json.dumps([pixel_hash, rounded, patient]).encode()).hexdigest()


def _rounded(value: object) -> object:
    return [round(float(part), 2) + 0.0 for part in value] if isinstance(value, list) else value
