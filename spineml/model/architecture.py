"""The parameters that describe a U-Net: plain values, so that a model file can be judged without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

Normalisation = Literal["batch", "none"]
Upsampling = Literal["transposed", "nearest"]
STEM_KERNEL = 5
# Of batch normalisation.
NORM_EPSILON = 1e-3
MAX_BASE_FILTERS, MAX_DEPTH, MAX_CONVOLUTIONS, MAX_CLASSES = 128, 6, 4, 256


@dataclass(frozen=True)
class Architecture:
    """A U-Net of ``depth`` levels whose first level has ``base_filters`` channels, doubled at each level.

    ``stem_stride`` 2 puts one strided convolution before the first level: the network then works at half the
    resolution and its logits are upsampled bilinearly (a quarter of the operations; Dice ceiling about 0.987).
    ``upsampling`` is a transposed convolution, or "nearest": pixels are doubled, then a convolution of 2x2 with ReLU
    follows, as many U-Nets written for Keras 2 do. ``head_filters`` above 0 put one more convolution before the logits.
    ``classes`` is 1 for one structure (one logit, a sigmoid), or the background and K structures (K + 1 logits, a
    softmax, the background first).

    Raises:
        ValueError: a parameter is outside what this version can build.
    """

    base_filters: int = 16
    depth: int = 4
    stem_stride: int = 2
    normalisation: Normalisation = "batch"
    convolutions: int = 2
    dropout: float = 0.0
    upsampling: Upsampling = "transposed"
    head_filters: int = 0
    classes: int = 1

    def __post_init__(self) -> None:
        whole = (self.base_filters, self.depth, self.stem_stride, self.convolutions, self.head_filters, self.classes)
        if any(isinstance(value, bool) or not isinstance(value, int) for value in whole):
            raise ValueError(
                f"filters, depth, stride, convolutions and classes are whole numbers. Received instead: {whole}"
            )
        _check_range("base_filters", self.base_filters, 1, MAX_BASE_FILTERS)
        _check_range("depth", self.depth, 1, MAX_DEPTH)
        _check_range("stem_stride", self.stem_stride, 1, 2)
        _check_range("convolutions", self.convolutions, 1, MAX_CONVOLUTIONS)
        _check_range("head_filters", self.head_filters, 0, MAX_BASE_FILTERS)
        _check_range("classes", self.classes, 1, MAX_CLASSES)
        _check_range("dropout", self.dropout, 0.0, 0.9)
        if self.normalisation not in ("batch", "none"):
            raise ValueError(f"normalisation is 'batch' or 'none'. Received instead: {self.normalisation!r}")
        if self.upsampling not in ("transposed", "nearest"):
            raise ValueError(f"upsampling is 'transposed' or 'nearest'. Received instead: {self.upsampling!r}")

    @classmethod
    def paper(cls) -> Architecture:
        """The original of Kim et al. 2020: 64 filters, four levels, full resolution, no normalisation (31.0 M)."""
        return cls(base_filters=64, depth=4, stem_stride=1, normalisation="none", dropout=0.5)

    @property
    def stride(self) -> int:
        """Height and width of an input must be divisible by this."""
        return self.stem_stride * int(2**self.depth)

    def filters(self, level: int) -> int:
        """Channels of level 1 (finest) to ``depth``; ``depth + 1`` is the bottleneck."""
        return self.base_filters * int(2 ** (level - 1))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Architecture:
        """Raises ValueError or TypeError when the values do not describe a network of this version."""
        return cls(**values)

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Every variable of the network by ``layer/variable``, as `spineml.model.unet.build` makes them."""
        return dict(self._weights())

    def _weights(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        channels = 1
        if self.stem_stride > 1:
            yield from self._convolution("stem", STEM_KERNEL, channels, self.base_filters)
            channels = self.base_filters
        for level in range(1, self.depth + 1):
            yield from self._block(f"encoder_{level}", channels, self.filters(level))
            channels = self.filters(level)
        yield from self._block("bottleneck", channels, self.filters(self.depth + 1))
        for level in range(self.depth, 0, -1):
            width = self.filters(level)
            # A transposed convolution keeps its outputs before its inputs.
            sides = (width, 2 * width) if self.upsampling == "transposed" else (2 * width, width)
            yield f"decoder_{level}_up/kernel", (2, 2, *sides)
            yield f"decoder_{level}_up/bias", (width,)
            yield from self._block(f"decoder_{level}", 2 * width, width)
        channels = self.base_filters
        if self.head_filters:
            yield from self._convolution("head", 3, channels, self.head_filters)
            channels = self.head_filters
        yield "logits_head/kernel", (1, 1, channels, self.classes)
        yield "logits_head/bias", (self.classes,)

    def _block(self, name: str, channels: int, filters: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        for index in range(1, self.convolutions + 1):
            yield from self._convolution(f"{name}_{index}", 3, channels if index == 1 else filters, filters)

    def _convolution(self, name: str, size: int, channels: int, filters: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        yield f"{name}_conv/kernel", (size, size, channels, filters)
        if self.normalisation == "none":
            yield f"{name}_conv/bias", (filters,)
            return
        for variable in ("gamma", "beta", "moving_mean", "moving_variance"):
            yield f"{name}_norm/{variable}", (filters,)


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} must be from {low} to {high}. Received instead: {value}")
