"""Lengths, angles and heights from points in LPS mm."""

from __future__ import annotations

import math

import pytest

from spineml.masks import measurements


def test_a_length_is_the_distance_in_space() -> None:
    assert measurements.length_mm([1, 2, 3], [4, 6, 15]) == 13


@pytest.mark.parametrize("degrees", [0, 30, 90, 135, 180])
def test_an_angle_is_the_one_at_its_corner(degrees: float) -> None:
    leg = [5 * math.cos(math.radians(degrees)), 5 * math.sin(math.radians(degrees)), 0]
    assert measurements.angle_degrees([2, 0, 0], [0, 0, 0], leg) == pytest.approx(degrees, abs=1e-5)


@pytest.mark.parametrize(("upper", "lower", "expected"), [(20, -25, 45), (-10, -10, 0), (60, -70, 130)])
def test_a_cobb_angle_is_the_one_between_its_lines_also_beyond_ninety_degrees(
    upper: float, lower: float, expected: float
) -> None:
    def line(degrees: float, height: float) -> list[list[float]]:
        angle = math.radians(degrees)
        return [[0, 0, height], [10 * math.cos(angle), 0, height + 10 * math.sin(angle)]]

    assert measurements.cobb_degrees([*line(upper, 80), *line(lower, 0)]) == pytest.approx(expected, abs=1e-5)


def test_a_wedge_has_a_height_ratio_below_one() -> None:
    assert measurements.height_ratio([[0, 0, 15], [0, 0, 0], [0, 20, 20], [0, 20, 0]]) == (15, 20, 0.75)


def test_points_that_coincide_make_no_measurement() -> None:
    with pytest.raises(ValueError, match="no length"):
        measurements.angle_degrees([0, 0, 0], [0, 0, 0], [1, 0, 0])
    with pytest.raises(ValueError, match="posterior height"):
        measurements.height_ratio([[0, 0, 1], [0, 0, 0], [0, 1, 0], [0, 1, 0]])
