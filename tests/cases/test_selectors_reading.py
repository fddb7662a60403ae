"""Where a reader starts in a series."""

from __future__ import annotations

import pytest

from cases.viewer.selectors import first_slice

SERIES = {"shape": [9, 4, 4]}


def mask(name: str, *areas: int) -> dict[str, object]:
    return {"id": name, "areas_px": list(areas)}


@pytest.mark.parametrize(
    ("masks", "asked", "expected"),
    [
        ([], "", 4),  # no mask: the middle
        ([mask("new", 0, 0, 0, 0, 0, 0, 0, 0, 0)], "", 4),  # an empty one is none
        ([mask("new", 0, 2, 7, 7, 0, 0, 0, 0, 0), mask("old", 0, 0, 0, 0, 0, 0, 0, 9, 0)], "", 2),
        ([mask("new", 0, 2, 7, 7, 0, 0, 0, 0, 0), mask("old", 0, 0, 0, 0, 0, 0, 0, 9, 0)], "old", 7),
        ([mask("new", 0, 2, 7, 7, 0, 0, 0, 0, 0)], "gone", 2),
    ],
)
def test_a_reader_starts_where_the_mask_is_largest(masks: list[dict[str, object]], asked: str, expected: int) -> None:
    assert first_slice({"series": SERIES, "masks": masks}, asked) == expected


OLD = mask("old", 0, 0, 4, 4, 4, 0, 0, 0, 0)
NEW = mask("new", 0, 0, 4, 9, 4, 0, 0, 8, 0)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (("new", "old", ""), 7),  # where they are furthest apart
        (("old", "new", ""), 7),
        (("new", "new", ""), 3),  # nothing differs: as without another one
        (("new", "gone", ""), 3),
        (("new", "old", "5"), 4),  # people count from 1
        (("new", "old", "9"), 8),
        (("new", "old", "0"), 7),  # what is no slice is not asked for
        (("new", "old", "10"), 7),
        (("new", "old", "-1"), 7),
        (("new", "old", "1e3"), 7),
        (("new", "old", "9" * 5000), 7),
    ],
)
def test_an_address_names_the_mask_to_compare_with_and_the_slice(asked: tuple[str, ...], expected: int) -> None:
    assert first_slice({"series": SERIES, "masks": [NEW, OLD]}, *asked) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ({"is_approval": True, "annotation": "old"}, 2),
        ({"is_approval": False, "annotation": "old"}, 3),
        ({"is_approval": True, "annotation": "hidden"}, 3),
        (None, 3),
    ],
)
def test_a_reader_starts_on_the_approved_mask_where_there_is_one(word: object, expected: int) -> None:
    assert first_slice({"series": SERIES, "masks": [NEW, OLD], "review": word}) == expected
    assert first_slice({"series": SERIES, "masks": [NEW, OLD], "review": word}, "new") == 3
