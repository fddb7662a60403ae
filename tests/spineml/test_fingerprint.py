"""What is far outside of what a model learned from, and what is not worth a flag."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spineml.model.fingerprint import HU_EDGES, Fingerprint, SeriesFacts, fingerprint, histogram, some_slices

USUAL = SeriesFacts(
    pixel_spacing=0.7,
    slice_spacing=2.5,
    histogram=histogram([np.full((4, 4), 40, np.int16), np.full((4, 4), -1000, np.int16)]),
    kernel="B30f",
    maker="SIEMENS",
    image_size=512,
)


@pytest.fixture
def learned() -> Fingerprint:
    return fingerprint([USUAL, replace(USUAL, pixel_spacing=0.9, slice_spacing=3.0)])


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({"pixel_spacing": 1.2}, []),
        ({"pixel_spacing": 1.6}, ["pixel-spacing"]),
        ({"slice_spacing": 1.0}, []),  # thin CT: each slice looks alike
        ({"slice_spacing": 5.0}, []),
        ({"slice_spacing": 25.0}, ["slice-spacing"]),
        ({"pixel_spacing": None, "slice_spacing": None}, []),
        ({"kernel": "B70s", "maker": "GE"}, []),  # names differ more than images
        ({"histogram": (0.0,) * len(HU_EDGES) + (1.0,)}, ["intensities"]),
    ],
)
def test_only_what_is_far_outside_is_flagged(
    learned: Fingerprint, changes: dict[str, object], codes: list[str]
) -> None:
    assert [one.code for one in learned.outside(replace(USUAL, **changes))] == codes


def test_a_fingerprint_survives_json(learned: Fingerprint) -> None:
    assert Fingerprint.from_json(learned.as_json()) == learned


def test_a_fingerprint_needs_a_series() -> None:
    with pytest.raises(ValueError, match="at least one series"):
        fingerprint([])


def test_a_histogram_is_of_shares_and_looks_at_slices_spread_evenly() -> None:
    assert sum(USUAL.histogram) == pytest.approx(1)
    assert some_slices(3) == [0, 1, 2]
    assert some_slices(1000, 3) == [0, 500, 999]
