"""Whether slices lie on one regular grid, lack some of their number, or change their distance. Places are in mm."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
STEP_TOLERANCE = 0.1
# Places are often rounded to tenths of a millimetre.
ROUNDED_MM = 0.1
SAME_STEP = 0.04
MOST_BLOCKS = 8
LEAST_BLOCK = 3
# What places are rounded to (mm), and how many slices it takes to see it.
UNITS_MM = (1.0, 0.5, 0.1)
LEAST_ROUNDED = 8
LEAST_GAPS = 3
COS_UPRIGHT = 0.9999


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


@dataclass(frozen=True)
class RoundedLine:
    """An even line: ``corner`` and ``step`` (LPS mm) of slices whose stated places lie up to ``largest`` mm off it."""

    corner: Vector
    step: Vector
    largest: float


def rounded_line(places: Vector, normal: Vector, stated: float | None, thickness: float | None) -> RoundedLine | None:
    """The even line of places (n, 3), in order, that somebody rounded; None where they are not, or slices are missing.

    ``stated`` is the distance of the slices by the header. The caller sees to it that their numbers have no gap.
    """
    axis = int(np.abs(normal).argmax())
    depths = places[:, axis]
    unit = next((unit for unit in UNITS_MM if _is_multiple(depths, unit)), None)
    distances = np.diff(places @ normal)
    if unit is None or len(places) < LEAST_ROUNDED or distances.min() <= 0:
        return None
    said = stated or thickness
    fits = [_line(places[:, i], said if i == axis and normal[axis] > COS_UPRIGHT else None, unit) for i in range(3)]
    corner, step = np.array([fit[0] for fit in fits]), np.array([fit[1] for fit in fits])
    off = np.abs(places - corner - np.outer(np.arange(len(places)), step))
    allowed = [unit / 2 if _is_multiple(places[:, i], unit) else ROUNDED_MM for i in range(3)]
    even = float(step @ normal)
    if (off.max(axis=0) > np.array(allowed) + 1e-3).any() or unit > even + 1e-3:
        return None
    if (stated and not _alike(stated, even)) or _lacks_slices(places @ normal, even, thickness):
        return None
    return RoundedLine(corner, step, float(np.linalg.norm(off, axis=1).max()))


def _lacks_slices(depths: Vector, even: float, thickness: float | None) -> bool:
    """Whether the wider distances are missing slices: they are few, or the thickness is the smaller distance."""
    slots = whole_steps(depths)
    if slots is None or slots[-1] == len(depths) - 1:
        return False
    if thickness and thickness < even and not _alike(thickness, even):
        return True
    agrees = bool(thickness) and _alike(thickness or 0, even) and not _alike(base_step(np.diff(depths)), even)
    return not agrees and int((np.diff(slots) > 1).sum()) < LEAST_GAPS


def _is_multiple(values: Vector, unit: float) -> bool:
    return bool(np.abs(values - np.round(values / unit) * unit).max() < 1e-4)


def _line(values: Vector, said: float | None, unit: float) -> tuple[float, float]:
    """Start and step of the line with the smallest largest distance to ``values``; the stated step where it fits."""
    index = np.arange(len(values))
    if said and np.ptp(values - said * index) <= unit + 1e-6:
        step = said
    else:
        middle, reach = (values[-1] - values[0]) / index[-1], 2 * unit / index[-1]
        low, high = middle - reach, middle + reach
        for _ in range(60):  # the width is a convex function of the step
            one, other = low + (high - low) / 3, high - (high - low) / 3
            if np.ptp(values - one * index) < np.ptp(values - other * index):
                high = other
            else:
                low = one
        step = (low + high) / 2
    rest = values - step * index
    return float((rest.max() + rest.min()) / 2), float(step)


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
