"""Distances between the surfaces of two masks, from points alone: memory grows with the surfaces, not with the volume.

Definitions (Taha & Hanbury, BMC Medical Imaging 15:29, 2015; Maier-Hein et al., Metrics Reloaded, Nature Methods 21,
2024). The surface of a mask is the mask minus its erosion by the cross-shaped element: the elements with a face
neighbour outside the mask; outside the image counts as outside the mask. With d(a, B) the Euclidean distance of the
centre of surface element a to the nearest of B:

- HD95 is the larger of the two directed 95th percentiles of d(a, B) and d(b, A), interpolated linearly (the Hausdorff
  distance of Huttenlocher et al., IEEE TPAMI 15(9), 1993, without its outliers). Pooling both directions into one
  percentile is the other convention in use; it gives smaller values.
- The mean surface distance is the average symmetric one: the sum of both directions' distances divided by the
  number of elements of both surfaces.

Distances equal those of a Euclidean distance transform (the tests compare them) at a fraction of the time and without
arrays of the volume's size, see ``spineml.metrics.nearest``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spineml.metrics.nearest import IndexArray, nearest
from spineml.volumes.outline import BoolArray, inner, outline
from spineml.volumes.volume import LabelArray

PointArray = npt.NDArray[np.float64]
# Distances of the reference's surface to the predicted one, and back.
Directed = tuple[PointArray, PointArray]

DISTANCES = ("hd95", "mean_surface_distance")
HAUSDORFF_PERCENTILE = 95.0
MAX_SURFACE_ELEMENTS = 5_000_000
# Of all labels together: nine bytes each are kept.
MAX_ALL_ELEMENTS = 12_000_000
LABEL_VALUES = 256


@dataclass(frozen=True)
class SurfaceDistances:
    """Both are in the unit of the spacing given (mm, or pixels where the spacing is unknown).

    None: undefined, because a mask is empty (or has over five million surface elements: noise, not an organ).
    """

    hd95_mm: float | None
    mean_mm: float | None


UNDEFINED = SurfaceDistances(None, None)


def surface_distances(reference: BoolArray, predicted: BoolArray, spacing: tuple[float, ...]) -> SurfaceDistances:
    """Compare two masks of the same shape, ``(y, x)`` or ``(z, y, x)``; ``spacing`` is in the order of the axes.

    Raises:
        ValueError: the shapes differ, or do not go with the spacing.
    """
    if reference.shape != predicted.shape or reference.ndim != len(spacing) or reference.ndim not in (2, 3):
        raise ValueError(f"got masks of {reference.shape} and {predicted.shape} with spacing {spacing}")
    scale = np.diag(np.asarray(spacing, dtype=float))
    if reference.ndim == 2:
        return distances_between(outline_points(reference), outline_points(predicted), scale)
    collectors = []
    for mask in (reference, predicted):
        collector = SurfaceCollector()
        for pixels in mask:
            collector.push(pixels)
        collectors.append(collector)
    return collectors[0].distances_to(collectors[1], scale)


def distances_between(reference: IndexArray, predicted: IndexArray, scale: PointArray) -> SurfaceDistances:
    """HD95 and mean surface distance of two sets of surface elements, see `directed_between`."""
    return summarised(directed_between(reference, predicted, scale))


def directed_between(reference: IndexArray, predicted: IndexArray, scale: PointArray) -> Directed | None:
    """The distance of each element to the nearest of the other set, in both directions; None where undefined.

    Elements are indices ``(n, axes)``; ``scale`` (axes, axes) takes an index row to mm.
    """
    sizes = (len(reference), len(predicted))
    if min(sizes) == 0 or max(sizes) > MAX_SURFACE_ELEMENTS:
        return None
    return nearest(reference, predicted, scale), nearest(predicted, reference, scale)


def summarised(directed: Directed | None) -> SurfaceDistances:
    """HD95 and mean surface distance of both directions' distances."""
    if directed is None:
        return UNDEFINED
    hd95 = max(float(np.percentile(one, HAUSDORFF_PERCENTILE)) for one in directed)
    return SurfaceDistances(hd95, float(sum(one.sum() for one in directed) / sum(len(one) for one in directed)))


def outline_points(mask: BoolArray) -> IndexArray:
    """The indices ``(n, 2)`` of the outline."""
    box = _box_of(mask)
    if box is None:
        return np.empty((0, 2), np.int64)
    found: IndexArray = np.argwhere(outline(mask[box])) + np.array([box[0].start, box[1].start])
    return found


class SurfaceCollector:
    """Takes the slices of a mask in z order and keeps where its 3-D surface is; three slices are held.

    A label map may be given as well: then the surface of each label is kept, found in one pass over the box around
    all labels. ``flat`` takes surfaces in the plane, of masks with a single slice.
    """

    def __init__(self, *, flat: bool = False) -> None:
        self._flat = flat
        self._below: LabelArray | None = None
        self._current: LabelArray | None = None
        self._depth = 0
        self._shape: tuple[int, ...] = (1, 1)
        self._places: list[npt.NDArray[np.int64]] = []
        self._labels: list[LabelArray] = []
        self._counts = np.zeros(LABEL_VALUES, np.int64)

    def push(self, pixels: BoolArray | LabelArray) -> None:
        """Add the next slice ``(y, x)``: bool, or uint8 label values."""
        labels = pixels.view(np.uint8) if pixels.dtype == np.bool_ else pixels.astype(np.uint8, copy=False)
        self._collect(labels)
        self._shape = labels.shape
        self._below, self._current, self._depth = self._current, labels, self._depth + 1

    def distances_to(self, other: SurfaceCollector, scale: npt.NDArray[np.float64]) -> SurfaceDistances:
        """Compare with another mask of the same grid; ``scale`` (3, 3) takes an index row ``(z, y, x)`` to mm.

        Call once, after the last slice of both.
        """
        return summarised(self.directed_to(other, scale))

    def directed_to(self, other: SurfaceCollector, scale: npt.NDArray[np.float64]) -> Directed | None:
        """The same before it is summarised: each element's distance, in both directions. Call once."""
        return self.directed_by_label(other, scale, (1,))[1]

    def directed_by_label(
        self, other: SurfaceCollector, scale: npt.NDArray[np.float64], values: Iterable[int]
    ) -> dict[int, Directed | None]:
        """The same for each label of ``values``; None where one of the masks does not have it. Call once."""
        mine, others = self._finish(), other._finish()
        found: dict[int, Directed | None] = {}
        for value in values:
            both = value in mine and value in others
            pair = [_indices(places[value], self._shape) for places in (mine, others)] if both else None
            found[value] = directed_between(pair[0], pair[1], scale) if pair else None
        return found

    def _collect(self, above: LabelArray | None) -> None:
        """Find the surfaces in the current slice, now that the one above it is known."""
        current = self._current
        if current is None or not self._has_room():
            return
        box = _box_of(current)
        if box is None:
            return
        inside = current[box]
        hidden = inner(inside)
        for neighbour in () if self._flat else (self._below, above):
            hidden &= False if neighbour is None else neighbour[box] == inside
        rows, columns = np.nonzero((inside > 0) & ~hidden)
        labels = inside[rows, columns]
        self._counts += np.bincount(labels, minlength=LABEL_VALUES)
        if self._has_room():
            height, width = current.shape
            lines = np.int64((self._depth - 1) * height + box[0].start) + rows
            self._places.append(lines * width + (columns + box[1].start))
            self._labels.append(labels)

    def _has_room(self) -> bool:
        return bool(self._counts.max() <= MAX_SURFACE_ELEMENTS and self._counts.sum() <= MAX_ALL_ELEMENTS)

    def _finish(self) -> dict[int, npt.NDArray[np.int64]]:
        """The flat indices of each label's surface, ascending; empty when there were too many."""
        self._collect(None)
        self._below = self._current = None
        if not self._has_room() or not self._places:
            return {}
        labels, places = np.concatenate(self._labels), np.concatenate(self._places)
        self._labels, self._places = [], []
        order = np.argsort(labels, kind="stable")
        ends = np.cumsum(self._counts)
        places = places[order]
        return {
            int(value): places[ends[value] - self._counts[value] : ends[value]] for value in self._counts.nonzero()[0]
        }


def _box_of(labels: BoolArray | LabelArray) -> tuple[slice, slice] | None:
    """The smallest box with all that is marked."""
    rows = np.flatnonzero(labels.any(axis=1))
    if not len(rows):
        return None
    columns = np.flatnonzero(labels[rows[0] : rows[-1] + 1].any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _indices(places: npt.NDArray[np.int64], shape: tuple[int, ...]) -> IndexArray:
    """``(n, 3)`` indices (z, y, x) of flat ones."""
    lines, columns = np.divmod(places, shape[1])
    return np.stack([*np.divmod(lines, shape[0]), columns], axis=1)
