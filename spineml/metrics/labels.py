"""How large each label of a label map is and where: one pass over the slices, memory of one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

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

    def as_row(self) -> dict[str, Any]:
        """What is kept with a mask: ``areas`` are the pixels of the slices ``first`` to ``last``, ``ml`` and
        ``centroid`` (LPS mm) None without a known spacing.
        """
        first, last = self.first_slice, self.last_slice
        return {
            "value": self.value,
            "voxels": self.size.voxels,
            "ml": self.size.volume_ml,
            "first": first,
            "last": last,
            "areas": list(self.size.pixels[first : last + 1]),
            "centroid": list(self.centroid_mm) if self.centroid_mm else None,
        }


class LabelTable:
    """What is added up of each value of a label map: its pixels by slice, and the indices (z, y, x) of all of them.

    Slices are put in any order; `take` takes one away again that is replaced.
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        self._pixels = np.zeros((geometry.shape[0], VALUES), np.int64)
        self._indices = np.zeros((3, VALUES))

    @classmethod
    def of(cls, slices: SliceSource, geometry: Geometry) -> Self:
        """The table of a whole map.

        Raises:
            ValueError: the number of slices is not the geometry's.
        """
        if len(slices) != geometry.shape[0]:
            raise ValueError(f"the mask has {len(slices)} slices, its geometry says {geometry.shape[0]}")
        table = cls(geometry)
        for z in range(len(slices)):
            table.put(z, slices.read(z))
        return table

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]], geometry: Geometry) -> Self | None:
        """The table that `rows` came from; None where a place is not known, and the map has to be read again."""
        table = cls(geometry)
        to_index = np.linalg.inv(geometry.affine_lps())
        for row in rows:
            value = row["value"]
            table._pixels[row["first"] : row["last"] + 1, value] = row["areas"]
            if row["centroid"] is not None:
                x, y, z = (to_index @ [*row["centroid"], 1.0])[:3]
                # Sums of whole numbers: rounding takes away what the way to mm and back has added.
                table._indices[:, value] = np.rint(np.array([z, y, x]) * row["voxels"])
            elif geometry.spacing_known:
                return None
        return table

    @property
    def pixels(self) -> list[int]:
        """The marked pixels of each slice, all labels together."""
        return [int(count) for count in self._pixels[:, 1:].sum(1)]

    @property
    def values(self) -> list[int]:
        """The labels that occur, without the background."""
        return [int(value) for value in np.flatnonzero(self._pixels.sum(0))]

    def put(self, z: int, labels: npt.NDArray[np.uint8]) -> None:
        """Add slice ``z``, uint8 ``(y, x)``."""
        self._add(z, labels, 1)

    def take(self, z: int, labels: npt.NDArray[np.uint8]) -> None:
        """Take away what `put` added."""
        self._add(z, labels, -1)

    def summaries(self) -> dict[int, LabelSummary]:
        """Each label that occurs, by its value."""
        return {value: self._summary(value) for value in self.values}

    def rows(self) -> list[dict[str, Any]]:
        """The same as plain values, see `LabelSummary.as_row`; `from_rows` reads them."""
        return [one.as_row() for one in self.summaries().values()]

    def _add(self, z: int, labels: npt.NDArray[np.uint8], sign: int) -> None:
        places = np.flatnonzero(labels)
        if not len(places):
            return
        values = labels.ravel()[places]
        counts = np.bincount(values, minlength=VALUES)
        rows, columns = np.divmod(places, labels.shape[1])
        sums = (z * counts, *(np.bincount(values, each, minlength=VALUES) for each in (rows, columns)))
        self._indices += sign * np.array(sums)
        self._pixels[z] += sign * counts

    def _summary(self, value: int) -> LabelSummary:
        geometry = self._geometry
        pixels = self._pixels[:, value]
        voxels = int(pixels.sum())
        known = geometry.spacing_known
        area = geometry.pixel_area_mm2 if known else None
        size = MaskSummary(tuple(pixels.tolist()), area, volume_ml(voxels, geometry))
        if not known:
            return LabelSummary(value, size, None)
        x, y, z = (geometry.affine_lps() @ [*(self._indices[::-1, value] / voxels), 1.0])[:3]
        return LabelSummary(value, size, (float(x), float(y), float(z)))


def label_summaries(slices: SliceSource, geometry: Geometry) -> dict[int, LabelSummary]:
    """Each label of a uint8 label map, by its value; the background and values that do not occur have none.

    Raises:
        ValueError: the number of slices is not the geometry's.
    """
    return LabelTable.of(slices, geometry).summaries()
