"""Puts DICOM frames in order: by their place along the slice normal, never by file name or instance number."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spineml.dicom_fields import Frame
from spineml.dicom_header import Header
from spineml.message import message
from spineml.series import IntakeOptions, Notice
from spineml.volume import Geometry, canonical_geometry, with_unknown_spacing

SAME_PLACE_MM = 0.01
SAME_ORIENTATION = 5e-3
STEP_TOLERANCE = 0.1
MAX_FILLED_GAP = 10
LISTED_GAPS = 5
TILT_TOLERANCE_DEG = 0.5
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Image:
    """One frame and the header of the file it is in."""

    header: Header
    frame: Frame

    @property
    def cosines(self) -> tuple[float, ...]:
        return self.frame.orientation or AXIAL


@dataclass(frozen=True)
class Stack:
    """Images in order. ``slots[i]`` is the index of ``images[i]`` along the stack; slots without an image are gaps."""

    images: list[Image]
    slots: list[int]
    geometry: Geometry
    tilt_deg: float
    notices: list[Notice]

    @property
    def empty_slots(self) -> list[int]:
        return sorted(set(range(self.slots[-1] + 1)) - set(self.slots))


def group(images: Sequence[Image]) -> list[list[Image]]:
    """Keep together what can be one grid: same series, frame of reference, size, spacing and orientation."""
    groups: dict[tuple[object, ...], list[list[Image]]] = {}
    for image in images:
        header, frame = image.header, image.frame
        folder = "" if header.meta.series_uid else header.file.name.rpartition("/")[0]
        key = (
            *(header.meta.study_uid, header.meta.series_uid, folder, header.frame_of_reference),
            *(header.rows, header.columns, frame.position is None, frame.orientation is None),
            frame.spacing and tuple(round(value, 3) for value in frame.spacing),
        )
        alike = groups.setdefault(key, [])
        for members in alike:
            if np.allclose(members[0].cosines, image.cosines, atol=SAME_ORIENTATION):
                members.append(image)
                break
        else:
            alike.append([image])
    return [members for alike in groups.values() for members in alike]


def same_place(images: Sequence[Image]) -> list[list[Image]]:
    """Sort along the normal and bundle images at one place; within a bundle, by acquisition and number."""
    if images[0].frame.position is None:
        ordered = sorted(images, key=lambda image: (image.header.order, image.frame.index, image.header.file.name))
        return [[image] for image in ordered]
    normal = stack_normal(images[0].cosines)
    depth = {id(image): float(np.dot(image.frame.position or (), normal)) for image in images}
    ordered = sorted(images, key=lambda image: (depth[id(image)], image.header.order, image.frame.index))
    bundles: list[list[Image]] = []
    for image in ordered:
        if bundles and depth[id(image)] - depth[id(bundles[-1][0])] < SAME_PLACE_MM:
            bundles[-1].append(image)
        else:
            bundles.append([image])
    return [sorted(bundle, key=lambda image: (image.header.order, image.frame.index)) for bundle in bundles]


def stack_normal(cosines: tuple[float, ...]) -> Vector:
    """The slice normal, signed so that its largest component grows towards left, back or head."""
    normal = np.cross(cosines[:3], cosines[3:])
    normal = normal / np.linalg.norm(normal)
    return normal if normal[np.abs(normal).argmax()] > 0 else -normal


def split_at_wide_gaps(images: list[Image]) -> list[list[Image]]:
    """Cut a sorted run where more than ``MAX_FILLED_GAP`` slices are missing: the parts are separate series."""
    if len(images) < 3 or images[0].frame.position is None:
        return [images]
    distances = _distances(images)
    step = base_step(distances)
    cuts = [i + 1 for i, distance in enumerate(distances) if round(distance / step) - 1 > MAX_FILLED_GAP]
    bounds = [0, *cuts, len(images)]
    return [images[low:high] for low, high in itertools.pairwise(bounds)]


def base_step(distances: Vector) -> float:
    """The distance between neighbours: the smallest that recurs and divides the others, else the median."""
    ratios = distances / distances.min()
    single = ratios < 1.5
    whole = np.abs(ratios - np.round(ratios)) < STEP_TOLERANCE * np.round(ratios)
    if whole.all() and single.mean() >= 0.3:
        return float(np.median(distances[single]))
    return float(np.median(distances))


def build(images: list[Image], options: IntakeOptions) -> Stack:
    """Lay sorted images (one at each place) on a regular grid.

    A gap of whole steps keeps its slots free, so that every voxel is where it was. The z axis is the true line
    through the slices' corners: with a tilted gantry it is not the slice normal.

    Raises:
        ValueError: the images span no grid.
    """
    notices: list[Notice] = []
    slots = _slots(images, notices)
    step, corner = _step_vector(images, slots, options, notices)
    normal = stack_normal(images[0].cosines)
    tilt = float(np.degrees(np.arccos(np.clip(np.dot(step, normal) / np.linalg.norm(step), -1, 1))))
    if tilt > TILT_TOLERANCE_DEG:
        text = message(
            "The gantry was tilted by {tilt} degrees; the slices keep their true, slanted places.", tilt=f"{tilt:.1f}"
        )
        notices.append(Notice("gantry-tilt", text))
    geometry = _geometry(images, slots[-1] + 1, step, corner, options, notices)
    return Stack(images, slots, geometry, tilt if tilt > TILT_TOLERANCE_DEG else 0.0, notices)


def _distances(images: Sequence[Image]) -> Vector:
    normal = stack_normal(images[0].cosines)
    return np.diff([float(np.dot(image.frame.position or (), normal)) for image in images])


def _slots(images: Sequence[Image], notices: list[Notice]) -> list[int]:
    regular = list(range(len(images)))
    if images[0].frame.position is None:
        if len(images) > 1:
            text = message(
                "The files do not state where the slices lie; they are ordered by their number, the first lowest."
            )
            notices.append(Notice("no-position", text))
        return regular
    if len(images) < 3:
        return regular
    distances = _distances(images)
    step = base_step(distances)
    steps = np.round(distances / step).astype(int)
    uneven = np.abs(distances / step - steps) > STEP_TOLERANCE * np.maximum(steps, 1)
    if uneven.any() or (steps < 1).any():
        text = message(
            "The slices are {low} to {high} mm apart; the volume uses the mean of {mean} mm, so lengths and "
            "volumes along the body are approximate.",
            low=f"{distances.min():.2f}",
            high=f"{distances.max():.2f}",
            mean=f"{distances.mean():.2f}",
        )
        notices.append(Notice("uneven-spacing", text))
        return regular
    if (steps > 1).any():
        notices.append(_missing(images, steps))
    return [0, *(int(slot) for slot in np.cumsum(steps))]


def _missing(images: Sequence[Image], steps: npt.NDArray[np.int_]) -> Notice:
    gaps = [i for i, count in enumerate(steps) if count > 1]
    normal = stack_normal(images[0].cosines)
    places = [
        message(
            "{count} after slice {slice} (at {place} mm)",
            count=int(steps[i] - 1),
            slice=i + 1,
            place=f"{float(np.dot(images[i].frame.position or (), normal)):.1f}",
        )
        for i in gaps[:LISTED_GAPS]
    ]
    if len(gaps) > LISTED_GAPS:
        places.append(message("and {count} more places", count=len(gaps) - LISTED_GAPS))
    total = int((steps - 1).sum())
    if total == 1:
        text = message(
            "1 slice is missing: {places}. It is shown empty; send the whole series if you can.", places=places
        )
    else:
        text = message(
            "{count} slices are missing: {places}. They are shown empty; send the whole series if you can.",
            count=total,
            places=places,
        )
    return Notice("missing-slices", text)


def _step_vector(
    images: Sequence[Image], slots: list[int], options: IntakeOptions, notices: list[Notice]
) -> tuple[Vector, Vector]:
    """The vector (mm) from one slice to the next, and the corner of the first."""
    normal = stack_normal(images[0].cosines)
    corner = np.array(images[0].frame.position or (0.0, 0.0, 0.0))
    if len(images) == 1 or images[0].frame.position is None:
        return normal * (images[0].header.slice_step_mm or options.slice_spacing_mm or 1.0), corner
    places = np.array([image.frame.position for image in images])
    step = (places[-1] - places[0]) / slots[-1]
    off = places - (places[0] + np.outer(slots, step))
    aside = float(np.linalg.norm(off - np.outer(off @ normal, normal), axis=1).max())
    if aside > 1.0:
        text = message(
            "The slices are shifted against each other by up to {distance} mm; their places are approximate.",
            distance=f"{aside:.1f}",
        )
        notices.append(Notice("shifted-slices", text))
    thickness = images[0].header.meta.slice_thickness_mm
    if thickness and np.dot(step, normal) > 3 * thickness:
        text = message(
            "The slices are {distance} mm apart but {thickness} mm thick: tissue lies between.",
            distance=f"{np.dot(step, normal):.1f}",
            thickness=f"{thickness:.1f}",
        )
        notices.append(Notice("sparse-slices", text))
    return step, corner


def _geometry(
    images: Sequence[Image],
    depth: int,
    step: Vector,
    corner: Vector,
    options: IntakeOptions,
    notices: list[Notice],
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
    notices.append(
        Notice(
            "no-spacing", message("The files state no pixel spacing: lengths, areas and volumes are given in pixels.")
        )
    )
    return with_unknown_spacing(geometry)


def without_duplicates(
    bundles: list[list[Image]], alike: Callable[[Image, Image], bool]
) -> tuple[list[list[Image]], list[tuple[Image, Image]]]:
    """Take out images that repeat another at their place; returns what is left and (repeat, original) pairs."""
    left, repeats = [], []
    for bundle in bundles:
        kept: list[Image] = []
        for image in bundle:
            twin = next((other for other in kept if alike(other, image)), None)
            if twin is None:
                kept.append(image)
            else:
                repeats.append((image, twin))
        left.append(kept)
    return left, repeats


def passes(bundles: list[list[Image]]) -> list[list[Image]]:
    """Turn several images at each place into several series: the first of each place, then the second, and so on."""
    count = max(len(bundle) for bundle in bundles)
    return [[bundle[i] for bundle in bundles if len(bundle) > i] for i in range(count)]


def with_notices(stack: Stack, notices: Sequence[Notice]) -> Stack:
    return replace(stack, notices=[*notices, *stack.notices])
