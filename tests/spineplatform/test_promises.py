"""docs/security.md names only what is there: each promise has a file that keeps it and a test that tries it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [
    line
    for line in (ROOT / "docs" / "security.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("|") and not line.startswith(("|---", "| promise"))
]


@pytest.mark.parametrize("row", ROWS, ids=[row[2:42] for row in ROWS])
def test_a_promise_names_tests_that_exist(row: str) -> None:
    tried = re.findall(r"tests/[\w/]+(?:\.py)?", row.split("|")[3])
    assert tried
    assert [one for one in tried if not (ROOT / one).exists()] == []


def test_there_are_promises_and_the_way_to_report_leads_to_them() -> None:
    assert len(ROWS) > 20
    assert "docs/security.md" in (ROOT / "SECURITY.md").read_text(encoding="utf-8")
