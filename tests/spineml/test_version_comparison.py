"""Versions side by side."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spineml.metrics.evaluation import SeriesRow
from spineml.metrics.version_comparison import compare_versions
from tests.spineml.evaluated import blob, row

SHAPE = (3, 30, 30)


def version(shift: int, *, patients: int = 4, seen: tuple[int, ...] = ()) -> list[SeriesRow]:
    masks = [blob(SHAPE, seed) for seed in range(patients)]
    return [
        row(mask, np.roll(mask, shift, 2), patient=f"p{index}", seen=index in seen) for index, mask in enumerate(masks)
    ]


def test_the_better_version_is_better_for_every_patient_and_by_how_much() -> None:
    found = compare_versions({"v1": version(4), "v2": version(1)}, draws=500)
    assert found.versions == ("v1", "v2")
    assert [line.best for line in found.patients] == ["v2"] * 4
    difference = found.differences["v2"]["dice"]
    assert difference is not None
    assert difference.mean == pytest.approx(np.mean(found.dice["v2"]) - np.mean(found.dice["v1"]))
    assert (difference.better, difference.worse) == (4, 0)
    assert found.spreads["v2"]["dice"].mean == pytest.approx(np.mean(found.dice["v2"]))
    assert "v1" not in found.differences


def test_equal_versions_are_a_draw() -> None:
    found = compare_versions({"v1": version(2), "v2": version(2)}, draws=100)
    assert [line.best for line in found.patients] == [None] * 4


def test_a_patient_whom_any_version_saw_is_left_out_for_all() -> None:
    rows = {"v1": version(2), "v2": version(1, seen=(1,)), "v3": version(3, seen=(1, 2))}
    found = compare_versions(rows, draws=100)
    assert [line.patient for line in found.patients] == ["p0", "p3"]
    assert found.seen_patients == 2
    assert found.differences["v3"]["dice"].patients == 2


def test_when_everybody_was_seen_there_are_no_figures() -> None:
    found = compare_versions({"v1": version(1, seen=(0, 1, 2, 3)), "v2": version(1)}, draws=100)
    assert found.patients == ()
    assert found.spreads["v1"]["dice"] is None
    assert found.differences["v2"]["dice"] is None


def test_measures_that_one_version_leaves_undefined_are_not_paired() -> None:
    mask = blob(SHAPE, 1)
    blind = [row(mask, np.zeros_like(mask))]
    found = compare_versions({"v1": [row(mask, mask)], "v2": blind}, draws=100)
    assert found.differences["v2"]["hd95"] is None
    assert found.differences["v2"]["dice"].mean == -1


@pytest.mark.parametrize(
    "rows", [{"v1": version(1)}, {"v1": version(1), "v2": version(1, patients=3)}], ids=["one", "others"]
)
def test_other_series_or_one_version_are_refused(rows: dict[str, list[SeriesRow]]) -> None:
    with pytest.raises(ValueError, match="same series"):
        compare_versions(rows)


def test_the_comparison_is_plain_json() -> None:
    assert json.dumps(compare_versions({"v1": version(4), "v2": version(1)}, draws=50).as_json(), allow_nan=False)
