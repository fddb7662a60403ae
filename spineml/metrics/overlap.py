"""How well a predicted mask agrees with a reference: overlap and surface distance, per image and pooled.

Overlap measures count pixels (``spineml.metrics.confusion``), surface distances are defined in
``spineml.metrics.surface_distance``.

"Per image" is one slice; "mean of images" averages them over the images in which either mask marks anything;
"pooled" adds up the counts of all slices first, so that large slices weigh more. See Taha & Hanbury, BMC Medical
Imaging 15:29, 2015, and Maier-Hein et al., Nature Methods 21, 2024, on when each misleads. An undefined value is None,
and an empty cell in the CSV. Label maps are compared as a whole (any label against any) and label by label
(``spineml.metrics.label_agreement``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from spineml.csv_text import csv_text
from spineml.metrics.confusion import (
    COUNTS,
    NOTHING,
    RATES,
    Confusion,
    confusion,
    harmonic,
    mean_of,
)
from spineml.metrics.label_agreement import LabelAgreement, LabelCollector, mean_of_labels
from spineml.metrics.surface_distance import (
    DISTANCES,
    SurfaceCollector,
    SurfaceDistances,
    distances_between,
    outline_points,
)
from spineml.volumes.volume import Geometry, SliceSource

Unit = Literal["mm", "px"]
DECIMALS = 6


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
    there is one slice); ``unit`` is that of all distances: "px" where the series states no spacing. All of it is of
    any label against any; ``labels`` has each label of a task with several, and is empty for one."""

    images: tuple[ImageAgreement, ...]
    surface: SurfaceDistances
    unit: Unit
    labels: tuple[LabelAgreement, ...] = ()

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
        return harmonic(means["precision"], means["sensitivity"])

    def as_json(self) -> dict[str, Any]:
        """Plain values. ``z`` counts from 0; distances are in ``unit``; undefined values are None.

        Without labels there are no entries of labels either.
        """
        by_label = {
            "labels": [one.as_json() for one in self.labels],
            "mean_of_labels": mean_of_labels(self.labels),
        }
        return {
            "unit": self.unit,
            "images": [{"z": image.z, **_counts(image), **_values(image)} for image in self.images],
            "mean_of_images": {**self.means, "f1_of_means": self.f1_of_means},
            "pooled": {**_counts(self.pooled), **_values(self.pooled)},
            **(by_label if self.labels else {}),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Comparison:
        """The inverse of ``as_json``; rates and means are computed again from the counts."""
        images = tuple(ImageAgreement(_confusion_of(row), _surface_of(row), row["z"]) for row in values["images"])
        labels = tuple(LabelAgreement.from_json(row) for row in values.get("labels", ()))
        return cls(images, _surface_of(values["pooled"]), values["unit"], labels)

    def to_csv(self, names: Mapping[int, str] | None = None) -> str:
        """One row per image (slices count from 1), then the mean of the images and the pooled values.

        Labels follow, each pooled, called as ``names`` say (by value), and their mean.
        """
        distances = [f"{name}_{self.unit}" for name in DISTANCES]
        rates = ["sensitivity_recall" if name == "sensitivity" else name for name in RATES]
        rows: list[list[int | str]] = [["per image", image.z + 1, *_cells(image)] for image in self.images]
        rows.append(["mean of images", "", *[""] * len(COUNTS), *[_cell(value) for value in self.means.values()]])
        rows.append(["pooled", "", *_cells(self.pooled)])
        header = ["scope", "slice", *COUNTS, *rates, *distances]
        if not self.labels:
            return csv_text(header, rows)
        rows = [[row[0], "", "", *row[1:]] for row in rows]
        for one in self.labels:
            cells: list[int | str] = [*_counts(one).values(), *map(_cell, one.values().values())]
            rows.append(["label, pooled", one.value, (names or {}).get(one.value, ""), "", *cells])
        means = map(_cell, mean_of_labels(self.labels).values())
        rows.append(["mean of the labels", "", "", "", *[""] * len(COUNTS), *means])
        return csv_text([header[0], "label", "label_name", *header[1:]], rows)


def compare(
    reference: SliceSource,
    predicted: SliceSource,
    geometry: Geometry,
    progress: Callable[[int, int], None] | None = None,
    values: Sequence[int] = (),
) -> Comparison:
    """Compare two masks slice by slice (any value above 0 is marked); ``progress`` gets (slices done, all).

    ``values`` are the labels of a task that has several: each is compared too. Three slices of each mask and the
    indices of their surfaces are in memory, never a volume.

    Raises:
        ValueError: the numbers of slices or the shapes differ.
    """
    depth = geometry.shape[0]
    if not len(reference) == len(predicted) == depth:
        raise ValueError(f"the masks have {len(reference)} and {len(predicted)} slices, the series has {depth}")
    in_plane = np.diag(geometry.spacing[1:])
    surfaces = SurfaceCollector(), SurfaceCollector()
    by_label = LabelCollector(values, depth) if values else None
    images = []
    for z in range(depth):
        labels = reference.read(z), predicted.read(z)
        pair = labels[0] > 0, labels[1] > 0
        counts = confusion(*pair)
        outlines = [outline_points(mask) for mask in pair]
        images.append(ImageAgreement(counts, distances_between(outlines[0], outlines[1], in_plane), z))
        for collector, mask in zip(surfaces, pair, strict=True):
            collector.push(mask)
        if by_label is not None:
            by_label.push(*labels)
        if progress is not None:
            progress(z + 1, depth)
    to_mm = geometry.affine_lps()[:3, :3].T[::-1]  # from an index row (z, y, x); keeps the shear of a tilted gantry
    whole = images[0].surface if depth == 1 else surfaces[0].distances_to(surfaces[1], to_mm)
    found = by_label.finish(to_mm) if by_label is not None else ()
    return Comparison(tuple(images), whole, "mm" if geometry.spacing_known else "px", found)


def _counts(agreement: Agreement | LabelAgreement) -> dict[str, int]:
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
