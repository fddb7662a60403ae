"""What a version made of labelled series: one row for each image, series and patient, collected slice by slice.

Memory is that of a few slices and of the surfaces of one series, however large the data set is. The measures are those
of `spineml.metrics.overlap` and `spineml.metrics.surface_distance`; how they are averaged is
`spineml.metrics.summary`'s business.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spineml.metrics.confusion import COUNTS, NOTHING, RATES, Confusion, confusion, mean_of
from spineml.metrics.label_agreement import LabelAgreement, LabelCollector, pooled_labels
from spineml.metrics.surface_distance import (
    DISTANCES,
    Directed,
    SurfaceCollector,
    SurfaceDistances,
    directed_between,
    outline_points,
    summarised,
)
from spineml.metrics.volume_and_area import MM3_PER_ML
from spineml.volumes.outline import BoolArray
from spineml.volumes.volume import Geometry

# Sizes of a mask, each as a difference (predicted - reference) and in a Bland-Altman plot.
QUANTITIES = ("area_px", "area_mm2", "volume_ml")
DIFFERENCES = tuple(f"{name}_difference" for name in QUANTITIES)
MEASURES = (*RATES, *DISTANCES, *DIFFERENCES)
# Thresholds of the precision-recall curve: 0.00, 0.01, ..., 1.00.
STEPS = 100
# Pooled surface distances are counted in bins of this width, so that they need no memory of their own.
BIN_MM = 0.05

CountArray = npt.NDArray[np.int64]
Unit = Literal["mm", "px"]
Sizes = dict[str, tuple[float, float] | None]


@dataclass(frozen=True)
class Identity:
    """Which series: ``key`` of the data set's entry, a ``patient`` key without a name, the named groups it is in.

    ``seen``: the version, or one that it descends from, was trained on these images or on this patient.
    """

    key: str
    patient: str
    groups: Mapping[str, str] = field(default_factory=dict)
    seen: bool = False


@dataclass(frozen=True)
class ImageRow:
    """One slice. ``surface`` is in the plane; ``level`` is 0 at the lowest slice of its series and 1 at the highest."""

    z: int
    confusion: Confusion
    surface: SurfaceDistances
    level: float

    @property
    def is_marked(self) -> bool:
        """True when either mask marks anything; means of images are taken over these."""
        return not self.confusion.both_empty

    def as_json(self) -> dict[str, Any]:
        counts = {name: getattr(self.confusion, name) for name in COUNTS}
        distances = zip(DISTANCES, (self.surface.hd95_mm, self.surface.mean_mm), strict=True)
        return {
            "z": self.z,
            **counts,
            **{name: _short(value) for name, value in distances},
            "level": _short(self.level),
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> ImageRow:
        counts = Confusion(*(row[name] for name in COUNTS))
        return cls(row["z"], counts, SurfaceDistances(*(row[name] for name in DISTANCES)), row["level"])


@dataclass(frozen=True)
class SurfacePool:
    """Surface distances as counts: ``forth[i]`` of the reference's elements are about ``i * BIN_MM`` from the other."""

    forth: CountArray
    back: CountArray
    total: float
    elements: int

    @classmethod
    def of(cls, directed: Directed) -> SurfacePool:
        forth, back = (np.bincount(np.rint(one / BIN_MM).astype(np.intp)) for one in directed)
        return cls(forth, back, float(sum(one.sum() for one in directed)), sum(len(one) for one in directed))


@dataclass(frozen=True)
class Probabilities:
    """How many pixels of spine and of everything else had a probability of ``i / STEPS`` or a little more."""

    spine: CountArray
    other: CountArray

    def __add__(self, more: Probabilities) -> Probabilities:
        return Probabilities(self.spine + more.spine, self.other + more.other)

    @classmethod
    def none(cls) -> Probabilities:
        return cls(np.zeros(STEPS + 1, np.int64), np.zeros(STEPS + 1, np.int64))

    @classmethod
    def of(cls, probability: npt.NDArray[np.float32], reference: BoolArray) -> Probabilities:
        """Count one slice; both arrays are ``(y, x)``."""
        # Single precision puts 0.29 * 100 just below 29; a thousandth of a step puts it back.
        level = np.clip(probability * STEPS + 1e-3, 0, STEPS).astype(np.int16)
        level += reference * np.int16(STEPS + 1)
        counts = np.bincount(level.ravel(), minlength=2 * (STEPS + 1))
        return cls(counts[STEPS + 1 :], counts[: STEPS + 1])


@dataclass(frozen=True)
class SeriesRow:
    """One series. ``surface`` is that of the whole volume in 3-D (in the plane when there is one slice).

    ``pixel_area_mm2`` and ``voxel_ml`` are None, and distances in pixels, where the series states no spacing.
    ``labels`` are those of a task that has several; everything else is of any label against any.
    """

    identity: Identity
    images: tuple[ImageRow, ...]
    surface: SurfaceDistances
    pixel_area_mm2: float | None
    voxel_ml: float | None
    probabilities: Probabilities | None = None
    pool: SurfacePool | None = None
    labels: tuple[LabelAgreement, ...] = ()

    @property
    def unit(self) -> Unit:
        return "px" if self.pixel_area_mm2 is None else "mm"

    @property
    def confusion(self) -> Confusion:
        """Pooled over the slices."""
        return sum((image.confusion for image in self.images), NOTHING)

    @property
    def marked(self) -> list[ImageRow]:
        return [image for image in self.images if image.is_marked]

    def image_sizes(self, image: ImageRow) -> Sizes:
        """(reference, predicted) of each quantity in one slice."""
        counts = image.confusion
        pixels = (counts.tp + counts.fn, counts.tp + counts.fp)
        return {
            "area_px": (float(pixels[0]), float(pixels[1])),
            "area_mm2": _scaled(pixels, self.pixel_area_mm2),
            "volume_ml": _scaled(pixels, self.voxel_ml),
        }

    def image_values(self, image: ImageRow) -> dict[str, float | None]:
        """Every measure of one slice."""
        return measures_of(image.confusion, image.surface, self.image_sizes(image))

    def figures_json(self) -> dict[str, Any]:
        """The series without its images: counts, distances, curve. `from_json` reads it back."""
        curve = self.probabilities
        counts = self.confusion
        return {
            **{name: getattr(counts, name) for name in COUNTS},
            "dice": counts.dice,
            "hd95": self.surface.hd95_mm,
            "mean_surface_distance": self.surface.mean_mm,
            "unit": self.unit,
            "pixel_area_mm2": self.pixel_area_mm2,
            "voxel_ml": self.voxel_ml,
            "probabilities": [curve.spine.tolist(), curve.other.tolist()] if curve else None,
            **({"labels": [one.as_json() for one in self.labels]} if self.labels else {}),
        }

    def images_json(self) -> list[dict[str, Any]]:
        return [image.as_json() for image in self.images]

    @classmethod
    def from_json(
        cls, identity: Identity, figures: Mapping[str, Any], images: Iterable[Mapping[str, Any]]
    ) -> SeriesRow:
        """What was stored; the pooled distances of surfaces are not."""
        curve = figures["probabilities"]
        return cls(
            identity,
            tuple(ImageRow.from_json(image) for image in images),
            SurfaceDistances(figures["hd95"], figures["mean_surface_distance"]),
            figures["pixel_area_mm2"],
            figures["voxel_ml"],
            Probabilities(np.array(curve[0], np.int64), np.array(curve[1], np.int64)) if curve else None,
            labels=tuple(LabelAgreement.from_json(row) for row in figures.get("labels", ())),
        )


class SeriesCollector:
    """Takes the slices of one series from below to above and ends in its row; holds three slices of each mask.

    ``values`` are the labels of a task that has several.
    """

    def __init__(self, identity: Identity, geometry: Geometry, values: Sequence[int] = ()) -> None:
        self._identity, self._geometry = identity, geometry
        self._in_plane = np.diag(geometry.spacing[1:])
        self._surfaces = SurfaceCollector(), SurfaceCollector()
        self._labels = LabelCollector(values, geometry.shape[0]) if values else None
        self._images: list[ImageRow] = []
        self._probabilities: Probabilities | None = None
        self._last: Directed | None = None

    def push(
        self,
        reference: npt.NDArray[Any],
        predicted: npt.NDArray[Any],
        probability: npt.NDArray[np.float32] | None = None,
    ) -> None:
        """Add the next slice, all ``(y, x)``; in the masks any value above 0 is marked.

        Raises:
            ValueError: the shapes differ, or there are more slices than the geometry says.
        """
        z, depth = len(self._images), self._geometry.shape[0]
        if z == depth:
            raise ValueError(f"the series has {depth} slices, and one more was given")
        truth, guess = reference > 0, predicted > 0
        counts = confusion(truth, guess)
        outlines = [outline_points(mask) for mask in (truth, guess)]
        self._last = directed_between(outlines[0], outlines[1], self._in_plane)
        level = z / (depth - 1) if depth > 1 else 0.5
        self._images.append(ImageRow(z, counts, summarised(self._last), level))
        self._surfaces[0].push(truth)
        self._surfaces[1].push(guess)
        if self._labels is not None:
            self._labels.push(reference, predicted)
        if probability is not None:
            self._probabilities = (self._probabilities or Probabilities.none()) + Probabilities.of(probability, truth)

    def finish(self) -> SeriesRow:
        """The row. Call once, after the last slice.

        Raises:
            ValueError: slices are missing.
        """
        geometry = self._geometry
        if len(self._images) != geometry.shape[0]:
            raise ValueError(f"the series has {geometry.shape[0]} slices, {len(self._images)} were given")
        directed = self._last
        index_to_mm = geometry.affine_lps()[:3, :3].T[::-1]
        if geometry.shape[0] > 1:
            directed = self._surfaces[0].directed_to(self._surfaces[1], index_to_mm)
        known = geometry.spacing_known
        return SeriesRow(
            self._identity,
            tuple(self._images),
            summarised(directed),
            geometry.pixel_area_mm2 if known else None,
            geometry.voxel_volume_mm3 / MM3_PER_ML if known else None,
            self._probabilities,
            SurfacePool.of(directed) if directed is not None else None,
            self._labels.finish(index_to_mm) if self._labels is not None else (),
        )


@dataclass(frozen=True)
class PatientRow:
    """One patient: the counts of all series pooled, distances as the mean of the series (mostly there is one).

    Areas are the mean over the images that either mask marks, the volume is that of all series together.
    """

    patient: str
    series: tuple[SeriesRow, ...]

    @property
    def confusion(self) -> Confusion:
        return sum((one.confusion for one in self.series), NOTHING)

    @property
    def seen(self) -> bool:
        return any(one.identity.seen for one in self.series)

    @property
    def surface(self) -> SurfaceDistances:
        surfaces = [one.surface for one in self.series]
        return SurfaceDistances(mean_of(one.hd95_mm for one in surfaces), mean_of(one.mean_mm for one in surfaces))

    def sizes(self) -> Sizes:
        """(reference, predicted) of each quantity."""
        rows = [one.image_sizes(image) for one in self.series for image in one.marked]
        found: Sizes = {}
        for name in QUANTITIES:
            pairs = [row[name] for row in rows]
            known = [pair for pair in pairs if pair is not None]
            if not known or len(known) < len(pairs):
                found[name] = None
                continue
            share = 1 if name == "volume_ml" else len(known)
            found[name] = (sum(pair[0] for pair in known) / share, sum(pair[1] for pair in known) / share)
        return found

    @property
    def labels(self) -> tuple[LabelAgreement, ...]:
        """Each label pooled over the patient's series; distances as the mean of the series."""
        return pooled_labels(one.labels for one in self.series)

    def values(self) -> dict[str, float | None]:
        """Every measure of the patient."""
        return measures_of(self.confusion, self.surface, self.sizes())


def patients_of(rows: Sequence[SeriesRow]) -> list[PatientRow]:
    """The patients of ``rows``, in order of their keys."""
    groups: dict[str, list[SeriesRow]] = defaultdict(list)
    for row in rows:
        groups[row.identity.patient].append(row)
    return [PatientRow(patient, tuple(groups[patient])) for patient in sorted(groups)]


def measures_of(counts: Confusion, surface: SurfaceDistances, sizes: Sizes) -> dict[str, float | None]:
    """All of `MEASURES` from counts, distances and (reference, predicted) sizes."""
    values: dict[str, float | None] = {name: getattr(counts, name) for name in RATES}
    values |= dict(zip(DISTANCES, (surface.hd95_mm, surface.mean_mm), strict=True))
    for name, pair in sizes.items():
        values[f"{name}_difference"] = None if pair is None else pair[1] - pair[0]
    return values


def _scaled(pixels: tuple[int, int], unit: float | None) -> tuple[float, float] | None:
    return None if unit is None else (pixels[0] * unit, pixels[1] * unit)


def _short(value: float | None) -> float | None:
    """A row for each slice is stored: six digits are plenty."""
    return None if value is None else float(f"{value:.6g}")
