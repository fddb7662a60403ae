"""What a model's training images were like, and whether another series is far outside of that.

A network knows only what it was shown. The fingerprint keeps, per series, the spacing, the histogram of HU, the
reconstruction kernel and the scanner's maker; a series far from all of them is flagged before anyone trusts its mask.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spineml.message import Message, message
from spineml.volumes.canonical_file import SliceFileReader

# Air, lung, fat, water, muscle and contrast, spongy bone, cortical bone, metal. Edges in HU.
HU_EDGES = (-900, -500, -150, -20, 30, 100, 200, 400, 800, 1600)
# How far a length may leave the range that was learned from, as a factor, and the histogram, as half the sum of
# absolute differences of shares (total variation, 0..1) to the nearest series learned from.
# Networks read single slices: pixels matter, and the distance between slices only where it changes what a slice shows.
PIXEL_SLACK, SLICE_SLACK = 1.5, 4.0
HISTOGRAM_FAR = 0.45
MAX_HISTOGRAMS = 200


@dataclass(frozen=True)
class SeriesFacts:
    """One series: lengths in mm (None where unknown), ``histogram`` the share of voxels between `HU_EDGES`."""

    pixel_spacing: float | None
    slice_spacing: float | None
    histogram: tuple[float, ...]
    kernel: str = ""
    maker: str = ""
    image_size: int = 0


@dataclass(frozen=True)
class Deviation:
    """In what a series differs from everything the version was trained on, for a person to read."""

    code: str
    message: Message


@dataclass(frozen=True)
class Fingerprint:
    """Ranges are (lowest, highest) over the series learned from; ``histograms`` has one row a series, at most 200."""

    series: int
    pixel_spacing: tuple[float, float] | None
    slice_spacing: tuple[float, float] | None
    image_size: tuple[int, int]
    histograms: tuple[tuple[float, ...], ...]
    kernels: tuple[str, ...] = ()
    makers: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Fingerprint:
        """Raises KeyError, TypeError or ValueError when the values are not a fingerprint of this version."""
        return cls(
            series=int(values["series"]),
            pixel_spacing=_pair(values["pixel_spacing"]),
            slice_spacing=_pair(values["slice_spacing"]),
            image_size=(int(values["image_size"][0]), int(values["image_size"][1])),
            histograms=tuple(tuple(float(share) for share in row) for row in values["histograms"]),
            kernels=tuple(str(name) for name in values["kernels"]),
            makers=tuple(str(name) for name in values["makers"]),
        )

    def outside(self, facts: SeriesFacts) -> list[Deviation]:
        """In what ``facts`` is far from the training images; empty when it is like them.

        An unknown kernel or maker alone is no reason for a flag: names differ more than images.
        """
        found = [
            _length_outside("pixel-spacing", facts.pixel_spacing, self.pixel_spacing),
            _length_outside("slice-spacing", facts.slice_spacing, self.slice_spacing),
            self._histogram_outside(facts),
        ]
        return [one for one in found if one is not None]

    def _histogram_outside(self, facts: SeriesFacts) -> Deviation | None:
        if not self.histograms:
            return None
        distance = float(0.5 * np.abs(np.array(self.histograms) - np.array(facts.histogram)).sum(axis=1).min())
        if distance <= HISTOGRAM_FAR:
            return None
        return Deviation(
            "intensities",
            message(
                "The intensity distribution is outside the model's training data ({share} of the voxels). Check that "
                "the values are Hounsfield units.",
                share=f"{distance:.0%}",
            ),
        )


def series_facts(volume: SliceFileReader, meta: Mapping[str, Any]) -> SeriesFacts:
    """What the images of a canonical volume are like: the histogram is of some slices, and lengths are None where the
    spacing is not known. ``meta`` is the metadata of the series.
    """
    grid = volume.geometry
    facts = SeriesFacts(
        pixel_spacing=None,
        slice_spacing=None,
        histogram=histogram(volume.read(z) for z in some_slices(len(volume))),
        kernel=str(meta.get("kernel") or ""),
        maker=str(meta.get("manufacturer") or ""),
        image_size=max(grid.shape[1:]),
    )
    if not grid.spacing_known:
        return facts
    between = grid.spacing[0] if grid.shape[0] > 1 else None
    return replace(facts, pixel_spacing=(grid.spacing[1] + grid.spacing[2]) / 2, slice_spacing=between)


def fingerprint(series: Sequence[SeriesFacts]) -> Fingerprint:
    """Summarise the training series.

    Raises:
        ValueError: there is none.
    """
    if not series:
        raise ValueError("a fingerprint needs at least one series")
    sizes = [one.image_size for one in series]
    every = max(1, -(-len(series) // MAX_HISTOGRAMS))
    return Fingerprint(
        series=len(series),
        pixel_spacing=_range([one.pixel_spacing for one in series]),
        slice_spacing=_range([one.slice_spacing for one in series]),
        image_size=(min(sizes), max(sizes)),
        histograms=tuple(tuple(round(share, 4) for share in one.histogram) for one in series[::every]),
        kernels=tuple(sorted({one.kernel for one in series if one.kernel})),
        makers=tuple(sorted({one.maker for one in series if one.maker})),
    )


def histogram(slices: Iterable[npt.NDArray[np.int16]]) -> tuple[float, ...]:
    """The share of voxels in each class between `HU_EDGES`, over slices of HU ``(y, x)``; sums to 1."""
    counts = np.zeros(len(HU_EDGES) + 1)
    for hu in slices:
        counts += np.bincount(np.searchsorted(HU_EDGES, hu.ravel(), side="right"), minlength=len(counts))
    return tuple(float(share) for share in counts / max(counts.sum(), 1.0))


def some_slices(depth: int, count: int = 16) -> list[int]:
    """Up to ``count`` slice numbers spread evenly: enough for a histogram of a series of any length."""
    return sorted({round(place) for place in np.linspace(0, depth - 1, min(depth, count))})


def _pair(values: Sequence[float] | None) -> tuple[float, float] | None:
    return None if values is None else (float(values[0]), float(values[1]))


def _range(values: Sequence[float | None]) -> tuple[float, float] | None:
    known = [value for value in values if value is not None]
    return (min(known), max(known)) if known else None


_LENGTHS = {
    "pixel-spacing": (message("pixels"), PIXEL_SLACK),
    "slice-spacing": (message("slice spacing"), SLICE_SLACK),
}


def _length_outside(code: str, length: float | None, learned: tuple[float, float] | None) -> Deviation | None:
    name, slack = _LENGTHS[code]
    if length is None or learned is None or learned[0] / slack <= length <= learned[1] * slack:
        return None
    return Deviation(
        code,
        message(
            "The {name} of {length} mm: the training data had {low} to {high} mm.",
            name=name,
            length=f"{length:.2g}",
            low=f"{learned[0]:.2g}",
            high=f"{learned[1]:.2g}",
        ),
    )
