"""What is suspicious about single labels of a mask: the part of `label_checks` for tasks with several labels.

A label may lie beside its bone, in many parts or outside of the body although most of the mask is right. And vertebrae
have an order: a level whose middle lies above that of a level above it was given a wrong name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from spineml.masks.parts import PartCounter
from spineml.tasks.level_names import level_of
from spineml.tasks.shipped import LEVELS
from spineml.tasks.task import MAX_VALUE, Label
from spineml.volumes.volume import Geometry, LabelArray

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]
VALUES = MAX_VALUE + 1
# Fewer voxels say nothing about where a label lies.
ENOUGH_VOXELS = 30
# Levels may touch; by this much in mm the lower one is above the upper one.
ABOVE_MM = 2.0
# A label and the slice to open for it.
Found = list[tuple[Label, int]]


class EachLabel:
    """Counts for each of ``labels``, slice by slice; memory does not grow with the series. ``bones`` are values."""

    def __init__(self, labels: Sequence[Label], bones: Collection[int], grid: Geometry) -> None:
        self._labels, self._bones, self._grid = labels, frozenset(bones), grid
        self._voxels, self._outside = np.zeros(VALUES, np.int64), np.zeros(VALUES, np.int64)
        self._bone, self._sums = np.zeros(VALUES), np.zeros((3, VALUES))
        # The most pixels in one slice, and that slice.
        self._most, self._fullest = np.zeros(VALUES, np.int64), np.zeros(VALUES, np.int64)
        self._parts: dict[int, PartCounter] = {}

    def add(self, z: int, labels: LabelArray, body: BoolArray | None, bone: FloatArray) -> None:
        """Slice ``z``: its labels, the body (None without labels) and the weight of bone, all ``(y, x)``."""
        rows, columns = np.nonzero(labels)
        values = labels[rows, columns]
        counts = np.bincount(values, minlength=VALUES)
        self._voxels += counts
        self._fullest = np.where(counts > self._most, z, self._fullest)
        self._most = np.maximum(self._most, counts)
        for axis, places in enumerate((columns, rows)):
            self._sums[axis] += np.bincount(values, weights=places, minlength=VALUES)
        self._sums[2] += z * counts
        self._bone += np.bincount(values, weights=bone[rows, columns], minlength=VALUES)
        if body is not None:
            self._outside += np.bincount(values[~body[rows, columns]], minlength=VALUES)
        present = set(np.flatnonzero(counts).tolist())
        for value in present | set(self._parts):
            self._parts.setdefault(value, PartCounter()).add(labels == value)

    def in_parts(self, most: int) -> Found:
        """Labels in more than ``most`` connected parts."""
        return self._found(one for one in self._present() if self._parts[one.value].count > most)

    def outside_body(self, most: float) -> Found:
        """Labels of which more than a share of ``most`` lies outside of the body."""
        return self._found(one for one in self._known() if self._share(self._outside, one) > most)

    def off_bone(self, least: float) -> Found:
        """Bones of which less than a share of ``least`` lies on bone."""
        return self._found(
            one for one in self._known() if one.value in self._bones and self._share(self._bone, one) < least
        )

    def out_of_order(self) -> Found:
        """Neighbouring levels that are the wrong way round. Where directions are not known only their order counts."""
        column = sorted((LEVELS.index(level), one) for one in self._known() if (level := level_of(one.name)) in LEVELS)
        heights = [self._height(label) for _, label in column]
        pairs = list(zip(column, column[1:], heights, heights[1:], strict=False))
        down = [pair for pair in pairs if pair[3] - pair[2] > ABOVE_MM]
        up = [pair for pair in pairs if pair[2] - pair[3] > ABOVE_MM]
        wrong = down if self._grid.spacing_known else min(down, up, key=len)
        return self._found(dict.fromkeys(label for pair in wrong for _, label in pair[:2]))

    def _height(self, label: Label) -> float:
        """Towards the head in mm, of the label's middle."""
        middle = self._sums[:, label.value] / self._voxels[label.value]
        return float(self._grid.affine_lps()[2] @ np.append(middle, 1.0))

    def _present(self) -> list[Label]:
        return [label for label in self._labels if self._voxels[label.value]]

    def _known(self) -> list[Label]:
        return [label for label in self._labels if self._voxels[label.value] >= ENOUGH_VOXELS]

    def _share(self, counts: npt.NDArray[np.generic], label: Label) -> float:
        return float(counts[label.value]) / float(self._voxels[label.value])

    def _found(self, labels: Iterable[Label]) -> Found:
        return [(label, int(self._fullest[label.value])) for label in labels]
