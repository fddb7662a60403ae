"""How large each label of a label map is and where: one pass over the slices, memory of one of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from spineml.metrics.volume_and_area import MaskSummary, volume_ml
from spineml.volumes.volume import Geometry, SliceSource, Triple

VALUES = 256


@dataclass(frozen=True)
class LabelSummary:
    """One label of a map: its size as of any mask, and its centroid in LPS mm (None without a known spacing)."""

    value: int
    size: MaskSummary
    centroid_mm: Triple | None

    @property
    def first_slice(self) -> int:
        """The lowest slice that has the label, from 0."""
        return next(z for z, count in enumerate(self.size.pixels) if count)

    @property
    def last_slice(self) -> int:
        """The highest slice that has it."""
        return max(z for z, count in enumerate(self.size.pixels) if count)

    def as_json(self) -> dict[str, Any]:
        """Plain values, with the derived ones for readers of the JSON."""
        derived = {"value": self.value, "first_slice": self.first_slice, "last_slice": self.last_slice}
        return derived | self.size.as_json() | {"centroid_mm": self.centroid_mm}


@dataclass
class _Sums:
    """What is added up of each value: voxels by slice, and the indices (z, y, x) of all of them."""

    pixels: list[npt.NDArray[np.int64]] = field(default_factory=list)
    indices: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((3, VALUES)))

    def add(self, labels: npt.NDArray[np.uint8]) -> None:
        z = len(self.pixels)
        flat = labels.ravel()
        places = np.flatnonzero(flat)
        values = flat[places]
        counts = np.bincount(values, minlength=VALUES)
        rows, columns = np.divmod(places, labels.shape[1])
        self.indices += (z * counts, *(np.bincount(values, each, minlength=VALUES) for each in (rows, columns)))
        self.pixels.append(counts)


def label_summaries(slices: SliceSource, geometry: Geometry) -> dict[int, LabelSummary]:
    """Each label of a uint8 label map, by its value; the background and values that do not occur have none.

    Raises:
        ValueError: the number of slices is not the geometry's.
    """
    if len(slices) != geometry.shape[0]:
        raise ValueError(f"the mask has {len(slices)} slices, its geometry says {geometry.shape[0]}")
    sums = _Sums()
    for z in range(len(slices)):
        sums.add(slices.read(z))
    table = np.array(sums.pixels).reshape(-1, VALUES)
    return {int(value): _summary(int(value), table[:, value], sums, geometry) for value in np.flatnonzero(table.sum(0))}


def _summary(value: int, pixels: npt.NDArray[np.int64], sums: _Sums, geometry: Geometry) -> LabelSummary:
    voxels = int(pixels.sum())
    known = geometry.spacing_known
    size = MaskSummary(tuple(pixels.tolist()), geometry.pixel_area_mm2 if known else None, volume_ml(voxels, geometry))
    if not known:
        return LabelSummary(value, size, None)
    x, y, z = (geometry.affine_lps() @ [*(sums.indices[::-1, value] / voxels), 1.0])[:3]
    return LabelSummary(value, size, (float(x), float(y), float(z)))
