"""The geometry of charts: marks lie where their values say, and every figure stands in the table."""

from __future__ import annotations

import pytest

from spineplatform.shared.charts import BOTTOM, HEIGHT, LEFT, TOP, WIDTH, Chart, Series


def bars(*values: float | None) -> Chart:
    return Chart("Cases", [str(n) for n in range(len(values))], [Series("imported", values)])


def test_bars_stand_on_the_ground_and_the_highest_value_fits() -> None:
    chart = bars(0, 5, 10)
    assert [bar.y + bar.height for bar in chart.bars] == [HEIGHT - BOTTOM] * 3
    assert chart.top_value == 10
    assert chart.bars[2].y == TOP
    assert chart.bars[1].height == pytest.approx(chart.bars[2].height / 2)


def test_nothing_leaves_the_drawing() -> None:
    chart = Chart("Dice", list("abc"), [Series("v1", (0.2, 0.9, 1.4))], kind="lines", low=0.5, high=1.0)
    assert all(LEFT <= point.x <= WIDTH and TOP <= point.y <= HEIGHT - BOTTOM for point in chart.points)


def test_a_missing_value_has_no_mark_and_a_dash_in_the_table() -> None:
    chart = bars(1, None)
    assert len(chart.bars) == 1
    assert chart.rows == [("0", ["1"]), ("1", ["-"])]
    assert bars(None).is_empty


@pytest.mark.parametrize(("highest", "expected"), [(0, 1), (3, 3), (7, 8), (41, 50), (0.7, 0.8), (1200, 1500)])
def test_the_scale_ends_at_a_round_number(highest: float, expected: float) -> None:
    assert bars(highest).top_value == pytest.approx(expected)


def test_the_grid_of_counts_has_no_fractions() -> None:
    assert [line.text for line in bars(1).grid] == ["0", "1"]


def test_many_labels_are_thinned() -> None:
    assert len(bars(*range(40)).ticks) == 8


def test_a_series_without_a_value_for_each_label_is_refused() -> None:
    with pytest.raises(ValueError, match="one value for each label"):
        Chart("Cases", ["a"], [Series("x", (1, 2))])
