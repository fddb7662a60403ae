"""From probabilities on a slice's own grid to its mask, as a model's spec says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spineml.volumes.volume import LabelArray


@dataclass(frozen=True)
class Postprocess:
    """Threshold, then drop specks and fill pinholes.

    ``threshold`` is a probability. Components (connected by edges) smaller than ``smallest_part_mm2`` go; background
    enclosed by mask and not larger than ``largest_hole_mm2`` is filled: far below the area of a spinal canal.

    Raises:
        ValueError: parameters that cannot work.
    """

    threshold: float = 0.5
    smallest_part_mm2: float = 12.0
    largest_hole_mm2: float = 12.0

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold is a probability between 0 and 1. Received instead: {self.threshold}")
        if not (0 <= self.smallest_part_mm2 < 1e6 and 0 <= self.largest_hole_mm2 < 1e6):
            raise ValueError("areas are mm2, not negative")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Postprocess:
        """Raises ValueError or TypeError when the values are not a postprocessing of this version."""
        return cls(**{name: float(value) for name, value in values.items()})

    def apply(self, probability: npt.NDArray[np.float32], spacing: tuple[float, float] | None) -> LabelArray:
        """The mask, uint8 0 or 1 ``(y, x)``; ``spacing`` is (y, x) mm, or None when unknown (areas are then pixels)."""
        mask = probability > self.threshold
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        labels = np.zeros(mask.shape, np.uint8)
        if len(rows):
            box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            pixel_mm2 = 1.0 if spacing is None else spacing[0] * spacing[1]
            labels[box] = self._tidy(mask[box], pixel_mm2)
        return labels

    def _tidy(self, mask: npt.NDArray[np.bool_], pixel_mm2: float) -> npt.NDArray[np.bool_]:
        from scipy import ndimage  # here, for a web process reads specs and never tidies

        parts, count = ndimage.label(mask)
        areas = np.bincount(parts.ravel(), minlength=count + 1) * pixel_mm2
        areas[0] = 0.0
        tidy: npt.NDArray[np.bool_] = (areas >= max(self.smallest_part_mm2, 1e-9))[parts]
        holes, count = ndimage.label(ndimage.binary_fill_holes(tidy) & ~tidy)
        areas = np.bincount(holes.ravel(), minlength=count + 1) * pixel_mm2
        small = areas <= self.largest_hole_mm2
        small[0] = False
        filled: npt.NDArray[np.bool_] = tidy | small[holes]
        return filled
