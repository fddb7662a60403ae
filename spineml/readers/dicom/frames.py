"""The images of a DICOM file: where each lies, how its values become HU, and how it was made.

A file holds one image, or several: those of an enhanced CT each state their own place, those of a plain multi-frame CT
share one and are placed by their distance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from pydicom.dataset import Dataset

from spineml.message import message
from spineml.readers.dicom.values import code_of, number_of, numbers_of, sequence_of, values_of, whole_of
from spineml.readers.series import FileNotUsed

# Keyword of an attribute, and the functional group of an enhanced CT that it stands in (DICOM PS3.3 C.8.15.3).
GROUP_OF = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
    "SpacingBetweenSlices": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "RescaleType": "PixelValueTransformationSequence",
    "FrameAcquisitionNumber": "FrameContentSequence",
    "FrameAcquisitionDateTime": "FrameContentSequence",
    "TemporalPositionIndex": "FrameContentSequence",
    "StackID": "FrameContentSequence",
    "NominalPercentageOfCardiacPhase": "CardiacSynchronizationSequence",
    "ConvolutionKernel": "CTReconstructionSequence",
    "ReconstructionAlgorithm": "CTReconstructionSequence",
    "ReconstructionDiameter": "CTReconstructionSequence",
    "KVP": "CTXRayDetailsSequence",
    "FilterType": "CTXRayDetailsSequence",
    "FrameType": "CTImageFrameTypeSequence",
}
TIME_POINTERS = {0x00181063, 0x00181065}
NO_PLACE = message(
    "The image position (ImagePositionPatient) is not three numbers, so the slice position is unknown. Export the "
    "series again."
)
NO_RESCALE_NUMBER = message(
    "The rescale slope or intercept is not a valid number, so the CT values are unknown. Export the series again."
)
MOVING = message(
    "The frames of this file were acquired over time at one position: this is a cine loop, not a CT series."
)


@dataclass(frozen=True)
class Frame:
    """One image of a file. ``position`` (LPS mm), ``orientation`` (cosines) and ``spacing`` (y, x mm) may be absent.

    ``traits`` say how the image was made (kernel, voltage, contrast, time ...): see `spineml.readers.dicom.groups`.
    """

    index: int
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, float] | None
    slope: float
    intercept: float
    thickness: float | None = None
    traits: Mapping[str, str] = field(default_factory=dict, repr=False)


class Groups:
    """Looks an attribute of one frame up: in its own functional group, the shared one, or the top of the data set."""

    def __init__(self, dataset: Dataset, own: Dataset | None, shared: Dataset | None) -> None:
        self._top = dataset
        self._places = [place for place in (own, shared) if place is not None]

    def holder(self, keyword: str) -> Dataset:
        group = GROUP_OF.get(keyword)
        for place in self._places if group else []:
            if items := sequence_of(place, str(group)):
                return items[0]
        return self._top


def read_frames(dataset: Dataset, count: int) -> tuple[tuple[Frame, ...], bool]:
    """One frame for each of the ``count`` images of the file, and whether all state how to get to HU.

    Raises:
        FileNotUsed: a place or a rescale cannot be read, or the frames are no slices.
    """
    shared = _first(sequence_of(dataset, "SharedFunctionalGroupsSequence"))
    groups = sequence_of(dataset, "PerFrameFunctionalGroupsSequence")
    if groups and len(groups) != count:
        reason = message(
            "The file gives {groups} positions for {count} images. Export the series again.",
            groups=len(groups),
            count=count,
        )
        raise FileNotUsed("damaged-dicom", reason)
    frames, rescaled = [], True
    own_groups: list[Dataset | None] = [*groups] or [None]
    for index, own in enumerate(own_groups):
        found = Groups(dataset, own, shared)
        rescaled = rescaled and bool(values_of(found.holder("RescaleIntercept"), "RescaleIntercept"))
        frames.append(_frame(index, found))
    if count > 1 and not groups:
        frames = list(_placed(frames[0], dataset, count))
    return tuple(frames), rescaled


def _first(items: list[Dataset]) -> Dataset | None:
    return items[0] if items else None


def _frame(index: int, groups: Groups) -> Frame:
    slope, intercept = _rescale(groups, "RescaleSlope", 1.0), _rescale(groups, "RescaleIntercept", 0.0)
    if slope == 0:
        raise FileNotUsed("bad-rescale", NO_RESCALE_NUMBER)
    thickness = number_of(groups.holder("SliceThickness"), "SliceThickness")
    return Frame(
        index=index,
        position=_position(groups.holder("ImagePositionPatient")),
        orientation=_orientation(groups.holder("ImageOrientationPatient")),
        spacing=_spacing(groups.holder("PixelSpacing")),
        slope=slope,
        intercept=intercept,
        thickness=thickness if thickness and thickness > 0 else None,
        traits=_traits(groups),
    )


def _rescale(groups: Groups, keyword: str, default: float) -> float:
    values = numbers_of(groups.holder(keyword), keyword)
    if not values:
        return default
    if values[0] is None or abs(values[0]) > 1e9:
        raise FileNotUsed("bad-rescale", NO_RESCALE_NUMBER)
    return values[0]


def _position(holder: Dataset) -> tuple[float, ...] | None:
    values = numbers_of(holder, "ImagePositionPatient")
    if not values:
        return None
    known = [value for value in values if value is not None and abs(value) < 1e6]
    if len(known) != 3 or len(values) != 3:
        raise FileNotUsed("bad-position", NO_PLACE)
    return tuple(known)


def _orientation(holder: Dataset) -> tuple[float, ...] | None:
    """Six cosines, normalised; None when they are absent or no two directions."""
    values = numbers_of(holder, "ImageOrientationPatient")
    cosines = [value for value in values if value is not None and abs(value) < 1e6]
    if len(cosines) != 6 or len(values) != 6:
        return None
    row, column = np.array(cosines[:3]), np.array(cosines[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if min(lengths) < 0.5 or np.linalg.norm(np.cross(row / lengths[0], column / lengths[1])) < 0.5:
        return None
    return tuple(float(part) for part in np.concatenate([row / lengths[0], column / lengths[1]]))


def _spacing(holder: Dataset) -> tuple[float, float] | None:
    """Millimetres (y, x); one value serves for both."""
    known = [value for value in numbers_of(holder, "PixelSpacing")[:2] if value is not None and 1e-3 < value < 1e3]
    return (known[0], known[-1]) if known and len(known) == min(2, len(values_of(holder, "PixelSpacing"))) else None


# --- several images at one stated place -------------------------------------------------------------------------------
def _placed(first: Frame, dataset: Dataset, count: int) -> Iterator[Frame]:
    """The frames of a plain multi-frame CT: by their offsets if the file lists them, else by their distance."""
    pointers = {int(value) for value in values_of(dataset, "FrameIncrementPointer") if isinstance(value, int)}
    offsets = _offsets(dataset, count)
    if offsets is None and pointers & TIME_POINTERS and number_of(dataset, "SpacingBetweenSlices") is None:
        raise FileNotUsed("moving-picture", MOVING)
    for index in range(count):
        frame = replace(first, index=index)
        if first.position is not None and offsets is not None:
            cosines = first.orientation or (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
            normal = np.cross(cosines[:3], cosines[3:])
            place = np.array(first.position) + offsets[index] * normal
            frame = replace(frame, position=tuple(float(part) for part in place))
        yield frame if offsets is not None else replace(frame, position=None)


def _offsets(dataset: Dataset, count: int) -> list[float] | None:
    """Distances (mm, along the normal) of the frames from the first."""
    for keyword in ("GridFrameOffsetVector", "SliceLocationVector"):
        listed = [value for value in numbers_of(dataset, keyword) if value is not None]
        if len(listed) == count and len(set(listed)) == count:
            return [value - listed[0] for value in listed]
    step = stated_step(dataset)
    return [step * index for index in range(count)] if step else None


def stated_step(dataset: Dataset) -> float | None:
    """The distance between slices as stated, for slices that do not say where they lie; its sign is a direction."""
    shared = _first(sequence_of(dataset, "SharedFunctionalGroupsSequence"))
    groups = Groups(dataset, None, shared)
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        step = number_of(groups.holder(keyword), keyword) or number_of(dataset, keyword)
        if step:
            return step
    return None


# --- how an image was made --------------------------------------------------------------------------------------------
def _traits(groups: Groups) -> dict[str, str]:
    """What tells images of one series apart, as text that compares; absent ones are left out."""

    def text(*keywords: str) -> str:
        return next((code for keyword in keywords if (code := code_of(groups.holder(keyword), keyword))), "")

    def number(*keywords: str) -> str:
        found = (number_of(groups.holder(keyword), keyword) for keyword in keywords)
        return next((f"{value:g}" for value in found if value is not None), "")

    kinds = text("FrameType", "ImageType").split("\\")
    traits = {
        "kernel": text("ConvolutionKernel"),
        "kind": "\\".join(kinds[2:]),
        "origin": "\\".join(kinds[:2]),
        "voltage": number("KVP"),
        "contrast": text("ContrastBolusAgent"),
        "filter": text("FilterType"),
        "diameter": number("ReconstructionDiameter"),
        "algorithm": text("ReconstructionAlgorithm"),
        "station": text("StationName"),
        "acquisition": number("FrameAcquisitionNumber", "AcquisitionNumber"),
        "temporal": number("TemporalPositionIndex", "TemporalPositionIdentifier"),
        "phase": number("NominalPercentageOfCardiacPhase", "TriggerTime"),
        "echo": number("EchoNumbers"),
        "stack": text("StackID"),
        "options": text("ScanOptions"),
        "time": text("FrameAcquisitionDateTime", "AcquisitionDateTime")
        or text("AcquisitionDate") + text("AcquisitionTime"),
        "content time": text("ContentTime"),
        "number": number("SeriesNumber"),
        "description": text("SeriesDescription"),
        "comment": text("ImageComments"),
        "tilt": number("GantryDetectorTilt"),
        "location": number("SliceLocation"),
    }
    return {name: value for name, value in traits.items() if value}


def most_frames(dataset: Dataset) -> int:
    """How many images the file says it holds."""
    return max(whole_of(dataset, "NumberOfFrames", 1), 1)
