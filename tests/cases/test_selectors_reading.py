"""Where a reader starts in a series."""

from __future__ import annotations

import pytest

from cases.selectors_reading import first_slice

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
