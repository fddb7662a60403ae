"""What a network expects of its own mask, slice by slice."""

from __future__ import annotations

import numpy as np
import pytest

from spineml.metrics.expected_dice import SLACK_PX, expected_dice

SHAPE = (256, 256)


def disc(radius: float) -> np.ndarray:
    y, x = np.indices(SHAPE)
    return np.hypot(y - 128, x - 128) < radius


def probability(inside: float, outside: float = 0.0, *, radius: float = 40) -> np.ndarray:
    return np.where(disc(radius), inside, outside).astype(np.float32)


def test_a_sure_network_expects_a_perfect_mask() -> None:
    assert expected_dice(probability(1.0), disc(40).astype(np.uint8)) == 1.0


def test_the_rest_of_a_sigmoid_is_no_doubt_in_an_empty_slice() -> None:
    assert expected_dice(np.full(SHAPE, 0.01, np.float32), np.zeros(SHAPE, np.uint8)) == 1.0


def test_an_empty_slice_where_something_may_be_is_doubted() -> None:
    assert expected_dice(probability(0.45), np.zeros(SHAPE, np.uint8)) < 0.1


def test_the_expectation_is_the_mean_dice_over_truths_drawn_from_the_probabilities() -> None:
    rng = np.random.default_rng(5)
    y, x = np.indices(SHAPE)
    chances = np.clip(1.5 - np.hypot(y - 128, x - 128) / 40, 0, 1).astype(np.float32)
    chances[chances < 0.06] = 0
    mask = (chances > 0.5).astype(np.uint8)
    truths = [rng.random(SHAPE) < chances for _ in range(40)]
    dices = [2 * (truth & (mask > 0)).sum() / (truth.sum() + mask.sum()) for truth in truths]
    assert mask.sum() > 20 * SLACK_PX
    assert expected_dice(chances, mask) == pytest.approx(float(np.mean(dices)), abs=0.005)
