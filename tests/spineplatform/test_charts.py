"""The geometry of charts: marks lie where their values say, every figure stands in the table, colours can be seen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.template.loader import render_to_string

from spineplatform.shared.charts import HEIGHT, Chart, Figure, Graph, Node, Plot, Scale, Series, Trace
from spineplatform.shared.charts.graph import BOX_HEIGHT, BOX_WIDTH

STYLES = Path(__file__).parents[2] / "static" / "css"


def bars(*values: float | None) -> Chart:
    return Chart("Cases", [str(n) for n in range(len(values))], [Series("imported", values)])


def curve(*values: tuple[float, float], **more: object) -> Plot:
    return Plot("Loss", [Trace("epoch", values)], "Epoch", **more)  # type: ignore[arg-type]


def drawn(chart: Figure) -> str:
    return render_to_string("components/chart.html", {"chart": chart, "name": "some"})


# --- bars and lines over labels ---------------------------------------------------------------------------------------
def test_bars_stand_on_the_ground_and_the_highest_value_fits() -> None:
    chart = bars(0, 5, 10)
    assert [float(bar.y) + float(bar.height) for bar in chart.bars] == [HEIGHT] * 3
    assert float(chart.bars[2].y) == 0
    assert float(chart.bars[1].height) == pytest.approx(float(chart.bars[2].height) / 2)


def test_nothing_leaves_the_drawing() -> None:
    chart = Chart("Dice", list("abc"), [Series("v1", (0.2, 0.9, 1.4))], kind="lines", low=0.5, high=1.0)
    assert all(0 <= float(point.x.rstrip("%")) <= 100 and 0 <= float(point.y) <= HEIGHT for point in chart.points)


def test_a_missing_value_has_no_mark_and_a_dash_in_the_table() -> None:
    chart = bars(1, None)
    assert len(chart.bars) == 1
    assert chart.rows == [("0", ["1"]), ("1", ["-"])]
    assert bars(None).is_empty


@pytest.mark.parametrize(("highest", "expected"), [(0, 1), (3, 3), (7, 8), (41, 50), (0.7, 0.8), (1200, 1500)])
def test_the_scale_ends_at_a_round_number(highest: float, expected: float) -> None:
    assert bars(highest).scale.high == pytest.approx(expected)


def test_the_grid_of_counts_has_no_fractions() -> None:
    assert [tick.text for tick in bars(1).y_ticks] == ["0", "1"]


def test_many_labels_are_thinned() -> None:
    assert len(bars(*range(40)).x_ticks) == 8


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["01-05"] * 6, ""),
        (["Segmented", "In review"] * 3, "chart-labels-some"),
        (["읽는 사람을 기다림"] * 6, "chart-labels-long"),
    ],
)
def test_labels_turn_where_they_would_run_into_each_other(labels: list[str], expected: str) -> None:
    assert Chart("Cases", labels, [Series("open", [1] * len(labels))]).labels_css == expected


def test_a_series_without_a_value_for_each_label_is_refused() -> None:
    with pytest.raises(ValueError, match="one value for each label"):
        Chart("Cases", ["a"], [Series("x", (1, 2))])


# --- numbers over numbers ---------------------------------------------------------------------------------------------
def test_equal_values_have_an_axis_with_their_value_in_the_middle_of_the_ticks() -> None:
    plot = Plot("Volumes", [Trace("pair", [(27.3, 0.0), (27.3, 0.0)], style="points")], "Mean (ml)")
    assert {point.x for point in plot.points} == {"50.00%"}
    assert {point.y for point in plot.points} == {f"{HEIGHT / 2:.1f}"}
    assert "0.00" in [tick.text for tick in plot.y_ticks]


def test_whole_numbers_along_the_axis_have_no_fractions() -> None:
    assert [tick.text for tick in curve((1, 0.5), x=Scale(0, 2), whole=True).x_ticks] == ["0", "1", "2"]


def test_a_long_line_is_thinned_and_keeps_its_end() -> None:
    plot = curve(*((float(n), n / 5000) for n in range(5000)), x=Scale(0, 4999), y=Scale(0, 1))
    points = plot.lines[0].points.split()
    assert len(points) <= 602
    assert points[-1] == "1000.0,0.0"


def test_an_axis_without_extent_is_refused() -> None:
    with pytest.raises(ValueError, match="an axis needs"):
        Scale(1.0, 1.0)


# --- the drawing ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "chart", [bars(1, 2), curve((1, 0.5), (2, 0.2), y_label="Loss", levels_at=[("bias", 0.3, "+0.3")])]
)
def test_a_drawing_has_a_name_a_description_a_table_and_no_style_of_its_own(chart: Figure) -> None:
    text = drawn(chart)
    assert 'role="img" aria-labelledby="some-title" aria-describedby="some-about"' in text
    assert f'<desc id="some-about">{chart.description}</desc>' in text
    assert "<table" in text
    assert "style=" not in text


def test_an_empty_chart_says_so_instead_of_drawing_axes() -> None:
    assert "<svg" not in drawn(bars(None))


def colours(theme: str) -> dict[str, str]:
    found = re.findall(
        r"^(\[data-bs-theme=\"dark\"\] )?\.(chart-[\w]+) \{ --chart: (#\w{6}); \}", _css("charts"), re.MULTILINE
    )
    return {name: colour for dark, name, colour in found if bool(dark) == (theme == "dark")}


def _css(name: str) -> str:
    return (STYLES / f"{name}.css").read_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_colour_stands_out_from_the_ground_of_the_page(theme: str) -> None:
    block = _css("app").split(f'[data-bs-theme="{theme}"] {{', 1)[1].split("}", 1)[0]
    surface = re.search(r"--spine-surface: (#\w{6})", block)
    assert surface is not None
    found = colours(theme)
    assert len(found) == 7
    assert {
        name: _contrast(colour, surface[1]) for name, colour in found.items() if _contrast(colour, surface[1]) < 3
    } == {}


def _contrast(one: str, other: str) -> float:
    """By WCAG 2.2."""
    low, high = sorted(map(_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# --- graphs -----------------------------------------------------------------------------------------------------------
def graph(parents: dict[str, list[str]]) -> Graph[str]:
    return Graph.of("Versions", {name: Node(name, name, f"/{name}/") for name in parents}, parents)


def overlaps(found: Graph[str]) -> int:
    places = [(box.x, box.y) for box in found.boxes]
    return sum(
        abs(x - other_x) < BOX_WIDTH and abs(y - other_y) < BOX_HEIGHT
        for index, (x, y) in enumerate(places)
        for other_x, other_y in places[index + 1 :]
    )


def test_a_chain_runs_from_left_to_right_in_one_row() -> None:
    found = graph({"v1": [], "v2": ["v1"], "v3": ["v2"]})
    assert [box.key for box in sorted(found.boxes, key=lambda box: box.x)] == ["v1", "v2", "v3"]
    assert len({box.y for box in found.boxes}) == 1
    assert len(found.paths) == 2


def test_branches_and_nodes_without_parents_begin_rows_of_their_own() -> None:
    found = graph({"v1": [], "v2": ["v1"], "v3": ["v1"], "v4": [], "v5": ["v3", "v4"], "v6": ["v2"]})
    rows = {box.key: box.y for box in found.boxes}
    assert rows["v1"] == rows["v2"] == rows["v6"]
    assert rows["v3"] == rows["v5"]
    assert len(set(rows.values())) == 3
    assert len(found.paths) == 5  # v5 has two parents
    assert overlaps(found) == 0


def test_a_long_chain_needs_no_recursion_and_fits_its_size() -> None:
    names = [f"v{number}" for number in range(3000)]
    found = graph({name: names[max(0, index - 1) : index] for index, name in enumerate(names)})
    assert max(box.x for box in found.boxes) + BOX_WIDTH < found.width
    assert max(box.y for box in found.boxes) + BOX_HEIGHT < found.height


def test_a_parent_that_is_gone_is_left_out() -> None:
    assert graph({"v2": ["v1"]}).paths == ()


def test_no_nodes_need_no_room() -> None:
    assert graph({}).boxes == ()
