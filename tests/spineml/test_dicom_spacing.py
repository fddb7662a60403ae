"""Slices on one regular grid; where they are not, the platform says how far off, and invents nothing between them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from spineml.readers.scan import Intake
from tests.spineml.ct_files import Each, steps, write_ct
from tests.spineml.intake_helpers import codes, pixels_of, scan_paths

TILT = np.radians(18.5)


def stacks(intake: Intake) -> list[tuple[int, float]]:
    return [(plan.geometry.shape[0], round(plan.geometry.spacing[0], 3)) for plan in intake.series]


def placed(places: list[float], thickness: list[float] | None = None) -> Each:
    return lambda number, z: {"SliceThickness": str(thickness[number]) if thickness else None}


def tilted(places: list[float], thickness: list[float]) -> Each:
    """Slices turned by the tilt of the gantry, the table moving along z."""
    turned = [1, 0, 0, 0, round(float(np.cos(TILT)), 6), round(float(-np.sin(TILT)), 6)]
    return lambda number, z: {
        "ImageOrientationPatient": turned,
        "SliceThickness": str(thickness[number]),
        "ImagePositionPatient": [-4, -5, round(z, 4)],
    }


CHANGES = [
    ([2.5] * 6 + [5.0] * 5, [2.5] * 7 + [5.0] * 5, [(7, 2.5), (5, 5.0)]),
    ([2.5] * 6 + [5.0] * 5, None, [(7, 2.5), (5, 5.0)]),
    ([2.5] * 6 + [5.0] * 5, [2.5] * 12, [(7, 2.5), (5, 5.0)]),
    ([2.5] * 6 + [3.75] + [5.0] * 4, [2.5] * 7 + [5.0] * 5, [(7, 2.5), (5, 5.0)]),
    ([2.5] * 7 + [5.0] * 4, [2.5] * 7 + [5.0] * 5, [(7, 2.5), (5, 5.0)]),
    ([1.0] * 6 + [1.25] * 6, None, [(7, 1.0), (6, 1.25)]),
    ([5.0] * 4 + [2.5] * 6 + [5.0] * 4, None, [(5, 5.0), (6, 2.5), (4, 5.0)]),
    ([3.0] * 5 + [4.1] + [3.0] * 5, [3.0] * 12, [(6, 3.0), (6, 3.0)]),
]


@pytest.mark.parametrize(("distances", "thickness", "expected"), CHANGES)
def test_a_change_of_distance_makes_series_of_true_places_and_no_empty_slice(
    tmp_path: Path, distances: list[float], thickness: list[float] | None, expected: list[tuple[int, float]]
) -> None:
    places = [-100.0, *(-100.0 + float(total) for total in np.cumsum(distances))]
    intake = scan_paths(write_ct(tmp_path / "s", places, each=placed(places, thickness)), tmp_path)
    assert sorted(stacks(intake)) == sorted(expected)
    assert all(plan.meta.empty_slices == () for plan in intake.series)
    assert not any("missing" in verdict.reason for verdict in intake.verdicts)
    assert {verdict.status for verdict in intake.verdicts} == {"warning"}
    for plan in intake.series:
        assert (pixels_of(plan).max(axis=(1, 2)) > 0).all()


@pytest.mark.parametrize(
    "blocks", [((9, 4.0), (9, 7.0), 1.08), ((13, 4.0), (13, 7.0), 1.08), ((6, 4.0), (8, 5.0), 9.3)]
)
@pytest.mark.parametrize("with_thickness", [True, False])
def test_two_blocks_of_a_tilted_scan_are_two_exact_series(
    tmp_path: Path, blocks: tuple[tuple[int, float], tuple[int, float], float], with_thickness: bool
) -> None:
    (first, near), (second, far), border = blocks
    low = steps(first, near)
    places = low + steps(second, far, low[-1] + border)
    thickness = [near] * first + [far] * second if with_thickness else [4.0] * (first + second)
    intake = scan_paths(write_ct(tmp_path / "s", places, each=tilted(places, thickness)), tmp_path)
    assert [plan.geometry.shape[0] for plan in intake.series] == [first, second]
    where = iter(places)
    for plan in intake.series:
        affine = plan.geometry.affine_lps()
        for z in range(plan.geometry.shape[0]):
            assert (affine @ [0, 0, z, 1])[:3] == pytest.approx([-4, -5, next(where)], abs=1e-3)


def test_uneven_slices_say_how_far_the_grid_puts_them_from_their_place(tmp_path: Path) -> None:
    places = [-100 + z for z in (0.0, 4.0, 9.5, 13.0, 20.0, 21.5, 26.0, 33.0)]
    (plan,) = scan_paths(write_ct(tmp_path / "s", places), tmp_path).series
    assert codes(plan) == ["uneven-spacing"]
    grid = np.linspace(places[0], places[-1], len(places))
    largest = float(np.abs(grid - places).max())
    assert f"up to {largest:.1f} mm from where it is shown ({largest:.1f} mm along" in plan.warnings[0]


def test_the_error_of_uneven_slices_counts_along_and_across_the_body(tmp_path: Path) -> None:
    places = [(0.0, -100.0), (0.0, -96.0), (9.0, -91.0), (1.0, -88.0), (0.0, -80.0)]
    paths = write_ct(
        tmp_path / "s",
        [z for _, z in places],
        each=lambda number, z: {"ImagePositionPatient": [places[number][0], 0, z]},
    )
    (plan,) = scan_paths(paths, tmp_path).series
    grid = np.linspace(places[0], places[-1], len(places))
    off = grid - np.array(places)
    said = re.search(r"up to ([\d.]+) mm from .*\(([\d.]+) mm along the body, ([\d.]+) mm across", plan.warnings[0])
    assert said is not None
    expected = [np.linalg.norm(off, axis=1).max(), np.abs(off[:, 1]).max(), np.abs(off[:, 0]).max()]
    assert [float(value) for value in said.groups()] == pytest.approx(expected, abs=0.051)


@pytest.mark.parametrize("left_out", [{4}, {3, 7}, {5, 6}])
def test_slices_that_are_missing_from_an_even_stack_are_empty_and_told(tmp_path: Path, left_out: set[int]) -> None:
    places = [z for number, z in enumerate(steps(12)) if number not in left_out]
    (plan,) = scan_paths(write_ct(tmp_path / "s", places), tmp_path).series
    assert codes(plan) == ["missing-slices"]
    assert plan.meta.empty_slices == tuple(sorted(left_out))


def test_a_gap_to_a_slice_of_another_thickness_is_no_missing_slice(tmp_path: Path) -> None:
    places = [*steps(6, 2.5), -100 + 5 * 2.5 + 5.0]
    intake = scan_paths(write_ct(tmp_path / "s", places, each=placed(places, [2.5] * 6 + [5.0])), tmp_path)
    assert sorted(plan.geometry.shape[0] for plan in intake.series) == [1, 6]
    assert all(plan.meta.empty_slices == () for plan in intake.series)


@pytest.mark.parametrize("step", [0.625, 0.33, 1.25, 2.9999])
def test_places_rounded_to_tenths_are_an_even_stack(tmp_path: Path, step: float) -> None:
    places = [round(z, 1) for z in steps(20, step)]
    (plan,) = scan_paths(write_ct(tmp_path / "s", places, SliceThickness=str(step)), tmp_path).series
    assert not plan.notices
    assert plan.geometry.spacing[0] == pytest.approx(step, abs=0.01)


@pytest.mark.parametrize("start", [-100.0, -100.4])
@pytest.mark.parametrize("thickness", ["step", "thick", None])
@pytest.mark.parametrize(("step", "unit"), [(1.25, 1), (1.5, 1), (2.5, 1), (1.2, 1), (0.625, 0.5), (0.3, 0.1)])
def test_places_rounded_coarsely_are_one_even_stack_without_invented_slices(
    tmp_path: Path, step: float, unit: float, thickness: str | None, start: float
) -> None:
    true = steps(30, step, start)
    places = [round(round(z / unit) * unit, 4) for z in true]
    stated = {"step": str(step), "thick": str(2 * step)}.get(str(thickness))
    (plan,) = scan_paths(write_ct(tmp_path / "s", places, SliceThickness=stated), tmp_path).series
    assert plan.geometry.shape[0] == 30
    assert plan.meta.empty_slices == ()
    assert set(codes(plan)) <= {"rounded-places"}
    assert plan.geometry.spacing[0] == pytest.approx(step, abs=2 * unit / 29)
    shown = plan.geometry.origin[2] + plan.geometry.spacing[0] * np.arange(30)
    assert np.abs(shown - places).max() <= unit / 2 + 0.05
    assert np.abs(shown - true).max() <= unit + 0.01


def test_the_stated_distance_of_rounded_places_is_used_and_the_largest_error_said(tmp_path: Path) -> None:
    places = [float(round(1.25 * number)) for number in range(30)]
    (plan,) = scan_paths(write_ct(tmp_path / "s", places, SliceThickness="1.25"), tmp_path).series
    assert codes(plan) == ["rounded-places"]
    assert plan.geometry.spacing[0] == pytest.approx(1.25)
    assert "spacing of 1.25 mm" in plan.warnings[0]
    assert "up to 0.5 mm" in plan.warnings[0]


@pytest.mark.parametrize("left_out", [{4}, {4, 9}, {3, 7, 11, 15}, {4, 8, 12, 16, 20}])
@pytest.mark.parametrize("gap_in", ["numbers", "thickness", "stated step"])
def test_slices_that_are_missing_from_whole_millimetres_stay_counted(
    tmp_path: Path, left_out: set[int], gap_in: str
) -> None:
    kept = [number for number in range(24) if number not in left_out]
    each: Each = lambda offset, z: {  # noqa: E731
        "InstanceNumber": kept[offset] + 1 if gap_in == "numbers" else offset + 1,
        "SliceThickness": "1.0" if gap_in == "thickness" else "3.0",
        "SpacingBetweenSlices": "1.0" if gap_in == "stated step" else "",
    }
    (plan,) = scan_paths(write_ct(tmp_path / "s", [float(n) for n in kept], each=each), tmp_path).series
    assert codes(plan) == ["missing-slices"]
    assert plan.meta.empty_slices == tuple(sorted(left_out))


def test_one_thickness_that_is_wrong_in_the_middle_takes_no_slice_out(tmp_path: Path) -> None:
    places = steps(9)
    thickness = [2.0] * 4 + [5.0] + [2.0] * 4
    (plan,) = scan_paths(write_ct(tmp_path / "s", places, each=placed(places, thickness)), tmp_path).series
    assert plan.geometry.shape[0] == 9
    assert plan.meta.empty_slices == ()


def test_two_blocks_moved_sideways_are_two_series(tmp_path: Path) -> None:
    places = steps(12)
    paths = write_ct(
        tmp_path / "s", places, each=lambda number, z: {"ImagePositionPatient": [-4 if number < 6 else 20, -5, z]}
    )
    intake = scan_paths(paths, tmp_path)
    assert [plan.geometry.origin[0] for plan in intake.series] == [-4, 20]
    assert {code for plan in intake.series for code in codes(plan)} == {"spacing-changes"}
