"""From the numbers of a file to Hounsfield units: what they are, and what has to be said about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spineml.message import message
from spineml.readers.mapped_array import MappedArray, to_int16
from spineml.readers.series import FileNotUsed, IntakeOptions, SeriesWarning
from spineml.volumes.volume import HounsfieldArray

MOST_LABELS = 128
TWELVE_BIT_MAX = 4095
OFFSET_16_BIT = 32768
MAX_SHIFT = 2.0**24
LEAST_RANGE = 50.0


@dataclass(frozen=True)
class Intensity:
    """HU = value * ``slope`` + ``intercept``; ``label`` names the convention in the series' meta."""

    label: str
    slope: float = 1.0
    intercept: float = 0.0

    def to_hu(self, values: npt.NDArray[Any]) -> HounsfieldArray:
        """int16 HU, rounded and clipped to -1024..32767."""
        exact = self.slope == 1.0 and self.intercept.is_integer() and abs(self.intercept) < MAX_SHIFT
        if exact and values.dtype.kind in "iu" and values.itemsize <= 2:
            return to_int16(values.astype(np.int32) + int(self.intercept))
        return to_int16(values.astype(np.float64) * self.slope + self.intercept)


@dataclass(frozen=True)
class Survey:
    """What one pass over all values found. ``labels`` counts distinct values when all are whole and 0..255."""

    low: float
    high: float
    finite: bool
    labels: int | None


HOUNSFIELD = Intensity("HU")


def survey(array: MappedArray) -> Survey:
    """Look at every value once, in storage order; memory stays flat."""
    low, high, seen = np.inf, -np.inf, np.zeros(256, bool)
    whole = True
    for part in array.parts():
        least, most = float(part.min()), float(part.max())
        if not (np.isfinite(least) and np.isfinite(most)):
            return Survey(least, most, finite=False, labels=None)
        low, high = min(low, least), max(high, most)
        whole = whole and least >= 0 and most <= 255
        if whole:
            as_bytes = part.astype(np.uint8)
            whole = part.dtype.kind in "iu" or bool((as_bytes == part).all())
            seen[np.bincount(as_bytes, minlength=256) > 0] = True
    return Survey(low, high, finite=True, labels=int(seen.sum()) if whole else None)


def refuse_unusable(found: Survey) -> None:
    """Refuse values that can be no CT.

    Raises:
        FileNotUsed: NaN or infinite values, or a label map.
    """
    if not found.finite:
        reason = message(
            "The volume contains values that are not numbers (NaN or infinite). Replace them by -1024 and resend."
        )
        raise FileNotUsed("not-finite", reason)
    if found.labels is not None and found.labels <= MOST_LABELS:
        reason = message(
            "This looks like a mask ({labels} integer values, none above 255), not a CT. Upload masks on the page of "
            "their series.",
            labels=found.labels,
        )
        raise FileNotUsed("looks-like-mask", reason, "skipped")


def windowed(options: IntakeOptions, largest: int, label: str) -> Intensity:
    """The inverse of the window that made a picture: 0 is its lower edge, ``largest`` its upper edge."""
    width = options.window_width
    return Intensity(label, width / largest, options.window_center - width / 2)


def windowed_notice(options: IntakeOptions, bits: int) -> SeriesWarning:
    low = options.window_center - options.window_width / 2
    text = message(
        "{bits}-bit images have no CT values: a window from {low} to {high} HU is assumed (centre {center}, width "
        "{width}).",
        bits=bits,
        low=f"{low:.0f}",
        high=f"{low + options.window_width:.0f}",
        center=f"{options.window_center:.0f}",
        width=f"{options.window_width:.0f}",
    )
    return SeriesWarning("windowed", text)


def unsigned_16_bit(low: float, high: float, options: IntakeOptions) -> tuple[Intensity, SeriesWarning]:
    """The convention of 16-bit unsigned values: HU + 1024 up to 4095, HU + 32768, or a stretched picture."""
    if high <= TWELVE_BIT_MAX:
        return Intensity("16-bit HU+1024", 1.0, -1024.0), SeriesWarning(
            "offset-1024", message("The values are read as HU + 1024.")
        )
    if low >= OFFSET_16_BIT - 4096 and high <= OFFSET_16_BIT + 8192:
        return Intensity("16-bit HU+32768", 1.0, -32768.0), SeriesWarning(
            "offset-32768", message("The values are read as HU + 32768.")
        )
    return windowed(options, 65535, "16-bit windowed"), windowed_notice(options, 16)


def array_intensity(
    dtype: np.dtype[Any], found: Survey, options: IntakeOptions
) -> tuple[Intensity, list[SeriesWarning]]:
    """The convention of a plain array: unsigned ones are pictures or shifted, signed and float ones are HU."""
    if dtype.kind == "u" and dtype.itemsize == 1:
        return windowed(options, 255, "8-bit windowed"), [windowed_notice(options, 8)]
    if dtype.kind == "u" and dtype.itemsize == 2:
        intensity, notice = unsigned_16_bit(found.low, found.high, options)
        return intensity, [notice]
    return HOUNSFIELD, hounsfield_notices(found.low, found.high)


def hounsfield_notices(low: float, high: float) -> list[SeriesWarning]:
    """Warnings about values that should be HU: a CT has air or fat (below 0) and more than the range
    -3..3."""
    if high - low <= LEAST_RANGE:
        text = message(
            "The values have a range of at most {most}: they were probably normalised and are not CT values.",
            most=int(LEAST_RANGE),
        )
    elif low >= 0:
        text = message("No value is below 0: these are probably not Hounsfield units. They are used unchanged.")
    else:
        return []
    return [SeriesWarning("values-not-hu", text)]
