"""How the files beside this one were made: by Keras 2 itself, as people out there made theirs.

    python -m venv keras2 && keras2/bin/pip install tensorflow==2.21.0 tf_keras==2.21.0
    keras2/bin/python tests/spineml/keras2/make.py

They are kept instead of made anew in each test because tf_keras asks for the package ``tensorflow``, which cannot be
installed beside the CPU build that the platform runs on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tf_keras as keras

HERE = Path(__file__).resolve().parent
FILTERS, SIZE = 2, 32
layers = keras.layers


def conv(x: Any, filters: int, size: int = 3, activation: str = "relu") -> Any:
    return layers.Conv2D(filters, size, activation=activation, padding="same", kernel_initializer="he_normal")(x)


def double(x: Any, filters: int) -> Any:
    return conv(conv(x, filters), filters)


def ronneberger() -> Any:
    """The U-Net most Keras users know: dropout at the two deepest levels, up by UpSampling2D and a convolution."""
    image = keras.Input((SIZE, SIZE, 1))
    x, skips = image, []
    for level in range(4):
        x = double(x, FILTERS * 2**level)
        if level == 3:
            x = layers.Dropout(0.5)(x)
        skips.append(x)
        x = layers.MaxPooling2D(pool_size=(2, 2))(x)
    x = layers.Dropout(0.5)(double(x, FILTERS * 16))
    for level in reversed(range(4)):
        up = conv(layers.UpSampling2D(size=(2, 2))(x), FILTERS * 2**level, 2)
        x = double(layers.concatenate([skips[level], up], axis=3), FILTERS * 2**level)
    x = conv(x, 2)
    return keras.Model(image, conv(x, 1, 1, "sigmoid"))


def normalised() -> Any:
    """Another habit: batch normalisation before ReLU, transposed convolutions, the skip joined last."""

    def step(x: Any, filters: int) -> Any:
        x = layers.Conv2D(filters, 3, padding="same")(x)
        return layers.Activation("relu")(layers.BatchNormalization(epsilon=1e-2)(x))

    image = keras.Input((None, None, 1))
    x, skips = image, []
    for level in range(3):
        x = step(step(x, 3 * 2**level), 3 * 2**level)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = step(step(x, 24), 24)
    for level in reversed(range(3)):
        up = layers.Conv2DTranspose(3 * 2**level, 2, strides=2, padding="same")(x)
        x = layers.Concatenate()([up, skips[level]])
        x = step(step(x, 3 * 2**level), 3 * 2**level)
    x = layers.Conv2D(1, 1)(x)
    return keras.Model(image, layers.Activation("sigmoid")(x))


def with_lambda() -> Any:
    image = keras.Input((SIZE, SIZE, 1))
    return keras.Model(image, conv(layers.Lambda(lambda x: x / 255)(image), 1, 1, "sigmoid"))


def stir(model: Any) -> None:
    """Give every weight a value that does something, statistics of normalisations included."""
    random = np.random.default_rng(7)
    for weight in model.weights:
        reach = np.sqrt(6 / np.prod(weight.shape[:3])) if "kernel" in weight.name else 0.4
        middle = 1.0 if "variance" in weight.name or "gamma" in weight.name else 0.0
        weight.assign(random.uniform(middle - reach, middle + reach, weight.shape).astype(np.float32))


def main() -> None:
    image = np.random.default_rng(3).random((1, SIZE, SIZE, 1), np.float32)
    answers = {"image": image}
    for name, model in (("ronneberger", ronneberger()), ("normalised", normalised())):
        stir(model)
        model.compile("adam", "binary_crossentropy")
        model.save(HERE / f"{name}.h5")
        answers[name] = model.predict(image, verbose=0)
        if name == "ronneberger":
            model.save_weights(HERE / f"{name}_weights.h5")
    with_lambda().save(HERE / "lambda.h5")
    with h5py.File(HERE / "answers.h5", "w") as file:
        for name, values in answers.items():
            file[name] = values


if __name__ == "__main__":
    main()
