"""The table of the bench says what was reached, and leaves out what was not measured."""

import sys

import pytest

from inference.bench import viewer
from inference.bench.report import AIMS, table


def test_each_figure_stands_beside_its_aim() -> None:
    lines = list(table({"paper_ratio": 20.0, "web_mb": 250.0}))
    assert any("times | >= 18 | 20 | reached" in line for line in lines)
    assert any("<= 200 | 250 | not reached" in line for line in lines)
    assert len(lines) == 4


def test_every_aim_has_one_bound() -> None:
    assert all((aim.least is None) != (aim.most is None) for aim in AIMS)


def test_the_steps_of_one_slice_are_listed() -> None:
    assert "receive 0.1 s" in list(table({"slice_receive_s": 0.1}))[-1]


def test_a_bench_without_playwright_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with pytest.raises(viewer.NothingToMeasureWith):
        viewer.measure("http://127.0.0.1:1", "nobody", "", {})
    assert "requirements-test.txt" in str(viewer.NothingToMeasureWith.__doc__)
