"""From probabilities to the mask."""

from __future__ import annotations

import numpy as np
import pytest

from spineml.model.postprocess import Postprocess


def probability_with(*boxes: tuple[slice, slice]) -> np.ndarray:
    probability = np.zeros((60, 60), np.float32)
    for box in boxes:
        probability[box] = 0.9
    return probability


def test_specks_are_dropped_by_their_area_in_mm2() -> None:
    probability = probability_with(np.s_[5:25, 5:25], np.s_[40:43, 40:43])
    fine = Postprocess(smallest_part_mm2=5).apply(probability, (0.5, 0.5))
    coarse = Postprocess(smallest_part_mm2=5).apply(probability, (1.0, 1.0))
    assert (fine.sum(), coarse.sum()) == (400, 409)


def test_pinholes_are_filled_and_the_canal_is_not() -> None:
    probability = probability_with(np.s_[5:45, 5:45])
    probability[10:12, 10:12] = 0
    probability[20:35, 20:35] = 0
    mask = Postprocess(largest_hole_mm2=12).apply(probability, (1.0, 1.0))
    assert mask.sum() == 1600 - 225


def test_nothing_above_the_threshold_gives_an_empty_mask() -> None:
    mask = Postprocess(threshold=0.95).apply(probability_with(np.s_[5:25, 5:25]), None)
    assert (mask.sum(), mask.dtype) == (0, np.uint8)


def test_without_tidying_it_is_the_plain_threshold() -> None:
    probability = np.random.default_rng(0).random((50, 40), np.float32)
    mask = Postprocess(0.5, 0, 0).apply(probability, None)
    assert np.array_equal(mask, probability > 0.5)


@pytest.mark.parametrize("values", [{"threshold": 0}, {"threshold": 1}, {"smallest_part_mm2": -1}])
def test_impossible_parameters_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"threshold|areas"):
        Postprocess.from_json({**Postprocess().as_json(), **values})
