"""Lengths, angles and heights from points that a reader sets, in LPS mm.

Everything is computed from the points, never from pixels, so a value does not depend on the view in which it was set.
The Cobb angle is that between the end plates of the two end vertebrae (Cobb, Instr Course Lect 1948;5:261-275); the
height ratio is the anterior over the posterior height of one vertebral body (Genant et al., J Bone Miner Res
1993;8:1137-1148).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Point = Sequence[float]


def length_mm(first: Point, second: Point) -> float:
    """The distance of two points."""
    return float(np.linalg.norm(np.subtract(second, first)))


def angle_degrees(first: Point, corner: Point, last: Point) -> float:
    """The angle at ``corner``, 0 to 180 degrees.

    Raises:
        ValueError: a leg has no length.
    """
    return _between(np.subtract(first, corner), np.subtract(last, corner))


def cobb_degrees(points: Sequence[Point]) -> float:
    """The angle between two lines, each given by two points in the same sense (such as both from left to right).

    Raises:
        ValueError: a line has no length.
    """
    upper_start, upper_end, lower_start, lower_end = points
    return _between(np.subtract(upper_end, upper_start), np.subtract(lower_end, lower_start))


def height_ratio(points: Sequence[Point]) -> tuple[float, float, float]:
    """Anterior height, posterior height (mm) and their ratio, from top and bottom in front, then behind.

    Raises:
        ValueError: the posterior height is 0.
    """
    front_top, front_bottom, back_top, back_bottom = points
    anterior, posterior = length_mm(front_top, front_bottom), length_mm(back_top, back_bottom)
    if posterior == 0:
        raise ValueError("the posterior height is 0")
    return anterior, posterior, anterior / posterior


def _between(first: np.ndarray, second: np.ndarray) -> float:
    lengths = float(np.linalg.norm(first)), float(np.linalg.norm(second))
    if min(lengths) == 0:
        raise ValueError("a line has no length")
    cosine = float(np.dot(first, second)) / (lengths[0] * lengths[1])
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))
