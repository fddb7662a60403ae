"""Whether the grid of a mask file is that of the series, and how the file's array maps onto it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spineml.masks.labels import MaskWrongGeometry, check_shape
from spineml.message import Message, message
from spineml.volumes.volume import Geometry, LabelArray, SourceGrid, canonical_geometry

BASE_TOLERANCE_MM = 0.1
TOLERANCE_SHARE = 0.1
SAME_DIRECTION = 0.01
SAME_SPACING = 0.01
COLUMNS_FIRST = SourceGrid((2, 1, 0))


@dataclass(frozen=True)
class FileGrid:
    """The array of a mask file: its shape in the file's axis order, and where it lies (None: the file says nothing)."""

    shape: tuple[int, int, int]
    affine_lps: npt.NDArray[np.float64] | None


@dataclass(frozen=True)
class Layout:
    """How the file's array maps onto the labels ``(z, y, x)`` of the series: all of them, or those of one box."""

    source: SourceGrid
    box: tuple[slice, slice, slice] = (slice(None), slice(None), slice(None))

    def to_file(self, labels: LabelArray) -> LabelArray:
        """A view of the labels in the layout of the file; what lies outside it stays background."""
        return self.source.to_file(labels[self.box])


def matching_layout(grid: FileGrid, geometry: Geometry, *, spatial: bool) -> Layout:
    """How the file's array maps onto the series, once shape and position are known to agree.

    A mask that was cropped to what it marks, on the grid of the series (as 3D Slicer saves segmentations), fits too.

    Raises:
        MaskRejected: they do not; the message names the first thing that differs.
    """
    if grid.affine_lps is None:
        return Layout(_layout_without_position(grid, geometry, spatial=spatial))
    try:
        own = canonical_geometry(grid.affine_lps, grid.shape)
    except ValueError as error:
        raise MaskWrongGeometry(message("The mask's orientation matrix is not usable. Export it again.")) from error
    if spatial and (box := _cropped_box(own, geometry)) is not None:
        return Layout(own.source, box)
    check_shape(own.shape, geometry.shape)
    tolerance = tolerance_mm(geometry)
    if spatial and not own.same_grid(geometry, tolerance_mm=tolerance):
        upright = upright_grids(geometry)
        if not any(own.same_grid(other, tolerance_mm=tolerance) for other in upright):
            raise MaskWrongGeometry(_difference(own, geometry))
    return Layout(own.source)


def _cropped_box(own: Geometry, series: Geometry) -> tuple[slice, slice, slice] | None:
    """Where in the series the smaller grid of a mask lies, voxel on voxel; None where it does not.

    Whole slices that are missing at an end are no crop: somebody drew or sent too few.
    """
    if own.shape[1:] == series.shape[1:] or any(a > b for a, b in zip(own.shape, series.shape, strict=True)):
        return None
    for grid in (series, *upright_grids(series)):
        affine = grid.affine_lps()
        low = np.rint(np.linalg.solve(affine, [*own.origin, 1.0]))[:3]  # x, y, z
        x, y, z = (float(value) for value in (affine @ [*low, 1.0])[:3])
        box = replace(grid, shape=own.shape, origin=(x, y, z))
        alike = np.allclose(own.spacing, grid.spacing, rtol=SAME_SPACING, atol=0)
        alike = alike and np.allclose(own.direction, grid.direction, atol=SAME_DIRECTION)
        first = [int(value) for value in low[::-1]]
        inside = all(a >= 0 and a + n <= most for a, n, most in zip(first, own.shape, series.shape, strict=True))
        if alike and inside and own.same_grid(box, tolerance_mm=tolerance_mm(series)):
            slices, rows, columns = (slice(a, a + n) for a, n in zip(first, own.shape, strict=True))
            return slices, rows, columns
    return None


def upright_grids(geometry: Geometry) -> list[Geometry]:
    """How ITK describes a series that was scanned with a tilted gantry; empty for any other.

    Each slice of such a series is moved a little against the one before. ITK (and ITK-SNAP, nnU-Net, MONAI, which read
    by it) cannot write that: it stacks the slices along their normal, from the first slice, with the distance of two
    corners (ITK's ``ImageSeriesReader``) or of two planes as the spacing. The voxels stay the same ones, one by one,
    so a mask on that grid is a mask of the series.
    """
    columns = np.array(geometry.direction).reshape(3, 3)
    slanted = _slanted_axis(geometry, columns)
    if slanted is None:
        return []
    return list(_upright(geometry, columns, slanted))


def _slanted_axis(geometry: Geometry, columns: npt.NDArray[np.float64]) -> int | None:
    """The column (x, y, z) along which the slices are stacked, when it does not stand on the slices."""
    products = np.abs(columns.T @ columns - np.eye(3))
    if products.max() < SAME_DIRECTION / 10:
        return None
    # The plane of the slices keeps its right angle; the axis that is slanted against both is that of the stack.
    candidates = [axis for axis in range(3) if products[(axis + 1) % 3, (axis + 2) % 3] < SAME_DIRECTION / 10]
    stacked = 2 - geometry.source.axes[0]
    return stacked if stacked in candidates else next(iter(candidates), None)


def _upright(geometry: Geometry, columns: npt.NDArray[np.float64], axis: int) -> Iterator[Geometry]:
    one, other = (columns[:, place] for place in range(3) if place != axis)
    normal = np.cross(one, other)
    normal = normal / np.linalg.norm(normal)
    normal = normal if normal @ columns[:, axis] > 0 else -normal
    last = geometry.shape[2 - axis] - 1
    step = geometry.spacing[2 - axis]
    for spacing in (step, step * float(normal @ columns[:, axis])):
        turned = columns.copy()
        turned[:, axis] = normal
        spacings = list(geometry.spacing)
        spacings[2 - axis] = spacing
        for anchor in (0, last):  # the slice that was read first may be at either end
            corner = np.array(geometry.origin) + anchor * (step * columns[:, axis] - spacing * normal)
            yield replace(
                geometry,
                spacing=(spacings[0], spacings[1], spacings[2]),
                direction=tuple(float(value) for value in turned.ravel()),
                origin=(float(corner[0]), float(corner[1]), float(corner[2])),
            )


def tolerance_mm(geometry: Geometry) -> float:
    """How far a mask's voxels may lie from the series': 0.1 mm, or a tenth of the shortest voxel edge when that is
    more (files round their positions), but never more than half an edge (that would be the next voxel)."""
    edge = min(geometry.spacing)
    return min(max(BASE_TOLERANCE_MM, TOLERANCE_SHARE * edge), edge / 2)


def file_shape(geometry: Geometry) -> tuple[int, int, int]:
    """The shape of the array in the series' own file."""
    first, second, third = geometry.source.axes
    return (geometry.shape[first], geometry.shape[second], geometry.shape[third])


def _layout_without_position(grid: FileGrid, geometry: Geometry, *, spatial: bool) -> SourceGrid:
    """Without a stated orientation only the source file's own layout is certain; pictures have no orientation."""
    if grid.shape == file_shape(geometry):
        return geometry.source
    if not spatial:
        check_shape((grid.shape[2], grid.shape[1], grid.shape[0]), geometry.shape)
        return COLUMNS_FIRST
    if sorted(grid.shape) != sorted(geometry.shape):
        check_shape((grid.shape[2], grid.shape[1], grid.shape[0]), geometry.shape)
    raise MaskWrongGeometry(
        message(
            "The mask file gives no orientation, and its axes are not those of the series. Export it with the "
            "position and orientation of the series."
        )
    )


def _difference(own: Geometry, series: Geometry) -> Message:
    """Name the first thing that differs: spacing, orientation or position."""
    tilt = _tilt_deg(series)
    if tilt is not None:
        return message(
            "The series has a gantry tilt of {tilt} degrees, and the mask is not on its tilted grid. Export the mask "
            "as NumPy or PNG, which need no position, or on the grid of the series.",
            tilt=f"{tilt:.1f}",
        )
    if any(abs(a - b) > TOLERANCE_SHARE * b for a, b in zip(own.spacing, series.spacing, strict=True)):
        mine, theirs = (" x ".join(f"{value:.4g}" for value in each.spacing) for each in (own, series))
        return message(
            "The mask's voxels are {mine} mm (z, y, x), those of the series {theirs} mm. "
            "Export the mask on the grid of the series, without resampling or moving it.",
            mine=mine,
            theirs=theirs,
        )
    if not np.allclose(own.direction, series.direction, atol=SAME_DIRECTION):
        return message(
            "The mask is oriented differently from the series. "
            "Export the mask on the grid of the series, without resampling or moving it."
        )
    distance = float(np.linalg.norm(np.subtract(own.origin, series.origin)))
    return message(
        "The mask lies {distance} mm away from the series. "
        "Export the mask on the grid of the series, without resampling or moving it.",
        distance=f"{distance:.1f}",
    )


def _tilt_deg(geometry: Geometry) -> float | None:
    """By how much the stack of slices leans against their normal; None for an upright one."""
    upright = upright_grids(geometry)
    if not upright:
        return None
    lean = (np.array(geometry.direction).reshape(3, 3) * np.array(upright[0].direction).reshape(3, 3)).sum(axis=0)
    return float(np.degrees(np.arccos(np.clip(lean.min(), -1.0, 1.0))))
