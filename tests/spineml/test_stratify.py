"""Draws of splits: repeatable, shared out by stratum, and honest about who was placed before."""

from __future__ import annotations

from collections import Counter

import pytest

from spineml.learning.stratified_split import Shares, draw


def test_the_same_seed_gives_the_same_draw_in_any_order() -> None:
    strata = {number: "ab"[number % 2] for number in range(30)}
    backwards = dict(reversed(strata.items()))
    assert draw(strata, seed=4) == draw(backwards, seed=4)
    assert draw(strata, seed=4) != draw(strata, seed=5)


@pytest.mark.parametrize(
    ("patients", "expected"),
    [(1, (1, 0, 0)), (5, (3, 1, 1)), (20, (14, 3, 3)), (100, (70, 15, 15))],
)
def test_shares_are_kept_as_well_as_whole_patients_allow(patients: int, expected: tuple[int, int, int]) -> None:
    tally = Counter(draw(dict.fromkeys(range(patients), "one"), seed=1).values())
    assert tally["train"] == expected[0]
    assert sorted((tally["validation"], tally["test"])) == sorted(expected[1:])


def test_strata_of_one_patient_each_still_fill_every_split() -> None:
    tally = Counter(draw({number: str(number) for number in range(100)}, seed=1).values())
    assert tally == {"train": 70, "validation": 15, "test": 15}


def test_who_was_placed_before_counts() -> None:
    placed = {f"old{number}": ("one", "train") for number in range(14)}
    tally = Counter(draw(dict.fromkeys(range(6), "one"), seed=2, placed=placed).values())
    assert tally == {"validation": 3, "test": 3}


def test_a_split_without_a_share_gets_nobody() -> None:
    drawn = draw(dict.fromkeys(range(9), "one"), seed=3, shares=Shares(0.5, 0.0, 0.5))
    assert set(drawn.values()) == {"train", "test"}


@pytest.mark.parametrize("seed", range(8))
def test_a_label_of_few_patients_is_in_every_split(seed: int) -> None:
    labels = {number: ["L1", "L2", *(["T13"] if number % 8 == 0 else []), "L2"] for number in range(40)}
    drawn = draw(dict.fromkeys(labels, "one"), seed=seed, labels=labels)
    tally = Counter(split for number, split in drawn.items() if "T13" in labels[number])
    assert tally == {"train": 3, "validation": 1, "test": 1}
    assert Counter(drawn.values()) == {"train": 28, "validation": 6, "test": 6}


def test_labels_of_patients_who_were_placed_before_count() -> None:
    placed = {"old": ("one", "test")}
    labels = {"old": ["T13"], "new": ["T13"], **{str(number): ["L1"] for number in range(6)}}
    strata = dict.fromkeys([key for key in labels if key != "old"], "one")
    drawn = [draw(strata, seed=seed, placed=placed, labels=labels)["new"] for seed in range(10)]
    assert set(drawn) == {"train"}


@pytest.mark.parametrize("shares", [(0.5, 0.5, 0.5), (1.2, -0.2, 0.0)])
def test_shares_that_are_none_are_refused(shares: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        Shares(*shares)
