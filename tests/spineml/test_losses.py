"""The losses against their definition in NumPy, and what the validity mask does."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.tensorflow


def targets_and_logits() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    mask, valid = rng.random((2, 8, 8)) > 0.7, rng.random((2, 8, 8)) > 0.3
    return np.stack([mask, valid], axis=-1).astype(np.float32), rng.normal(0, 3, (2, 8, 8, 1)).astype(np.float32)


def test_cross_entropy_is_the_mean_over_valid_pixels() -> None:
    from spineml.learning import losses

    targets, logits = targets_and_logits()
    mask, valid = targets[..., 0], targets[..., 1] > 0
    probability = 1 / (1 + np.exp(-logits[..., 0].astype(float)))
    each = -(mask * np.log(probability) + (1 - mask) * np.log(1 - probability))
    assert float(losses.binary_cross_entropy(targets, logits)) == pytest.approx(each[valid].mean(), rel=1e-5)


def test_soft_dice_pools_the_valid_pixels_of_the_batch() -> None:
    from spineml.learning import losses

    targets, logits = targets_and_logits()
    mask, valid = targets[..., 0], targets[..., 1]
    probability = valid / (1 + np.exp(-logits[..., 0]))
    overlap, total = (probability * mask * valid).sum(), probability.sum() + (mask * valid).sum()
    assert float(losses.soft_dice(targets, logits)) == pytest.approx((2 * overlap + 1) / (total + 1), rel=1e-5)


def test_pixels_that_are_not_valid_do_not_count() -> None:
    from spineml.learning import losses

    targets, logits = targets_and_logits()
    changed = np.where(targets[..., 1:] > 0, logits, 50.0).astype(np.float32)
    assert float(losses.bce_dice(targets, changed)) == pytest.approx(float(losses.bce_dice(targets, logits)))


def test_extreme_logits_stay_finite() -> None:
    from spineml.learning import losses

    targets, logits = targets_and_logits()
    assert np.isfinite(float(losses.bce_dice(targets, logits * 1e4)))


def test_a_batch_without_any_valid_pixel_is_finite() -> None:
    from spineml.learning import losses

    targets, logits = targets_and_logits()
    assert np.isfinite(float(losses.bce_dice(targets * 0, logits)))
