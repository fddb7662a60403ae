"""Lays DICOM frames on a grid: ordered by their place along the slice normal, never by file name or instance number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spineml.message import message
from spineml.readers.dicom.frames import Frame
from spineml.readers.dicom.header import Header
from spineml.readers.dicom.spacing import (
    RoundedLine,
    base_step,
    blocks,
    change_of_spacing,
    is_even,
    rounded_line,
    whole_steps,
)
from spineml.readers.series import IntakeOptions, SeriesWarning
from spineml.volumes.volume import Geometry, canonical_geometry, with_unknown_spacing

SAME_PLACE_MM = 0.01
MAX_FILLED_GAP = 10
TILT_TOLERANCE_DEG = 0.5
SHIFT_MM = 1.0
SPARSE = 3
LISTED_GAPS = 5
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Image:
    """One frame and the header of the file it is in."""

    header: Header
    frame: Frame

    @property
    def cosines(self) -> tuple[float, ...]:
        return self.frame.orientation or AXIAL

    @property
    def is_placed(self) -> bool:
        return self.frame.position is not None


@dataclass(frozen=True)
class Stack:
    """Images in order. ``slots[i]`` is the index of ``images[i]`` along the stack; slots without an image are gaps."""

    images: list[Image]
    slots: list[int]
    geometry: Geometry
    tilt_deg: float
    notices: list[SeriesWarning]

    @property
    def empty_slots(self) -> list[int]:
        return sorted(set(range(self.slots[-1] + 1)) - set(self.slots))


def stack_normal(cosines: tuple[float, ...]) -> Vector:
    """The slice normal, signed so that its largest component grows towards left, back or head."""
    normal = np.cross(cosines[:3], cosines[3:])
    normal = normal / np.linalg.norm(normal)
    return normal if normal[np.abs(normal).argmax()] > 0 else -normal


def places_of(images: Sequence[Image]) -> Vector:
    """The corners of the images, (n, 3) LPS mm."""
    return np.array([image.frame.position for image in images], dtype=float).reshape(len(images), 3)


def depths_of(images: Sequence[Image]) -> Vector:
    """The places along the normal of the first image, mm; zeros where no place is stated."""
    if not images[0].is_placed:
        return np.zeros(len(images))
    return places_of(images) @ stack_normal(images[0].cosines)


def same_place(images: Sequence[Image]) -> list[list[Image]]:
    """Sort along the normal and bundle images at one place; within a bundle, by acquisition and number."""
    if not images[0].is_placed:
        ordered = sorted(images, key=lambda image: (image.header.order, image.frame.index, image.header.file.name))
        return [[image] for image in ordered]
    depth = dict(zip(map(id, images), map(float, depths_of(images)), strict=True))
    ordered = sorted(images, key=lambda image: (depth[id(image)], image.header.order, image.frame.index))
    bundles: list[list[Image]] = []
    for image in ordered:
        if bundles and depth[id(image)] - depth[id(bundles[-1][0])] < SAME_PLACE_MM:
            bundles[-1].append(image)
        else:
            bundles.append([image])
    return [sorted(bundle, key=lambda image: (image.header.order, image.frame.index)) for bundle in bundles]


def same_number(images: Sequence[Image]) -> list[list[Image]]:
    """Bundle images by their number: those that do not say where they lie."""
    bundles: dict[tuple[float, int], list[Image]] = {}
    for image in images:
        bundles.setdefault((image.header.order[-1], image.frame.index), []).append(image)
    return list(bundles.values())


# --- one run of slices, or several ------------------------------------------------------------------------------------
def on_one_grid(images: Sequence[Image]) -> bool:
    """Whether ``images`` (sorted) lie evenly, with no two at one place and none missing."""
    if not images[0].is_placed:
        return True
    return is_even(places_of(images), stack_normal(images[0].cosines)) or rounded_grid(images) is not None


def rounded_grid(images: Sequence[Image]) -> RoundedLine | None:
    """The even grid of slices (sorted) whose places were rounded: their numbers run, what they state fits."""
    numbers = np.array([image.header.order[-1] if len(image.header.frames) == 1 else np.inf for image in images])
    if len(images) < 2 or not np.isfinite(numbers).all() or set(np.diff(numbers)) not in ({1.0}, {-1.0}):
        return None
    places, normal = places_of(images), stack_normal(images[0].cosines)
    if is_even(places, normal):
        return None
    stated, thickness = images[0].header.slice_step_mm, images[0].frame.thickness
    return rounded_line(places, normal, stated if stated != thickness else None, thickness)


def split_runs(images: list[Image]) -> list[tuple[list[Image], list[SeriesWarning]]]:
    """Cut a sorted run where the distance of its slices changes, or where far too many are missing for one volume."""
    if len(images) < 3 or not images[0].is_placed or on_one_grid(images):
        return [(images, [])]
    places, normal = places_of(images), stack_normal(images[0].cosines)
    slots = whole_steps(places @ normal)
    thickness = [image.frame.thickness for image in images]
    on_a_line = slots is not None and _errors(images, slots)[2] <= SHIFT_MM
    found = (change_of_spacing if on_a_line else blocks)(places, normal, thickness)
    if found is not None:
        parts = [images[part] for part in found]
        return [(part, [_changes(parts, number)]) for number, part in enumerate(parts)]
    cuts = _cuts(images, slots or list(range(len(images))))
    parts = [images[low:high] for low, high in zip([0, *cuts], [*cuts, len(images)], strict=True)]
    if len(parts) == 1:
        return [(images, [])]
    return [(part, [_wide_gap(number, len(parts))]) for number, part in enumerate(parts, 1)]


def _cuts(images: Sequence[Image], slots: Sequence[int]) -> list[int]:
    """Where too much is missing, or where a gap lies between slices of another thickness: there nothing is missing."""
    depths = depths_of(images)
    distances = np.diff(depths)
    step = base_step(distances) if distances.min() > 0 else float(np.median(distances))
    found = []
    for i, distance in enumerate(distances):
        one, other = images[i].frame.thickness, images[i + 1].frame.thickness
        changes = bool(one and other) and abs((one or 0) - (other or 0)) > 0.1 * min(one or 0, other or 0)
        is_gap = slots[i + 1] - slots[i] > 1
        if (step > 0 and round(distance / step) - 1 > MAX_FILLED_GAP) or (is_gap and changes):
            found.append(i + 1)
    return found


def _changes(parts: list[list[Image]], number: int) -> SeriesWarning:
    steps = [float(np.diff(depths_of(part)).mean()) for part in parts]
    text = message(
        "The slice spacing or position changes within the series ({steps} mm): it was split into {count} series with "
        "their true positions. This is part {number}, with {here} mm.",
        steps=[f"{step:.2f}" for step in steps],
        count=len(parts),
        number=number + 1,
        here=f"{steps[number]:.2f}",
    )
    return SeriesWarning("spacing-changes", text)


def _wide_gap(number: int, count: int) -> SeriesWarning:
    text = message(
        "The slices have a large gap and were separated; this is part {number} of {count}.", number=number, count=count
    )
    return SeriesWarning("wide-gap", text)


# --- the grid ---------------------------------------------------------------------------------------------------------
def build(images: list[Image], options: IntakeOptions) -> Stack:
    """Lay sorted images (one at each place) on a regular grid.

    A gap of whole steps keeps its slots free, so that every voxel is where it was. The z axis is the true line
    through the slices' corners: with a tilted gantry it is not the slice normal.

    Raises:
        ValueError: the images span no grid.
    """
    notices: list[SeriesWarning] = []
    slots = _slots(images, notices)
    step, corner = _step_vector(images, slots, options, notices)
    normal = stack_normal(images[0].cosines)
    tilt = float(np.degrees(np.arccos(np.clip(np.dot(step, normal) / np.linalg.norm(step), -1, 1))))
    if tilt > TILT_TOLERANCE_DEG:
        text = message(
            "The gantry was tilted by {tilt} degrees; the true, tilted slice positions are used.", tilt=f"{tilt:.1f}"
        )
        notices.append(SeriesWarning("gantry-tilt", text))
    geometry = _geometry(images, slots[-1] + 1, step, corner, options, notices)
    return Stack(images, slots, geometry, tilt if tilt > TILT_TOLERANCE_DEG else 0.0, notices)


def _slots(images: Sequence[Image], notices: list[SeriesWarning]) -> list[int]:
    regular = list(range(len(images)))
    if not images[0].is_placed:
        if len(images) > 1:
            text = message(
                "The files do not give slice positions; slices are ordered by instance number, the first lowest. "
                "Check head/feet and left/right."
            )
            notices.append(SeriesWarning("no-position", text))
        return regular
    if len(images) < 3 or on_one_grid(images):
        if (rounded := rounded_grid(images)) is not None:
            notices.append(_rounded(rounded))
        return regular
    slots = whole_steps(depths_of(images))
    if slots is None:
        notices.append(_uneven(images))
        return regular
    if slots[-1] > len(images) - 1:
        notices.append(_missing(images, slots))
    return slots


def _errors(images: Sequence[Image], slots: Sequence[int]) -> tuple[float, float, float]:
    """The largest distance (mm) from where a slice lies to where the grid puts it: whole, along and across."""
    places, normal = places_of(images), stack_normal(images[0].cosines)
    step = (places[-1] - places[0]) / slots[-1]
    off = places - places[0] - np.outer(slots, step)
    along = off @ normal
    across = np.linalg.norm(off - np.outer(along, normal), axis=1)
    return float(np.linalg.norm(off, axis=1).max()), float(np.abs(along).max()), float(across.max())


def _rounded(line: RoundedLine) -> SeriesWarning:
    text = message(
        "The slice positions are rounded; because the instance numbers have no gap, an even spacing of {step} mm is "
        "used. A slice may be up to {largest} mm from where it is shown.",
        step=f"{np.linalg.norm(line.step):.2f}",
        largest=f"{line.largest:.1f}",
    )
    return SeriesWarning("rounded-places", text)


def _uneven(images: Sequence[Image]) -> SeriesWarning:
    distances = np.diff(depths_of(images))
    largest, along, across = _errors(images, range(len(images)))
    text = message(
        "The slice spacing varies from {low} to {high} mm; the mean of {mean} mm is used. A slice may be up to "
        "{largest} mm from where it is shown ({along} mm along the body, {across} mm across); lengths along the body "
        "and volumes are approximate.",
        low=f"{distances.min():.2f}",
        high=f"{distances.max():.2f}",
        mean=f"{distances.mean():.2f}",
        largest=f"{largest:.1f}",
        along=f"{along:.1f}",
        across=f"{across:.1f}",
    )
    return SeriesWarning("uneven-spacing", text)


def _missing(images: Sequence[Image], slots: Sequence[int]) -> SeriesWarning:
    steps, depths = np.diff(slots), depths_of(images)
    gaps = [i for i, count in enumerate(steps) if count > 1]
    places = [
        message(
            "{count} after slice {slice} (at {place} mm)",
            count=int(steps[i] - 1),
            slice=i + 1,
            place=f"{depths[i]:.1f}",
        )
        for i in gaps[:LISTED_GAPS]
    ]
    if len(gaps) > LISTED_GAPS:
        places.append(message("and {count} more positions", count=len(gaps) - LISTED_GAPS))
    total = int((steps - 1).sum())
    if total == 1:
        text = message(
            "1 slice is missing: {places}. It is shown empty; upload the complete series if possible.", places=places
        )
    else:
        text = message(
            "{count} slices are missing: {places}. They are shown empty; upload the complete series if possible.",
            count=total,
            places=places,
        )
    return SeriesWarning("missing-slices", text)


def _step_vector(
    images: Sequence[Image], slots: list[int], options: IntakeOptions, notices: list[SeriesWarning]
) -> tuple[Vector, Vector]:
    """The vector (mm) from one slice to the next, and the corner of the first."""
    normal = stack_normal(images[0].cosines)
    corner = np.array(images[0].frame.position or (0.0, 0.0, 0.0))
    if len(images) == 1 or not images[0].is_placed:
        stated = images[0].header.slice_step_mm or options.slice_spacing_mm
        if stated is None and len(images) > 1:
            text = message("The slice spacing is not given; 1 mm is assumed. Check lengths and volumes.")
            notices.append(SeriesWarning("no-slice-spacing", text))
        return normal * (stated or 1.0), corner
    places = places_of(images)
    step = (places[-1] - places[0]) / slots[-1]
    if (rounded := rounded_grid(images)) is not None:
        step, corner = rounded.step, rounded.corner
    _, _, across = _errors(images, slots)
    if across > SHIFT_MM and not any(notice.code == "uneven-spacing" for notice in notices):
        text = message(
            "The slices are shifted against each other by up to {distance} mm; their positions are approximate.",
            distance=f"{across:.1f}",
        )
        notices.append(SeriesWarning("shifted-slices", text))
    thickness = images[0].frame.thickness
    if thickness and np.dot(step, normal) > SPARSE * thickness:
        text = message(
            "The slice spacing is {distance} mm but the slice thickness {thickness} mm: tissue between the slices was "
            "not imaged.",
            distance=f"{np.dot(step, normal):.1f}",
            thickness=f"{thickness:.1f}",
        )
        notices.append(SeriesWarning("sparse-slices", text))
    return step, corner


def _geometry(
    images: Sequence[Image],
    depth: int,
    step: Vector,
    corner: Vector,
    options: IntakeOptions,
    notices: list[SeriesWarning],
) -> Geometry:
    header = images[0].header
    spacing = images[0].frame.spacing
    known = spacing is not None or options.pixel_spacing_mm is not None
    row_mm, column_mm = spacing or options.pixel_spacing_mm or (1.0, 1.0)
    cosines = np.array(images[0].cosines)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = step, cosines[3:] * row_mm, cosines[:3] * column_mm
    affine[:3, 3] = corner
    geometry = canonical_geometry(affine, (depth, header.rows, header.columns))
    if known:
        return geometry
    text = message("The files do not give the pixel spacing: lengths, areas and volumes are in pixels.")
    notices.append(SeriesWarning("no-spacing", text))
    return with_unknown_spacing(geometry)


def with_notices(stack: Stack, notices: Sequence[SeriesWarning]) -> Stack:
    return replace(stack, notices=[*notices, *stack.notices])
