"""How large a mask is: pixels and mm2 per slice, ml in all.

A volume is the number of voxels times the volume of one voxel, with the distance between slice centres (not the
slice thickness) as its height: gaps and overlaps of the acquisition are honoured, as is the slant of a tilted gantry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spineml.volumes.volume import Geometry, SliceSource

MM3_PER_ML = 1000.0


@dataclass(frozen=True)
class MaskSummary:
    """``pixels[z]`` is the number of marked pixels of slice z. Areas and volumes are None without a known spacing."""

    pixels: tuple[int, ...]
    pixel_area_mm2: float | None
    volume_ml: float | None

    @property
    def voxels(self) -> int:
        return sum(self.pixels)

    @property
    def slices_with_mask(self) -> int:
        return sum(1 for count in self.pixels if count)

    def area_mm2(self, z: int) -> float | None:
        """The area marked in slice ``z``."""
        return None if self.pixel_area_mm2 is None else self.pixels[z] * self.pixel_area_mm2

    def as_json(self) -> dict[str, Any]:
        """Plain values, with the derived counts for readers of the JSON."""
        return {
            "voxels": self.voxels,
            "slices_with_mask": self.slices_with_mask,
            "volume_ml": self.volume_ml,
            "pixel_area_mm2": self.pixel_area_mm2,
            "pixels": list(self.pixels),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> MaskSummary:
        return cls(tuple(values["pixels"]), values["pixel_area_mm2"], values["volume_ml"])


def summary(slices: SliceSource | Iterable[npt.NDArray[Any]], geometry: Geometry) -> MaskSummary:
    """Measure a mask in one pass over its slices ``(y, x)``, in z order; any value above 0 counts.

    Raises:
        ValueError: the number of slices is not the geometry's.
    """
    pixels = tuple(int(np.count_nonzero(mask)) for mask in _in_order(slices))
    if len(pixels) != geometry.shape[0]:
        raise ValueError(f"the mask has {len(pixels)} slices, its geometry says {geometry.shape[0]}")
    area = geometry.pixel_area_mm2 if geometry.spacing_known else None
    return MaskSummary(pixels, area, volume_ml(sum(pixels), geometry))


def area_mm2(mask: npt.NDArray[Any], geometry: Geometry) -> float | None:
    """The area of one slice ``(y, x)`` of a mask; None without a known spacing."""
    return int(np.count_nonzero(mask)) * geometry.pixel_area_mm2 if geometry.spacing_known else None


def volume_ml(voxels: int, geometry: Geometry) -> float | None:
    """The volume of so many voxels; None without a known spacing."""
    return voxels * geometry.voxel_volume_mm3 / MM3_PER_ML if geometry.spacing_known else None


def _in_order(slices: SliceSource | Iterable[npt.NDArray[Any]]) -> Iterator[npt.NDArray[Any]]:
    if isinstance(slices, Iterable):
        yield from slices
    else:
        for z in range(len(slices)):
            yield slices.read(z)
