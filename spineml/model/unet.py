"""The U-Net: Ronneberger et al. 2015 as used by Kim et al. 2020, and a compact variant of it for two CPU cores.

The network takes ``(batch, height, width, 1)`` float32 in 0..1 and returns *logits* of the same height and width,
``(batch, height, width, classes)`` float32. With one class a probability is ``sigmoid(logit)``; with more it is the
``softmax`` over them, the background first. Height and width must be divisible by ``Architecture.stride``.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from spineml.model.architecture import NORM_EPSILON, STEM_KERNEL, Architecture

NORM_MOMENTUM = 0.9
# Spine is a few per cent of the pixels: starting near that share spares the first epochs.
FIRST_OUTPUT_BIAS = -3.0
HEAD = "logits_head"


def build(
    architecture: Architecture,
    *,
    training_shape: tuple[int, int] | None = None,
    batch_size: int | None = None,
    dtype_policy: str = "float32",
) -> keras.Model:
    """Build the network with fresh weights.

    Args:
        training_shape: fixed (height, width) for compiled graphs; None accepts any multiple of the stride.
        batch_size: fixed number of images, or None.
        dtype_policy: "float32", or "mixed_float16" on a GPU; the logits are float32 in both.

    Returns:
        A functional model. Layers are named after their block: ``stem``, ``encoder_1`` .. ``encoder_<depth>``,
        ``bottleneck``, ``decoder_<depth>`` .. ``decoder_1``, ``logits``.
    """
    height, width = training_shape or (None, None)
    inputs = keras.Input((height, width, 1), batch_size=batch_size, dtype="float32", name="image")
    blocks = _Blocks(architecture, dtype_policy)
    x = blocks.stem(inputs)
    skips = []
    for level in range(1, architecture.depth + 1):
        x = blocks.block(x, f"encoder_{level}", architecture.filters(level))
        skips.append(x)
        x = keras.layers.MaxPooling2D(2, name=f"encoder_{level}_pool", dtype=dtype_policy)(x)
    x = blocks.block(x, "bottleneck", architecture.filters(architecture.depth + 1))
    x = blocks.drop(x)
    for level in range(architecture.depth, 0, -1):
        x = blocks.join(x, skips[level - 1], f"decoder_{level}", architecture.filters(level))
    return keras.Model(inputs, blocks.logits(x), name="unet")


class _Enlarge(keras.layers.UpSampling2D):  # type: ignore[misc]
    """Bilinear, and for images whose size the graph does not know, which Keras 3.15 refuses.

    A training mixes crops and whole slices in one graph.
    """

    def call(self, inputs: Any) -> Any:
        _, height, width, _ = keras.ops.shape(inputs)
        return tf.image.resize(inputs, (height * self.size[0], width * self.size[1]), method="bilinear")


class _Blocks:
    """The named parts of one network."""

    def __init__(self, architecture: Architecture, dtype_policy: str) -> None:
        self._architecture = architecture
        self._dtype = dtype_policy

    def stem(self, x: Any) -> Any:
        stride = self._architecture.stem_stride
        if stride == 1:
            return x
        return self._convolution(x, "stem", self._architecture.base_filters, STEM_KERNEL, stride)

    def block(self, x: Any, name: str, filters: int) -> Any:
        for index in range(1, self._architecture.convolutions + 1):
            x = self._convolution(x, f"{name}_{index}", filters, 3, 1)
        return x

    def join(self, x: Any, skip: Any, name: str, filters: int) -> Any:
        up = self._up(x, f"{name}_up", filters)
        both = keras.layers.Concatenate(name=f"{name}_skip", dtype=self._dtype)([skip, up])
        return self.block(both, name, filters)

    def _up(self, x: Any, name: str, filters: int) -> Any:
        fresh = {"kernel_initializer": "he_normal", "name": name, "dtype": self._dtype}
        if self._architecture.upsampling == "transposed":
            return keras.layers.Conv2DTranspose(filters, 2, strides=2, **fresh)(x)
        x = keras.layers.UpSampling2D(2, name=f"{name}_double", dtype=self._dtype)(x)
        return keras.layers.Conv2D(filters, 2, padding="same", activation="relu", **fresh)(x)

    def drop(self, x: Any) -> Any:
        if self._architecture.dropout == 0:
            return x
        return keras.layers.Dropout(self._architecture.dropout, name="bottleneck_drop", dtype=self._dtype)(x)

    def logits(self, x: Any) -> Any:
        stride = self._architecture.stem_stride
        if self._architecture.head_filters:
            x = self._convolution(x, "head", self._architecture.head_filters, 3, 1)
        classes = self._architecture.classes
        bias = keras.initializers.Constant(FIRST_OUTPUT_BIAS) if classes == 1 else first_biases
        x = keras.layers.Conv2D(classes, 1, bias_initializer=bias, name=HEAD, dtype="float32")(x)
        if stride == 1:
            return keras.layers.Activation("linear", name="logits", dtype="float32")(x)
        return _Enlarge(stride, interpolation="bilinear", name="logits", dtype="float32")(x)

    def _convolution(self, x: Any, name: str, filters: int, size: int, stride: int) -> Any:
        normalised = self._architecture.normalisation == "batch"
        x = keras.layers.Conv2D(
            filters,
            size,
            strides=stride,
            padding="same",
            use_bias=not normalised,
            kernel_initializer="he_normal",
            name=f"{name}_conv",
            dtype=self._dtype,
        )(x)
        if normalised:
            x = keras.layers.BatchNormalization(
                momentum=NORM_MOMENTUM, epsilon=NORM_EPSILON, name=f"{name}_norm", dtype=self._dtype
            )(x)
        return keras.layers.ReLU(name=f"{name}_relu", dtype=self._dtype)(x)


def first_biases(shape: tuple[int, ...], dtype: str | None = None) -> Any:
    """As with one structure the background starts far more likely than all structures together: `FIRST_OUTPUT_BIAS`."""
    classes = shape[0]
    return keras.ops.convert_to_tensor([math.log(classes - 1) - FIRST_OUTPUT_BIAS, *[0.0] * (classes - 1)], dtype)


def named_weights(model: keras.Model) -> dict[str, Any]:
    """The network's variables by ``layer/variable``; the names of `Architecture.weight_shapes`."""
    return {
        f"{layer.name}/{variable.name}": variable
        for layer in model.layers
        for variable in layer.variables
        if variable.name != "seed_generator_state"
    }
