"""Whether slices lie on one regular grid, lack some of their number, or change their distance. Places are in mm."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
STEP_TOLERANCE = 0.1
# Places are often rounded to tenths of a millimetre.
ROUNDED_MM = 0.1
SAME_STEP = 0.04
MOST_BLOCKS = 8
LEAST_BLOCK = 3


def tolerance(step: float) -> float:
    """How far (mm) a slice may lie from its place on the grid without a remark."""
    return max(STEP_TOLERANCE * step, min(ROUNDED_MM, 0.3 * step))


def base_step(distances: Vector) -> float:
    """The distance between neighbours: the smallest that recurs and divides the others, else the median."""
    ratios = distances / distances.min()
    single = ratios < 1.5
    whole = np.abs(ratios - np.round(ratios)) < STEP_TOLERANCE * np.round(ratios)
    if whole.all() and single.mean() >= 0.3:
        return float(np.median(distances[single]))
    return float(np.median(distances))


def is_even(places: Vector, normal: Vector) -> bool:
    """True where ``places`` (n, 3), in order, lie on one straight line at equal distances."""
    depths = places @ normal
    if len(places) < 2:
        return True
    if np.diff(depths).min() <= 0:
        return False
    step = (places[-1] - places[0]) / (len(places) - 1)
    off = np.linalg.norm(places - places[0] - np.outer(np.arange(len(places)), step), axis=1)
    return bool(off.max() <= tolerance(float(step @ normal)))


def whole_steps(depths: Vector) -> list[int] | None:
    """The index of each slice on a grid of which some slices may be missing; None where there is no such grid."""
    distances = np.diff(depths)
    if len(distances) == 0:
        return [0]
    if distances.min() <= 0:
        return None
    counts = np.rint(distances / base_step(distances)).astype(int)
    if counts.min() < 1:
        return None
    slots = np.concatenate([[0], np.cumsum(counts)])
    step = (depths[-1] - depths[0]) / slots[-1]
    if np.abs(depths - depths[0] - slots * step).max() > tolerance(step):
        return None
    return [int(slot) for slot in slots]


def blocks(places: Vector, normal: Vector, thickness: Sequence[float | None]) -> list[slice] | None:
    """Blocks of slices at equal distances where the distance changes or a gap lies between; None where it is no such.

    A slice that two blocks share belongs to the one whose thickness it has.
    """
    steps = np.diff(places, axis=0)
    if len(steps) < 4:
        return None
    cores = [(low, high) for low, high in _runs(steps) if high - low >= 2]
    bounds = _bounds(cores, thickness, len(places))
    if bounds is None or not 2 <= len(bounds) <= MOST_BLOCKS:
        return None
    found = [slice(low, high) for low, high in bounds]
    if not all(is_even(places[block], normal) for block in found):
        return None
    return found


def change_of_spacing(places: Vector, normal: Vector, thickness: Sequence[float | None]) -> list[slice] | None:
    """The blocks, where the distance differs from one to the next: then no slice is missing between them."""
    found = blocks(places, normal, thickness)
    if found is None:
        return None
    steps = [float(np.diff(places[block] @ normal).mean()) for block in found]
    return found if any(not _alike(one, other) for one, other in itertools.pairwise(steps)) else None


def _alike(one: float, other: float) -> bool:
    return abs(one - other) <= max(SAME_STEP * min(one, other), min(ROUNDED_MM, 0.2 * min(one, other)))


def _runs(steps: Vector) -> list[tuple[int, int]]:
    """Bounds of runs of equal steps: slices ``low`` to ``high`` (both in it) are at one distance."""
    runs, low = [], 0
    for i in range(1, len(steps) + 1):
        if i < len(steps):
            length = float(np.linalg.norm(steps[low]))
            if np.linalg.norm(steps[i] - steps[low]) <= max(SAME_STEP * length, min(ROUNDED_MM * 1.1, 0.2 * length)):
                continue
        runs.append((low, i))
        low = i
    return runs


def _bounds(
    cores: Sequence[tuple[int, int]], thickness: Sequence[float | None], count: int
) -> list[tuple[int, int]] | None:
    """Half-open bounds of the blocks; None where slices belong to none or a block is too small to be one."""
    if not cores or cores[0][0] != 0 or cores[-1][1] != count - 1:
        return None
    bounds: list[tuple[int, int]] = []
    low = 0
    for (_, end), following in itertools.pairwise([*cores, (count, count)]):
        high = end + 1
        if following[0] == end and _is_of_next(thickness, end):
            high = end
        if following[0] > high:
            return None
        bounds.append((low, high))
        low = high
    sizes = [high - low for low, high in bounds]
    inner_ok = all(size >= LEAST_BLOCK for size in sizes[1:-1])
    return bounds if inner_ok and min(sizes) >= 2 else None


def _is_of_next(thickness: Sequence[float | None], shared: int) -> bool:
    before, own, after = thickness[shared - 1], thickness[shared], thickness[shared + 1]
    return None not in (before, own, after) and not _alike(before or 0, own or 0) and _alike(own or 0, after or 0)
