"""How well a predicted mask agrees with a reference: overlap and surface distance, per image and pooled.

Overlap measures count pixels: true positive (tp), false positive (fp), false negative (fn), true negative (tn).

- Dice = 2 tp / (2 tp + fp + fn) (Dice, Ecology 26(3), 1945); IoU = tp / (tp + fp + fn) (Jaccard 1912).
- sensitivity (recall) = tp / (tp + fn), precision = tp / (tp + fp), specificity = tn / (tn + fp).
- F1 = harmonic mean of precision and sensitivity. For two binary masks it *is* the Dice coefficient. Both are given,
  by name, because papers report both: in Kim et al. (Healthc Inform Res 26(1), 2020) they differ, since F1 is taken
  there from the images' average precision and recall (``Comparison.f1_of_means``), and Dice is averaged itself.

"Per image" is one slice; "mean of images" averages them over the images in which either mask marks anything;
"pooled" adds up the counts of all slices first, so that large slices weigh more. See Taha & Hanbury, BMC Medical
Imaging 15:29, 2015, and Maier-Hein et al., Nature Methods 21, 2024, on when each misleads. Surface distances are
defined in ``spineml.metrics.surface_distance``. An undefined value is None, and an empty cell in the CSV.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spineml.csv_text import csv_text
from spineml.metrics.surface_distance import (
    SurfaceCollector,
    SurfaceDistances,
    distances_between,
    outline_points,
    surface_distances,
)
from spineml.volumes.outline import BoolArray
from spineml.volumes.volume import Geometry, SliceSource

__all__ = [
    "NOTHING",
    "Agreement",
    "Comparison",
    "Confusion",
    "ImageAgreement",
    "PatientRates",
    "SurfaceDistances",
    "compare",
    "confusion",
    "mean_of",
    "patient_rates",
    "surface_distances",
]

Unit = Literal["mm", "px"]
COUNTS = ("tp", "fp", "fn", "tn")
RATES = ("dice", "sensitivity", "precision", "specificity", "f1", "iou")
DISTANCES = ("hd95", "mean_surface_distance")
DECIMALS = 6


@dataclass(frozen=True)
class Confusion:
    """Counts of pixels. Two empty masks agree: Dice, F1 and IoU are then 1 by definition; a rate whose denominator
    is 0 is otherwise None."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def dice(self) -> float:
        return 1.0 if self.both_empty else 2 * self.tp / (2 * self.tp + self.fp + self.fn)

    @property
    def sensitivity(self) -> float | None:
        """Also called recall or true positive rate."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def precision(self) -> float | None:
        """Also called positive predictive value."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def specificity(self) -> float | None:
        return _ratio(self.tn, self.tn + self.fp)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and sensitivity; 0 where one of them is undefined or both are 0."""
        return 1.0 if self.both_empty else _harmonic(self.precision, self.sensitivity)

    @property
    def iou(self) -> float:
        return 1.0 if self.both_empty else self.tp / (self.tp + self.fp + self.fn)

    @property
    def both_empty(self) -> bool:
        return self.tp + self.fp + self.fn == 0

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)


NOTHING = Confusion(0, 0, 0, 0)


@dataclass(frozen=True)
class PatientRates:
    """Means over ``patients``, each patient's pixels pooled; ``worst_dice`` is that of the patient with the lowest."""

    patients: int
    dice: float
    worst_dice: float
    precision: float
    sensitivity: float


def patient_rates(pooled: Iterable[Confusion]) -> PatientRates | None:
    """The rates of patients from the pooled counts of each; those without spine are left out, None without any other.

    A patient with spine of which nothing was found counts with a precision of 0.
    """
    found = [one for one in pooled if one.tp + one.fn]
    if not found:
        return None
    rates = [(one.dice, one.precision or 0.0, one.sensitivity or 0.0) for one in found]
    dice, precision, sensitivity = (math.fsum(column) / len(found) for column in zip(*rates, strict=True))
    return PatientRates(len(found), dice, min(one.dice for one in found), precision, sensitivity)


@dataclass(frozen=True)
class Agreement:
    """Counts of pixels and distances of surfaces."""

    confusion: Confusion
    surface: SurfaceDistances


@dataclass(frozen=True)
class ImageAgreement(Agreement):
    """The agreement within one slice, whose index is ``z``."""

    z: int


@dataclass(frozen=True)
class Comparison:
    """The agreement of two masks of one series. ``surface`` is that of the whole volume in 3-D (in the plane when
    there is one slice); ``unit`` is that of all distances: "px" where the series states no spacing."""

    images: tuple[ImageAgreement, ...]
    surface: SurfaceDistances
    unit: Unit

    @property
    def pooled(self) -> Agreement:
        """The counts of all slices together, and the distances of the whole volume."""
        counts = sum((image.confusion for image in self.images), NOTHING)
        return Agreement(counts, self.surface)

    @property
    def means(self) -> dict[str, float | None]:
        """Every measure averaged over the images that mark anything and in which it is defined."""
        rows = [_values(image) for image in self.images if not image.confusion.both_empty]
        return {name: mean_of(row[name] for row in rows) for name in (*RATES, *DISTANCES)}

    @property
    def f1_of_means(self) -> float | None:
        """F1 of the images' mean precision and mean sensitivity, as in Kim et al. 2020."""
        means = self.means
        if means["precision"] is None or means["sensitivity"] is None:
            return None
        return _harmonic(means["precision"], means["sensitivity"])

    def as_json(self) -> dict[str, Any]:
        """Plain values. ``z`` counts from 0; distances are in ``unit``; undefined values are None."""
        return {
            "unit": self.unit,
            "images": [{"z": image.z, **_counts(image), **_values(image)} for image in self.images],
            "mean_of_images": {**self.means, "f1_of_means": self.f1_of_means},
            "pooled": {**_counts(self.pooled), **_values(self.pooled)},
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Comparison:
        """The inverse of ``as_json``; rates and means are computed again from the counts."""
        images = tuple(ImageAgreement(_confusion_of(row), _surface_of(row), row["z"]) for row in values["images"])
        return cls(images, _surface_of(values["pooled"]), values["unit"])

    def to_csv(self) -> str:
        """One row per image (slices count from 1), then the mean of the images and the pooled values."""
        distances = [f"{name}_{self.unit}" for name in DISTANCES]
        rates = ["sensitivity_recall" if name == "sensitivity" else name for name in RATES]
        rows: list[list[int | str]] = [["per image", image.z + 1, *_cells(image)] for image in self.images]
        rows.append(["mean of images", "", *[""] * len(COUNTS), *[_cell(value) for value in self.means.values()]])
        rows.append(["pooled", "", *_cells(self.pooled)])
        return csv_text(["scope", "slice", *COUNTS, *rates, *distances], rows)


def confusion(reference: BoolArray, predicted: BoolArray) -> Confusion:
    """Count the pixels of two boolean masks of the same shape, of any number of axes.

    Raises:
        ValueError: the shapes differ.
    """
    if reference.shape != predicted.shape:
        raise ValueError(f"the masks are {reference.shape} and {predicted.shape}")
    tp = int(np.count_nonzero(reference & predicted))
    fp = int(np.count_nonzero(predicted)) - tp
    fn = int(np.count_nonzero(reference)) - tp
    return Confusion(tp, fp, fn, reference.size - tp - fp - fn)


def compare(
    reference: SliceSource,
    predicted: SliceSource,
    geometry: Geometry,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Compare two masks slice by slice (any value above 0 is spine); ``progress`` gets (slices done, all).

    Three slices of each mask and the indices of their surfaces are in memory, never a volume.

    Raises:
        ValueError: the numbers of slices or the shapes differ.
    """
    depth = geometry.shape[0]
    if not len(reference) == len(predicted) == depth:
        raise ValueError(f"the masks have {len(reference)} and {len(predicted)} slices, the series has {depth}")
    in_plane = np.diag(geometry.spacing[1:])
    surfaces = SurfaceCollector(), SurfaceCollector()
    images = []
    for z in range(depth):
        pair = reference.read(z) > 0, predicted.read(z) > 0
        counts = confusion(*pair)
        outlines = [outline_points(mask) @ in_plane for mask in pair]
        images.append(ImageAgreement(counts, distances_between(outlines[0], outlines[1]), z))
        for collector, mask in zip(surfaces, pair, strict=True):
            collector.push(mask)
        if progress is not None:
            progress(z + 1, depth)
    whole = images[0].surface if depth == 1 else surfaces[0].distances_to(surfaces[1], _index_to_mm(geometry))
    return Comparison(tuple(images), whole, "mm" if geometry.spacing_known else "px")


def _index_to_mm(geometry: Geometry) -> npt.NDArray[np.float64]:
    """(3, 3) from an index row (z, y, x) to mm; keeps the shear of a tilted gantry."""
    matrix: npt.NDArray[np.float64] = geometry.affine_lps()[:3, :3].T[::-1]
    return matrix


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _harmonic(first: float | None, second: float | None) -> float:
    return 2 * first * second / (first + second) if first and second else 0.0


def mean_of(values: Iterable[float | None]) -> float | None:
    """The mean of what is defined, or None."""
    defined = [value for value in values if value is not None]
    return math.fsum(defined) / len(defined) if defined else None


def _counts(agreement: Agreement) -> dict[str, int]:
    return {name: getattr(agreement.confusion, name) for name in COUNTS}


def _values(agreement: Agreement) -> dict[str, float | None]:
    rates: dict[str, float | None] = {name: getattr(agreement.confusion, name) for name in RATES}
    return rates | dict(zip(DISTANCES, (agreement.surface.hd95_mm, agreement.surface.mean_mm), strict=True))


def _confusion_of(row: dict[str, Any]) -> Confusion:
    return Confusion(*(row[name] for name in COUNTS))


def _surface_of(row: dict[str, Any]) -> SurfaceDistances:
    return SurfaceDistances(*(row[name] for name in DISTANCES))


def _cells(agreement: Agreement) -> list[int | str]:
    return [*_counts(agreement).values(), *(_cell(value) for value in _values(agreement).values())]


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.{DECIMALS}g}"
