"""The statistics that batch normalisation goes by once trained, taken from images like those that will be segmented.

While training, each batch is normalised by its own mean and variance, and the running ones are those of the last few
batches, most of them small crops around the spine. A whole slice has more air and soft tissue: measured on patients
never trained on, statistics of whole slices took away false regions at hips and shoulders without any further step.
"""

from __future__ import annotations

from collections.abc import Iterable

import keras
import numpy as np
import numpy.typing as npt

import tensorflow as tf  # isort: skip

FloatArray = npt.NDArray[np.float32]


def settle(model: keras.Model, images: Iterable[FloatArray]) -> None:
    """Set the running mean and variance of every normalisation to those over ``images``, batches ``(n, h, w, 1)``.

    The variance is that of all pixels together: within the batches and between their means.
    """
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0  # the running statistics are then those of the batch alone
    graph = tf.function(lambda batch: model(batch, training=True))
    found: list[list[tuple[FloatArray, FloatArray]]] = [[] for _ in layers]
    for batch in images:
        graph(tf.constant(batch))
        for layer, own in zip(layers, found, strict=True):
            own.append((layer.moving_mean.numpy(), layer.moving_variance.numpy()))
    for layer, own, momentum in zip(layers, found, momenta, strict=True):
        means, variances = (np.stack(each) for each in zip(*own, strict=True))
        layer.moving_mean.assign(means.mean(axis=0))
        layer.moving_variance.assign(variances.mean(axis=0) + means.var(axis=0))
        layer.momentum = momentum
