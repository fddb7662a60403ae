"""Losses for logits with a validity mask.

Targets carry two channels, ``(batch, height, width, 2)`` float32: the mask (0..1, soft edges allowed) and the
validity (1 where the target is known, 0 where a pixel must not count, such as the padding around a crop).
"""

from __future__ import annotations

from typing import Any

import keras

SMOOTH = 1.0


def binary_cross_entropy(targets: Any, logits: Any) -> Any:
    """Mean cross-entropy in nats over the valid pixels of the batch."""
    mask, valid = targets[..., :1], targets[..., 1:]
    each = keras.ops.relu(logits) - logits * mask + keras.ops.log1p(keras.ops.exp(-keras.ops.abs(logits)))
    return keras.ops.sum(each * valid) / keras.ops.maximum(keras.ops.sum(valid), 1.0)


def soft_dice(targets: Any, logits: Any) -> Any:
    """Dice of the probabilities pooled over the valid pixels of the batch (Milletari et al. 2016, linear sums).

    Pooling over the batch keeps slices without any vertebra meaningful: they only add false positives.
    """
    mask, valid = targets[..., :1] * targets[..., 1:], targets[..., 1:]
    probability = keras.ops.sigmoid(logits) * valid
    overlap = keras.ops.sum(probability * mask)
    return (2 * overlap + SMOOTH) / (keras.ops.sum(probability) + keras.ops.sum(mask) + SMOOTH)


def bce_dice(targets: Any, logits: Any) -> Any:
    """Cross-entropy plus ``1 - Dice``: the loss of the default model."""
    return binary_cross_entropy(targets, logits) + 1.0 - soft_dice(targets, logits)


def dice(targets: Any, logits: Any) -> Any:
    """``1 - Dice`` of the probabilities, as the 2020 paper trained."""
    return 1.0 - soft_dice(targets, logits)


def tversky(targets: Any, logits: Any, missed: float = 0.7) -> Any:
    """One minus the Tversky index (Salehi et al. 2017): ``missed`` weighs false negatives, the rest false positives."""
    mask, valid = targets[..., :1] * targets[..., 1:], targets[..., 1:]
    probability = keras.ops.sigmoid(logits) * valid
    overlap = keras.ops.sum(probability * mask)
    false_negative = keras.ops.sum((1 - probability) * mask)
    false_positive = keras.ops.sum(probability * (valid - mask))
    return 1.0 - (overlap + SMOOTH) / (overlap + missed * false_negative + (1 - missed) * false_positive + SMOOTH)


def focal(targets: Any, logits: Any, gamma: float = 2.0) -> Any:
    """Mean focal cross-entropy over the valid pixels (Lin et al. 2017), times 10 to be of the size of the others."""
    mask, valid = targets[..., :1], targets[..., 1:]
    cross_entropy = keras.ops.relu(logits) - logits * mask + keras.ops.log1p(keras.ops.exp(-keras.ops.abs(logits)))
    missing = keras.ops.abs(mask - keras.ops.sigmoid(logits))
    weighted = 10.0 * missing**gamma * cross_entropy * valid
    return keras.ops.sum(weighted) / keras.ops.maximum(keras.ops.sum(valid), 1.0)


BY_NAME = {"bce-dice": bce_dice, "dice": dice, "tversky": tversky, "focal": focal}
