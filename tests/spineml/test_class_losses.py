"""The losses of several classes against their definition in NumPy, and what the validity mask does."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.tensorflow
CLASSES = 5


def targets_and_logits() -> tuple[np.ndarray, np.ndarray]:
    """Class 4 never occurs where the target is valid."""
    rng = np.random.default_rng(0)
    classes, valid = rng.integers(0, 4, (2, 8, 8)), rng.random((2, 8, 8)) > 0.3
    targets = np.stack([np.where(valid, classes, 4), valid], axis=-1).astype(np.float32)
    return targets, rng.normal(0, 2, (2, 8, 8, CLASSES)).astype(np.float32)


def softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits.astype(float))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def dice_of_present_labels(targets: np.ndarray, logits: np.ndarray) -> list[float]:
    valid, probability = targets[..., 1] > 0, softmax(logits)
    found = []
    for label in range(1, CLASSES):
        mask = (targets[..., 0] == label) & valid
        p = probability[..., label] * valid
        if mask.any():
            found.append((2 * (p * mask).sum() + 1) / (p.sum() + mask.sum() + 1))
    return found


def test_cross_entropy_is_the_mean_over_valid_pixels() -> None:
    from spineml.learning import class_losses

    targets, logits = targets_and_logits()
    likelihood = np.take_along_axis(softmax(logits), targets[..., :1].astype(int), axis=-1)[..., 0]
    expected = -np.log(likelihood)[targets[..., 1] > 0].mean()
    assert float(class_losses.cross_entropy(targets, logits)) == pytest.approx(expected, rel=1e-5)


def test_dice_is_the_mean_over_the_labels_that_occur() -> None:
    from spineml.learning import class_losses

    targets, logits = targets_and_logits()
    labels = dice_of_present_labels(targets, logits)
    assert len(labels) == 3
    assert float(class_losses.soft_dice(targets, logits)) == pytest.approx(np.mean(labels), rel=1e-5)


def test_a_tversky_index_that_weighs_both_errors_alike_is_dice() -> None:
    from spineml.learning import class_losses

    targets, logits = targets_and_logits()
    half = float(class_losses.tversky(targets, logits, missed=0.5))
    assert half == pytest.approx(1 - float(class_losses.soft_dice(targets, logits)), abs=0.03)
    assert float(class_losses.tversky(targets, logits, missed=0.9)) != pytest.approx(half, abs=1e-4)


def test_two_classes_cost_as_much_as_one_structure_with_a_sigmoid() -> None:
    from spineml.learning import class_losses, losses

    targets, logits = targets_and_logits()
    targets[..., 0] = targets[..., 0] > 1
    pair = np.concatenate([np.zeros_like(logits[..., :1]), logits[..., :1]], axis=-1)
    for name, loss in class_losses.BY_NAME.items():
        assert float(loss(targets, pair)) == pytest.approx(
            float(losses.BY_NAME[name](targets, logits[..., :1])), rel=1e-4
        )


@pytest.mark.parametrize("name", ["bce-dice", "dice", "tversky", "focal"])
def test_pixels_that_are_not_valid_do_not_count(name: str) -> None:
    from spineml.learning import class_losses

    loss, (targets, logits) = class_losses.BY_NAME[name], targets_and_logits()
    changed = np.where(targets[..., 1:] > 0, logits, -logits + 9).astype(np.float32)
    assert float(loss(targets, changed)) == pytest.approx(float(loss(targets, logits)), rel=1e-5)


@pytest.mark.parametrize("name", ["bce-dice", "dice", "tversky", "focal"])
def test_extreme_logits_and_batches_without_labels_or_valid_pixels_are_finite(name: str) -> None:
    from spineml.learning import class_losses

    loss, (targets, logits) = class_losses.BY_NAME[name], targets_and_logits()
    nothing = targets * np.array([0, 1], np.float32)
    for found in (loss(targets, logits * 1e4), loss(nothing, logits), loss(targets * 0, logits)):
        assert np.isfinite(float(found))


def test_marking_something_where_nothing_is_costs() -> None:
    from spineml.learning import class_losses

    targets, logits = targets_and_logits()
    nothing = targets * np.array([0, 1], np.float32)
    silent = logits - np.array([-30, 0, 0, 0, 0], np.float32)
    assert float(class_losses.dice(nothing, silent)) < 0.05
    assert float(class_losses.dice(nothing, logits)) > 0.9
