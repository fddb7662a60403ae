"""The drawing of the lineage."""

from __future__ import annotations

from training.versions.lineage import BOX_HEIGHT, BOX_WIDTH, Drawing, draw


def overlaps(drawing: Drawing[str]) -> int:
    places = [(box.x, box.y) for box in drawing.boxes]
    return sum(
        abs(x - other_x) < BOX_WIDTH and abs(y - other_y) < BOX_HEIGHT
        for index, (x, y) in enumerate(places)
        for other_x, other_y in places[index + 1 :]
    )


def test_a_chain_runs_from_left_to_right_in_one_row() -> None:
    drawing = draw({"v1": [], "v2": ["v1"], "v3": ["v2"]})
    assert [box.key for box in sorted(drawing.boxes, key=lambda box: box.x)] == ["v1", "v2", "v3"]
    assert len({box.y for box in drawing.boxes}) == 1
    assert len(drawing.paths) == 2


def test_branches_and_imported_versions_begin_rows_of_their_own() -> None:
    drawing = draw({"v1": [], "v2": ["v1"], "v3": ["v1"], "v4": [], "v5": ["v3", "v4"], "v6": ["v2"]})
    rows = {box.key: box.y for box in drawing.boxes}
    assert rows["v1"] == rows["v2"] == rows["v6"]
    assert rows["v3"] == rows["v5"]
    assert len(set(rows.values())) == 3
    assert len(drawing.paths) == 5  # v5 has two parents
    assert overlaps(drawing) == 0


def test_a_long_lineage_needs_no_recursion_and_fits_its_size() -> None:
    names = [f"v{number}" for number in range(3000)]
    drawing = draw({name: names[max(0, index - 1) : index] for index, name in enumerate(names)})
    assert max(box.x for box in drawing.boxes) + BOX_WIDTH < drawing.width
    assert max(box.y for box in drawing.boxes) + BOX_HEIGHT < drawing.height


def test_a_parent_that_is_gone_is_left_out() -> None:
    assert draw({"v2": ["v1"]}).paths == ()


def test_no_versions_need_no_room() -> None:
    assert draw({}).boxes == ()
