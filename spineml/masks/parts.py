"""How many connected parts a mask has, found slice by slice."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
from scipy import ndimage

BoolArray = npt.NDArray[np.bool_]
Parts = npt.NDArray[np.intp]
Box = tuple[slice, slice]
NEIGHBOURS = np.ones((3, 3), bool)


class PartCounter:
    """Counts the connected parts (26 neighbours) of a mask that comes slice by slice; keeps the marked box of one."""

    def __init__(self) -> None:
        self._parents: list[int] = [0]
        self._below: tuple[Box, Parts] | None = None

    def add(self, marked: BoolArray) -> None:
        """The next slice ``(y, x)``."""
        if not marked.any():
            self._below = None
            return
        box = _box(marked)
        labels, count = ndimage.label(marked[box], NEIGHBOURS)
        first = len(self._parents)
        self._parents += range(first, first + count)
        here = np.where(labels > 0, labels + (first - 1), 0)
        if self._below is not None:
            self._join(here, _placed(self._below, box, here.shape))
        self._below = box, here

    def _join(self, here: Parts, below: Parts) -> None:
        """Parts that touch the slice below, also by a corner, are one."""
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                moved = _moved(below, down, across)
                both = (here > 0) & (moved > 0)
                for pair in set(zip(here[both].tolist(), moved[both].tolist(), strict=True)):
                    self._parents[self._root(pair[0])] = self._root(pair[1])

    def _root(self, part: int) -> int:
        while self._parents[part] != part:
            self._parents[part] = self._parents[self._parents[part]]
            part = self._parents[part]
        return part

    @property
    def count(self) -> int:
        return len(Counter(self._root(part) for part in range(1, len(self._parents))))


def _box(marked: BoolArray) -> Box:
    """What holds all that is marked, and one pixel more to each side."""
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    return tuple(slice(max(0, int(at[0]) - 1), int(at[-1]) + 2) for at in (rows, columns))  # type: ignore[return-value]


def _placed(below: tuple[Box, Parts], box: Box, shape: tuple[int, ...]) -> Parts:
    """The parts of the slice below as far as they lie in ``box``, which has the ``shape``."""
    found = np.zeros(shape, np.intp)
    there, parts = below
    source, target = [], []
    for mine, theirs, length, size in zip(box, there, shape, parts.shape, strict=True):
        start, stop = max(mine.start, theirs.start), min(mine.start + length, theirs.start + size)
        if start >= stop:
            return found
        source.append(slice(start - theirs.start, stop - theirs.start))
        target.append(slice(start - mine.start, stop - mine.start))
    found[tuple(target)] = parts[tuple(source)]
    return found


def _moved(array: Parts, down: int, across: int) -> Parts:
    """``array`` moved by one pixel at most; what comes in from outside is 0."""
    padded = np.pad(array, 1)
    height, width = array.shape
    return padded[1 - down : 1 - down + height, 1 - across : 1 - across + width]
