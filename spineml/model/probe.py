"""Does a model mark anything at all? The network by NumPy alone, on one slice of a drawn CT: no TensorFlow is needed.

It tells nothing of how good a model is: only that its weights make a difference between pixels, and a mask.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from spineml.model.architecture import NORM_EPSILON, Architecture
from spineml.model.model_file import ModelSpec, Weights
from spineml.phantom import spine_phantom

Values = npt.NDArray[np.float32]
# Pixels of the square that the network sees: the largest that a large network gets through in a few seconds.
SIDES = (192, 128, 64)
MOST_MULTIPLICATIONS = 15e9
SPACING_MM = 0.8
# Logits closer to each other than this are the same.
SAME = 1e-6


class Flaw(StrEnum):
    """Why a model cannot be used; it is stored, so values stay."""

    NONE = ""
    NOT_FINITE = "not-finite"
    CONSTANT = "constant"
    EMPTY = "empty"


def probe(spec: ModelSpec, weights: Weights) -> Flaw:
    """What is wrong with the answer to the drawn CT: nothing, numbers that are none, the same answer for every pixel,
    or a mask without a pixel after the spec's own postprocessing.
    """
    hu = _slice()
    canvas, placement = spec.preprocess.prepare(hu, (SPACING_MM, SPACING_MM))
    region = _middle(canvas.shape, _side(spec.architecture))
    logits = logits_of(spec.architecture, weights, canvas[region])
    if not np.isfinite(logits).all():
        return Flaw.NOT_FINITE
    if float(np.ptp(logits)) < SAME:
        return Flaw.CONSTANT
    probabilities = np.zeros(canvas.shape, np.float32)
    probabilities[region] = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
    mask = spec.postprocess.apply(spec.preprocess.restore(probabilities, placement), (SPACING_MM, SPACING_MM))
    return Flaw.NONE if mask.any() else Flaw.EMPTY


@cache
def _slice() -> npt.NDArray[np.int16]:
    """The slice of the drawn CT with the most bone, int16 HU ``(192, 192)``."""
    volume, mask = spine_phantom((8, 192, 192), spacing=(4.0, SPACING_MM, SPACING_MM))
    hu: npt.NDArray[np.int16] = volume.hu[int(mask.labels.sum(axis=(1, 2)).argmax())]
    return hu


def _middle(shape: tuple[int, ...], side: int) -> tuple[slice, slice]:
    """A square of ``side`` in the middle of a canvas, or all of a smaller one."""
    starts = [max(0, (size - side) // 2) for size in shape]
    return slice(starts[0], starts[0] + side), slice(starts[1], starts[1] + side)


def _side(architecture: Architecture) -> int:
    return next((side for side in SIDES if _cost(architecture, side) <= MOST_MULTIPLICATIONS), SIDES[-1])


def _cost(architecture: Architecture, side: int) -> float:
    """Multiplications, as if every kernel ran at the resolution of its level."""
    total = 0.0
    for name, shape in architecture.weight_shapes().items():
        if name.endswith("kernel"):
            level = _level(name, architecture.depth)
            total += float(np.prod(shape)) * (side / architecture.stem_stride / 2 ** (level - 1)) ** 2
    return total


def _level(name: str, depth: int) -> int:
    block = name.split("_")
    if block[0] == "bottleneck":
        return depth + 1
    return int(block[1]) if block[0] in ("encoder", "decoder") else 1


# --- the network ------------------------------------------------------------------------------------------------------
def logits_of(architecture: Architecture, weights: Weights, canvas: Values) -> Values:
    """The network's logits for a canvas 0..1 ``(H, W)``, of the same shape; the answer of `unet.build`.

    Of a network with several classes they are those of any structure: ``log sum exp`` of all, less the background's.
    """
    height, width = canvas.shape
    stride = architecture.stride
    padded = np.pad(canvas, ((0, -height % stride), (0, -width % stride)))
    with np.errstate(all="ignore"):  # what is not finite is found by whoever asks
        logits = _Network(architecture, weights).run(padded.astype(np.float32)[:, :, None])
    return logits[:height, :width]


class _Network:
    """One pass; arrays are float32 ``(y, x, channels)``."""

    def __init__(self, architecture: Architecture, weights: Weights) -> None:
        self._architecture, self._weights = architecture, weights

    def run(self, x: Values) -> Values:
        shape = self._architecture
        if shape.stem_stride > 1:
            x = self._convolution(x, "stem", shape.stem_stride)
        skips = []
        for level in range(1, shape.depth + 1):
            x = self._block(x, f"encoder_{level}")
            skips.append(x)
            x = _pooled(x)
        x = self._block(x, "bottleneck")
        for level in range(shape.depth, 0, -1):
            x = np.concatenate([skips[level - 1], self._up(x, f"decoder_{level}_up")], axis=2)
            x = self._block(x, f"decoder_{level}")
        if shape.head_filters:
            x = self._convolution(x, "head", 1)
        logits = _convolved(x, self._weights["logits_head/kernel"], 1) + self._weights["logits_head/bias"]
        return _enlarged(_of_any(logits), shape.stem_stride)

    def _block(self, x: Values, name: str) -> Values:
        for index in range(1, self._architecture.convolutions + 1):
            x = self._convolution(x, f"{name}_{index}", 1)
        return x

    def _convolution(self, x: Values, name: str, stride: int) -> Values:
        x = _convolved(x, self._weights[f"{name}_conv/kernel"], stride)
        if self._architecture.normalisation == "none":
            return _relu(x + self._weights[f"{name}_conv/bias"])
        gamma, beta, mean, variance = (
            self._weights[f"{name}_norm/{one}"] for one in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return _relu((x - mean) * (gamma / np.sqrt(variance + NORM_EPSILON)) + beta)

    def _up(self, x: Values, name: str) -> Values:
        kernel, bias = self._weights[f"{name}/kernel"], self._weights[f"{name}/bias"]
        if self._architecture.upsampling == "nearest":
            doubled = x.repeat(2, axis=0).repeat(2, axis=1)
            return _relu(_convolved(doubled, kernel, 1) + bias)
        height, width, _ = x.shape
        found = np.empty((2 * height, 2 * width, kernel.shape[2]), np.float32)
        for row in range(2):
            for column in range(2):
                found[row::2, column::2] = x @ kernel[row, column].T
        return found + bias


def _of_any(logits: Values) -> Values:
    """``(y, x)`` from ``(y, x, classes)``."""
    if logits.shape[2] == 1:
        return logits[:, :, 0]
    highest = logits[:, :, 1:].max(axis=2)
    summed = np.exp(logits[:, :, 1:] - highest[:, :, None]).sum(axis=2)
    found: Values = highest + np.log(summed) - logits[:, :, 0]
    return found


def _convolved(x: Values, kernel: Values, stride: int) -> Values:
    """Padded as Keras' "same": more behind than before where it is uneven."""
    size = kernel.shape[0]
    height, width, channels = x.shape
    out = (-(-height // stride), -(-width // stride))
    over = [max((count - 1) * stride + size - length, 0) for count, length in zip(out, (height, width), strict=True)]
    padded = np.pad(x, [*((all_of // 2, all_of - all_of // 2) for all_of in over), (0, 0)])
    found = np.zeros((*out, kernel.shape[3]), np.float32)
    for row in range(size):
        for column in range(size):
            part = padded[row : row + stride * out[0] : stride, column : column + stride * out[1] : stride]
            found += (part[: out[0], : out[1]].reshape(-1, channels) @ kernel[row, column]).reshape(found.shape)
    return found


def _relu(x: Values) -> Values:
    return np.maximum(x, np.float32(0))


def _pooled(x: Values) -> Values:
    height, width, channels = x.shape
    found: Values = x.reshape(height // 2, 2, width // 2, 2, channels).max(axis=(1, 3))
    return found


def _enlarged(values: Values, times: int) -> Values:
    if times == 1:
        return values
    height, width = values.shape
    return np.asarray(Image.fromarray(values).resize((width * times, height * times), Image.Resampling.BILINEAR))
