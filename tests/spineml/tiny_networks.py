"""Tiny networks whose every variable matters; importing this loads TensorFlow."""

from __future__ import annotations

import keras
import numpy as np

from spineml.model import unet
from spineml.model.architecture import Architecture


def restless(architecture: Architecture, seed: int = 1) -> keras.Model:
    """A network with random biases and normalisation statistics, so that none of them can be forgotten unseen."""
    keras.utils.set_random_seed(seed)
    model = unet.build(architecture)
    rng = np.random.default_rng(seed)
    for name, variable in unet.named_weights(model).items():
        if not name.endswith("kernel"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return model
