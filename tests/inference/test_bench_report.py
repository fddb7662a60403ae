"""The table of the bench says what was reached, and leaves out what was not measured."""

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
