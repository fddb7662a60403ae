"""The statistics of batch normalisation are those of the images that were shown last, all of them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.spineml.tiny_models import TINY

pytestmark = pytest.mark.tensorflow


def images(brightness: float, seed: int) -> np.ndarray:
    return (brightness * np.random.default_rng(seed).random((2, 32, 32, 1))).astype(np.float32)


def network():  # type: ignore[no-untyped-def]
    from tests.spineml.tiny_networks import restless

    return restless(TINY)


def test_a_settled_network_answers_as_it_does_while_training_on_the_same_images() -> None:
    from spineml.model import batch_norm_statistics

    model, batch = network(), images(1.0, 1)
    trained = np.asarray(model(batch, training=True))
    batch_norm_statistics.settle(model, [batch])
    assert np.allclose(np.asarray(model(batch, training=False)), trained, atol=2e-3)


def test_statistics_are_of_all_batches_together() -> None:
    from spineml.model import batch_norm_statistics

    model, halves = network(), [images(1.0, 1), images(3.0, 2)]
    batch_norm_statistics.settle(model, halves)
    first = model.get_layer("stem_norm") if TINY.stem_stride > 1 else model.get_layer("encoder_1_1_norm")
    several = [np.asarray(first.moving_mean), np.asarray(first.moving_variance)]
    batch_norm_statistics.settle(model, [np.concatenate(halves)])
    assert np.allclose(several[0], first.moving_mean, rtol=1e-3)
    assert np.allclose(several[1], first.moving_variance, rtol=2e-2)


def test_weights_and_momentum_stay_as_they_are() -> None:
    from spineml.model import batch_norm_statistics

    model = network()
    before = [np.asarray(one) for one in model.trainable_variables]
    momentum = model.get_layer("encoder_1_1_norm").momentum
    batch_norm_statistics.settle(model, [images(1.0, 1)])
    assert all(np.array_equal(a, b) for a, b in zip(before, model.trainable_variables, strict=True))
    assert model.get_layer("encoder_1_1_norm").momentum == momentum
