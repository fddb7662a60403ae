"""How well two label maps agree, label by label: counts of pixels and surface distances of the whole volume.

Measures are those of ``spineml.metrics.confusion`` and ``spineml.metrics.surface_distance``, each label against
everything else. A label that neither map has is not counted: all its values are None, and it is in no mean. A label
that one map lacks has Dice, IoU and F1 0 and no distances. A *mean of the labels* (macro mean) gives every label that
counts the same weight, however small it is (Maier-Hein et al., Nature Methods 21, 2024).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spineml.metrics.confusion import COUNTS, NOTHING, RATES, Confusion, mean_of
from spineml.metrics.surface_distance import (
    DISTANCES,
    LABEL_VALUES,
    SurfaceCollector,
    SurfaceDistances,
    summarised,
)

LABEL_MEASURES = (*RATES, *DISTANCES)
LabelMap = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class LabelAgreement:
    """One label: the counts of all slices together, and the distances of its surfaces in the whole volume."""

    value: int
    confusion: Confusion
    surface: SurfaceDistances

    @property
    def counts(self) -> bool:
        """Whether either map has the label; without it, it has no values."""
        return not self.confusion.both_empty

    @property
    def dice(self) -> float | None:
        return self.confusion.dice if self.counts else None

    def values(self) -> dict[str, float | None]:
        """Every measure of `LABEL_MEASURES`; None where it is not defined."""
        if not self.counts:
            return dict.fromkeys(LABEL_MEASURES)
        rates: dict[str, float | None] = {name: getattr(self.confusion, name) for name in RATES}
        return rates | dict(zip(DISTANCES, (self.surface.hd95_mm, self.surface.mean_mm), strict=True))

    def as_json(self) -> dict[str, Any]:
        """Plain values; `from_json` reads them."""
        return {"value": self.value} | {name: getattr(self.confusion, name) for name in COUNTS} | self.values()

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> LabelAgreement:
        counts = Confusion(*(row[name] for name in COUNTS))
        return cls(row["value"], counts, SurfaceDistances(*(row[name] for name in DISTANCES)))


class LabelCollector:
    """Takes the slices of two label maps from below to above; holds three slices of each and their surfaces.

    ``values`` are the labels of the task; other values are background here.
    """

    def __init__(self, values: Sequence[int], depth: int) -> None:
        self._values = tuple(values)
        self._surfaces = tuple(SurfaceCollector(flat=depth == 1) for _ in range(2))
        self._pixels = 0
        # Pixels of each value in both maps at once, in the reference, in the prediction.
        self._counts = np.zeros((3, LABEL_VALUES), np.int64)

    def push(self, reference: LabelMap, predicted: LabelMap) -> None:
        """Add the next slice ``(y, x)`` of both."""
        both = reference[(reference == predicted) & (reference > 0)]
        maps = (both, reference, predicted)
        self._counts += np.array([np.bincount(labels[labels > 0], minlength=LABEL_VALUES) for labels in maps])
        self._pixels += reference.size
        for surface, labels in zip(self._surfaces, (reference, predicted), strict=True):
            surface.push(labels)

    def finish(self, scale: npt.NDArray[np.float64]) -> tuple[LabelAgreement, ...]:
        """The labels in the order of ``values``; ``scale`` (3, 3) takes an index row (z, y, x) to mm. Call once."""
        directed = self._surfaces[0].directed_by_label(self._surfaces[1], scale, self._values)
        return tuple(
            LabelAgreement(value, self._confusion(value), summarised(directed[value])) for value in self._values
        )

    def _confusion(self, value: int) -> Confusion:
        tp, marked, found = (int(count) for count in self._counts[:, value])
        return Confusion(tp, found - tp, marked - tp, self._pixels - marked - found + tp)


def mean_of_labels(labels: Iterable[LabelAgreement]) -> dict[str, float | None]:
    """Every measure averaged over the labels that count and for which it is defined."""
    rows = [one.values() for one in labels]
    return {name: mean_of(row[name] for row in rows) for name in LABEL_MEASURES}


def pooled_labels(series: Iterable[Sequence[LabelAgreement]]) -> tuple[LabelAgreement, ...]:
    """The labels of several series as one: counts added, distances as the mean of the series."""
    found: dict[int, list[LabelAgreement]] = {}
    for labels in series:
        for one in labels:
            found.setdefault(one.value, []).append(one)
    return tuple(_pooled(value, rows) for value, rows in found.items())


def _pooled(value: int, rows: Sequence[LabelAgreement]) -> LabelAgreement:
    counts = sum((one.confusion for one in rows), NOTHING)
    hd95, mean = mean_of(one.surface.hd95_mm for one in rows), mean_of(one.surface.mean_mm for one in rows)
    return LabelAgreement(value, counts, SurfaceDistances(hd95, mean))
