"""From Hounsfield units to the network's input and back, exactly as a model's spec says.

The paper's preprocessing: 12-bit CT is windowed to 8 bit and normalised to 0..1. Before it, a slice whose pixels
are much finer or coarser than those the network learned on is resampled; after it, it is centred on a canvas of air.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

FloatArray = npt.NDArray[np.float32]
# Below this change of size resampling would blur without helping the network.
SMALLEST_RESAMPLING = 0.02
MAX_CANVAS = 4096


@dataclass(frozen=True)
class Placement:
    """Where a slice lies on its canvas: shapes are ``(y, x)`` pixels, ``offset`` is its first row and column."""

    original: tuple[int, int]
    scaled: tuple[int, int]
    offset: tuple[int, int]
    canvas: tuple[int, int]


@dataclass(frozen=True)
class Preprocess:
    """The steps and their parameters.

    ``window_centre`` and ``window_width`` are HU; values outside are clipped. In-plane spacing is brought to one
    isotropic value within ``spacing_mm`` (lowest, highest), and further up only where the slice would not fit the
    largest canvas. ``canvases`` are the square sizes in pixels, the smallest that fits is used: few sizes, so that
    compiled graphs stay warm.

    Raises:
        ValueError: parameters that cannot work.
    """

    window_centre: float = 450.0
    window_width: float = 1500.0
    spacing_mm: tuple[float, float] = (0.6, 1.0)
    canvases: tuple[int, ...] = (256, 384, 512)

    def __post_init__(self) -> None:
        if not 1 <= self.window_width <= 65536 or not -32768 <= self.window_centre <= 32767:
            raise ValueError(f"not a window in HU: centre {self.window_centre}, width {self.window_width}")
        if not 0.01 <= self.spacing_mm[0] <= self.spacing_mm[1] <= 100:
            raise ValueError(f"spacing_mm is (lowest, highest). Received instead: {self.spacing_mm}")
        sizes = self.canvases
        if not sizes or list(sizes) != sorted(sizes) or not all(0 < s <= MAX_CANVAS and s % 32 == 0 for s in sizes):
            raise ValueError(f"canvases are ascending multiples of 32 up to {MAX_CANVAS}. Received instead: {sizes}")

    def as_json(self) -> dict[str, Any]:
        values = asdict(self)
        return {**values, "spacing_mm": list(self.spacing_mm), "canvases": list(self.canvases)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Preprocess:
        """Raises ValueError, TypeError or KeyError when the values are not a preprocessing of this version."""
        low, high = values["spacing_mm"]
        canvases = tuple(int(size) for size in values["canvases"])
        return cls(**{**values, "spacing_mm": (float(low), float(high)), "canvases": canvases})

    def place(self, shape: tuple[int, int], spacing: tuple[float, float] | None) -> Placement:
        """Choose size and canvas for a slice of ``shape``; ``spacing`` is (y, x) mm, or None when unknown."""
        scaled = self._scaled_shape(shape, spacing)
        side = next(size for size in self.canvases if size >= max(scaled) or size == self.canvases[-1])
        offset = ((side - scaled[0]) // 2, (side - scaled[1]) // 2)
        return Placement(shape, scaled, offset, (side, side))

    def _scaled_shape(self, shape: tuple[int, int], spacing: tuple[float, float] | None) -> tuple[int, int]:
        largest = self.canvases[-1]
        extents = (
            (shape[0] * 1.0, shape[1] * 1.0) if spacing is None else (shape[0] * spacing[0], shape[1] * spacing[1])
        )
        target = 1.0
        if spacing is not None:
            target = float(np.clip(np.sqrt(spacing[0] * spacing[1]), *self.spacing_mm))
        target = max(target, max(extents) / largest)
        sizes = tuple(extent / target for extent in extents)
        if all(abs(size / pixels - 1) < SMALLEST_RESAMPLING for size, pixels in zip(sizes, shape, strict=True)):
            sizes = (float(shape[0]), float(shape[1])) if max(shape) <= largest else sizes
        return (min(largest, max(1, round(sizes[0]))), min(largest, max(1, round(sizes[1]))))

    def prepare(self, hu: npt.NDArray[np.int16], spacing: tuple[float, float] | None) -> tuple[FloatArray, Placement]:
        """Turn one slice into a canvas.

        Args:
            hu: int16 Hounsfield units ``(y, x)``.
            spacing: mm ``(y, x)``, or None when unknown: pixels are then kept unless they exceed the canvas.

        Returns:
            float32 ``(H, W)`` in 0..1, and the placement that `restore` needs.
        """
        placement = self.place((hu.shape[0], hu.shape[1]), spacing)
        grey = _grey_table(self.window_centre, self.window_width)[hu.view(np.uint16)]
        if placement.scaled != placement.original:
            picture = Image.fromarray(grey).resize(placement.scaled[::-1], Image.Resampling.BILINEAR)
            grey = np.asarray(picture)
        canvas = np.zeros(placement.canvas, np.float32)
        rows, columns = _region(placement)
        np.multiply(grey, np.float32(1 / 255), out=canvas[rows, columns], casting="unsafe")
        return canvas, placement

    def restore(self, canvas: npt.NDArray[Any], placement: Placement) -> FloatArray:
        """Bring the network's answer for a canvas back onto the slice's own grid: float32 ``(y, x)``.

        Without resampling this is the exact inverse of the placement; otherwise values are interpolated linearly.
        """
        rows, columns = _region(placement)
        values = np.ascontiguousarray(canvas[rows, columns], np.float32)
        if placement.scaled == placement.original:
            return values
        picture = Image.fromarray(values).resize(placement.original[::-1], Image.Resampling.BILINEAR)
        return np.array(picture)

    def restore_labels(self, canvas: npt.NDArray[np.uint8], placement: Placement) -> npt.NDArray[np.uint8]:
        """The same for numbers that are no quantities: uint8 ``(y, x)``, each from the nearest pixel."""
        rows, columns = _region(placement)
        labels = np.ascontiguousarray(canvas[rows, columns])
        if placement.scaled == placement.original:
            return labels
        return np.array(Image.fromarray(labels).resize(placement.original[::-1], Image.Resampling.NEAREST))


def _region(placement: Placement) -> tuple[slice, slice]:
    (top, left), (height, width) = placement.offset, placement.scaled
    return slice(top, top + height), slice(left, left + width)


@lru_cache(maxsize=16)
def _grey_table(centre: float, width: float) -> npt.NDArray[np.uint8]:
    """The 8-bit grey of every int16 value, indexed by its bits as uint16: one look-up per pixel."""
    hu = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.float32)
    scaled = (hu - (centre - width / 2)) * (255 / width)
    table: npt.NDArray[np.uint8] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return table
