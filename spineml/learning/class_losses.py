"""Losses for the logits of several classes, the background first, with a validity mask.

Targets carry two channels, ``(batch, height, width, 2)`` float32: the number of the class and the validity, as in
`spineml.learning.losses`. Logits are ``(batch, height, width, classes)``. Overlaps are those of each label that occurs
in the batch, averaged ("macro": a small vertebra counts as much as a large one); in a batch without any label they are
of all structures together, so that what is marked there still costs.
"""

from __future__ import annotations

from typing import Any

import keras

from spineml.learning.losses import SMOOTH


def cross_entropy(targets: Any, logits: Any) -> Any:
    """Mean cross-entropy in nats over the valid pixels of the batch."""
    valid = targets[..., 1]
    each = -_log_likelihood(targets, logits)
    return keras.ops.sum(each * valid) / keras.ops.maximum(keras.ops.sum(valid), 1.0)


def soft_dice(targets: Any, logits: Any) -> Any:
    """Mean of the labels' Dice, each with its probabilities pooled over the valid pixels of the batch."""
    overlap, marked, predicted = _sums(targets, logits)
    return _mean_present((2 * overlap + SMOOTH) / (predicted + marked + SMOOTH), marked, predicted)


def ce_dice(targets: Any, logits: Any) -> Any:
    """Cross-entropy plus ``1 - Dice``."""
    return cross_entropy(targets, logits) + 1.0 - soft_dice(targets, logits)


def dice(targets: Any, logits: Any) -> Any:
    """``1 - Dice`` of the probabilities."""
    return 1.0 - soft_dice(targets, logits)


def tversky(targets: Any, logits: Any, missed: float = 0.7) -> Any:
    """One minus the labels' mean Tversky index (Salehi et al. 2017): ``missed`` weighs false negatives."""
    overlap, marked, predicted = _sums(targets, logits)
    errors = missed * (marked - overlap) + (1 - missed) * (predicted - overlap)
    return 1.0 - _mean_present((overlap + SMOOTH) / (overlap + errors + SMOOTH), marked, predicted)


def focal(targets: Any, logits: Any, gamma: float = 2.0) -> Any:
    """Mean focal cross-entropy over the valid pixels (Lin et al. 2017), times 10 to be of the size of the others."""
    likelihood, valid = _log_likelihood(targets, logits), targets[..., 1]
    weighted = -10.0 * (1 - keras.ops.exp(likelihood)) ** gamma * likelihood * valid
    return keras.ops.sum(weighted) / keras.ops.maximum(keras.ops.sum(valid), 1.0)


def _members(targets: Any, logits: Any) -> Any:
    """1 where a pixel is of a class, ``(batch, height, width, classes)``; soft edges of one structure become hard."""
    return keras.ops.one_hot(
        keras.ops.cast(keras.ops.round(targets[..., 0]), "int32"), logits.shape[-1], dtype=logits.dtype
    )


def _log_likelihood(targets: Any, logits: Any) -> Any:
    """The logarithm of the probability of the true class, ``(batch, height, width)``."""
    return keras.ops.sum(keras.ops.log_softmax(logits, axis=-1) * _members(targets, logits), axis=-1)


def _sums(targets: Any, logits: Any) -> tuple[Any, Any, Any]:
    """For each class but the background: sum of probabilities in its mask, its pixels, sum of its probabilities."""
    valid = targets[..., 1:]
    probability = keras.ops.softmax(logits, axis=-1) * valid
    members = _members(targets, logits) * valid
    sums = [keras.ops.sum(each, axis=(0, 1, 2))[1:] for each in (probability * members, members, probability)]
    return sums[0], sums[1], sums[2]


def _mean_present(index: Any, marked: Any, predicted: Any) -> Any:
    """The mean of ``index`` over the labels with any pixel; without one, how far the batch is from marking nothing."""
    present = keras.ops.cast(marked > 0, index.dtype)
    count = keras.ops.sum(present)
    nothing = SMOOTH / (keras.ops.sum(predicted) + SMOOTH)
    return keras.ops.where(count > 0, keras.ops.sum(index * present) / keras.ops.maximum(count, 1.0), nothing)


BY_NAME = {"bce-dice": ce_dice, "dice": dice, "tversky": tversky, "focal": focal}
