"""The values of a DICOM data set that the platform uses, as plain Python; absent and empty are None."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID

from spineml.series import SeriesMeta


@dataclass(frozen=True)
class Frame:
    """One image of a file. ``position`` (LPS mm), ``orientation`` (cosines) and ``spacing`` (y, x mm) may be absent."""

    index: int
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, float] | None
    slope: float
    intercept: float


def read_frames(dataset: Dataset) -> tuple[tuple[Frame, ...], bool]:
    """One frame for each image of the file, and whether all state how to get from stored values to HU."""
    count = int(dataset.get("NumberOfFrames") or 1)
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    groups = dataset.get("PerFrameFunctionalGroupsSequence") or [Dataset()] * count
    if len(groups) != count:
        raise ValueError("as many functional groups as frames are required")
    frames, rescaled = [], True
    for index, own in enumerate(groups):
        places = (own, shared)
        pick = {
            name: _from_group(places, sequence, name, dataset)
            for sequence, name in (
                ("PlanePositionSequence", "ImagePositionPatient"),
                ("PlaneOrientationSequence", "ImageOrientationPatient"),
                ("PixelMeasuresSequence", "PixelSpacing"),
                ("PixelValueTransformationSequence", "RescaleSlope"),
                ("PixelValueTransformationSequence", "RescaleIntercept"),
            )
        }
        rescaled = rescaled and pick["RescaleIntercept"] is not None
        slope, intercept = pick["RescaleSlope"], pick["RescaleIntercept"]
        frames.append(
            Frame(
                index=index,
                position=_vector(pick["ImagePositionPatient"], 3),
                orientation=_orientation(pick["ImageOrientationPatient"]),
                spacing=_spacing(pick["PixelSpacing"]),
                slope=_finite(1.0 if slope in (None, "") else slope),
                intercept=_finite(0.0 if intercept in (None, "") else intercept),
            )
        )
    return tuple(frames), rescaled


def _from_group(places: tuple[Dataset, Dataset], sequence: str, name: str, top: Dataset) -> Any:
    """A value of a frame: from its own functional group, the shared one, or the top of the data set."""
    for place in places:
        if items := place.get(sequence):
            return items[0].get(name)
    return top.get(name)


def _finite(value: Any) -> float:
    number = float(value)
    if not np.isfinite(number):
        raise ValueError("a number of the header is not finite")
    return number


def _vector(value: Any, length: int) -> tuple[float, ...] | None:
    if value is None or value == "" or len(value) != length:
        return None
    return tuple(_finite(component) for component in value)


def _orientation(value: Any) -> tuple[float, ...] | None:
    """Six cosines, normalised; None when they are absent or no two directions."""
    cosines = _vector(value, 6)
    if cosines is None:
        return None
    row, column = np.array(cosines[:3]), np.array(cosines[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if min(lengths) < 0.5 or np.linalg.norm(np.cross(row / lengths[0], column / lengths[1])) < 0.5:
        return None
    return tuple(float(part) for part in np.concatenate([row / lengths[0], column / lengths[1]]))


def _spacing(value: Any) -> tuple[float, float] | None:
    pair = _vector(value, 2)
    return (pair[0], pair[1]) if pair and min(pair) > 0 else None


def values_of(dataset: Dataset, name: str) -> list[Any]:
    value = dataset.get(name)
    if value is None or isinstance(value, str):
        return [value] if value else []
    return list(value)


def _number(dataset: Dataset, name: str) -> float | None:
    value = dataset.get(name)
    return None if value in (None, "") else _finite(value)


def order_of(dataset: Dataset) -> tuple[float, ...]:
    """For images at one place, or at none: acquisition first, then the number within the series."""
    return tuple(_number(dataset, name) or 0.0 for name in ("AcquisitionNumber", "InstanceNumber"))


def slice_step(dataset: Dataset) -> float | None:
    """The distance between slices as stated, for a slice that has no neighbour."""
    for name in ("SpacingBetweenSlices", "SliceThickness"):
        shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
        measures = (shared.get("PixelMeasuresSequence") or [dataset])[0]
        step = _number(measures, name) or _number(dataset, name)
        if step:
            return abs(step)
    return None


def padding_of(dataset: Dataset) -> tuple[int, int] | None:
    """The range of stored values that mean "outside the scan", both ends included (DICOM PS3.3 C.7.5.1.1.2)."""
    value = dataset.get("PixelPaddingValue")
    if not isinstance(value, int):
        return None
    limit = dataset.get("PixelPaddingRangeLimit")
    other = limit if isinstance(limit, int) else value
    low, high = min(value, other), max(value, other)
    if dataset.get("PixelRepresentation") == 1:
        # Some writers store the value with the VR of an unsigned number: 63536 means -2000.
        low, high = (part - 65536 if part > 32767 else part for part in (low, high))
    return low, high


def series_meta(dataset: Dataset, syntax: UID) -> SeriesMeta:
    return SeriesMeta(
        source_kind="dicom",
        modality=str(dataset.get("Modality", "") or "CT"),
        patient_id=str(dataset.get("PatientID", "") or ""),
        study_uid=str(dataset.get("StudyInstanceUID", "") or ""),
        series_uid=str(dataset.get("SeriesInstanceUID", "") or ""),
        description=_description(dataset),
        study_date=_study_date(dataset),
        manufacturer=_text(dataset, "Manufacturer"),
        model_name=_text(dataset, "ManufacturerModelName"),
        kernel="\\".join(str(value) for value in values_of(dataset, "ConvolutionKernel")),
        body_part=_text(dataset, "BodyPartExamined"),
        patient_position=_text(dataset, "PatientPosition"),
        slice_thickness_mm=_number(dataset, "SliceThickness"),
        encoding=syntax.name,
        dtype=("int" if dataset.get("PixelRepresentation") == 1 else "uint") + str(dataset.get("BitsAllocated", "")),
        bits_stored=int(dataset.get("BitsStored") or 0) or None,
    )


def _text(dataset: Dataset, name: str) -> str:
    return str(dataset.get(name, "") or "").strip()[:64]


def _description(dataset: Dataset) -> str:
    """The series description, or nothing when it repeats a part of the patient's name or number."""
    text = _text(dataset, "SeriesDescription")
    identity = f"{dataset.get('PatientName', '')} {dataset.get('PatientID', '')}"
    words = [word for word in identity.replace("^", " ").replace("=", " ").split() if len(word) > 2]
    return "" if any(word.lower() in text.lower() for word in words) else text


def _study_date(dataset: Dataset) -> date | None:
    try:
        return datetime.strptime(str(dataset.get("StudyDate", "") or "")[:8], "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
