"""Why an uploaded mask can be refused, and the one place where its values become 0/1 labels.

`spineml.masks.label_map` keeps the values apart instead."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spineml.errors import MaskRejected
from spineml.message import message
from spineml.readers import reading_progress
from spineml.volumes.volume import Geometry, LabelArray, Mask

LISTED_VALUES = 12
# What resampling, averaging and scaling leave of a whole number: 0.99999994, or 254.9999.
ROUNDING = 1e-3
# Values are compared in parts, for a slice may have 67 million of them.
MOST_AT_ONCE = 2**22


class MaskUnreadable(MaskRejected):
    """The mask cannot be read. Upload a PNG, a zip of PNGs, NIfTI, NRRD, MHA or NPY file."""

    code = "mask-unreadable"


class MaskWrongSize(MaskRejected):
    """The mask has other rows or columns than the series. Export it on the grid of the series."""

    code = "mask-wrong-size"


class MaskWrongSliceCount(MaskRejected):
    """The mask has another number of slices than the series. Upload one mask slice for every slice of the series."""

    code = "mask-wrong-slice-count"


class MaskWrongGeometry(MaskRejected):
    """The mask lies elsewhere in space than the series. Export it on the grid of the series, without resampling."""

    code = "mask-wrong-geometry"


class MaskEmpty(MaskRejected):
    """The mask is empty: every value is 0. Check that the right file was exported."""

    code = "mask-empty"


class MaskFull(MaskRejected):
    """The mask marks every pixel: no value is 0. Check that the right file was exported."""

    code = "mask-full"


class MaskTooManyValues(MaskRejected):
    """The mask has more than two values. Save it with 0 for the background and 255 (or 1) for the spine."""

    code = "mask-too-many-values"


class MaskBuilder(ABC):
    """Fills the uint8 labels of one mask part by part.

    ``labels`` is ``(z, y, x)``; a reader asks for a view of it in its own layout and puts its values there.
    """

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self.labels: LabelArray = np.zeros(geometry.shape, np.uint8)

    def describe(self, remarks: Mapping[str, str]) -> None:  # noqa: B027  (most masks describe nothing)
        """Take what the header says of the values (the ``key:=value`` lines of a NRRD), before they are put."""

    @property
    def by_index(self) -> bool:
        """Whether the index of a palette of colours is the value, in every slice; else where colours are in sight."""
        return False

    def describe_colours(self, colours: Mapping[int, str]) -> None:  # noqa: B027
        """Take the colours (``#rrggbb``) that a palette gives its values."""

    def put(self, target: LabelArray, values: npt.NDArray[Any], name: str) -> None:
        """Write what the values mean into ``target``, a view of ``labels`` of the same shape.

        Values within 0.001 of a whole number are taken for it.

        Raises:
            MaskUnreadable: the values are no plain numbers, or not finite, or no labels where labels are stated.
            MaskTooManyValues: so many different values occurred that reading on is pointless.
        """
        if values.size > MOST_AT_ONCE and len(values) > 1:
            step = max(1, len(values) * MOST_AT_ONCE // values.size)
            for start in range(0, len(values), step):
                self.put(target[start : start + step], values[start : start + step], name)
            return
        if values.dtype.kind not in "buif":
            raise MaskUnreadable(
                message("{name} has {kind} values. A mask must have integers.", name=name, kind=str(values.dtype))
            )
        low, high = float(values.min()), float(values.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise MaskUnreadable(
                message(
                    "{name} contains values that are not numbers (NaN or infinite). Save it as 0 and 255.", name=name
                )
            )
        if values.dtype.kind == "f":
            values = _whole(values)
            low, high = float(values.min()), float(values.max())
        self.write(target, values, (low, high), name)
        reading_progress.alive()

    @abstractmethod
    def write(self, target: LabelArray, values: npt.NDArray[Any], ends: tuple[float, float], name: str) -> None:
        """Write finite numbers; ``ends`` are the lowest and the highest of them."""


class LabelBuilder(MaskBuilder):
    """Makes 0/1 labels, and remembers which values occurred.

    With ``every_label`` any positive value is spine; else 0 and one positive value are accepted.
    """

    def __init__(self, geometry: Geometry, *, every_label: bool) -> None:
        super().__init__(geometry)
        self._every_label = every_label
        self._values: set[float] = set()

    def write(self, target: LabelArray, values: npt.NDArray[Any], ends: tuple[float, float], name: str) -> None:
        if self._every_label:
            check_whole(values, ends[0], name)
        else:
            self._remember(values, *ends)
        np.greater(values, 0, out=target, casting="unsafe")

    def finish(self) -> Mask:
        """The mask, once every part was put.

        Raises:
            MaskTooManyValues: more than one value besides the background's 0, or a negative one.
            MaskEmpty: nothing is marked.
            MaskFull: everything is.
        """
        if not self._every_label and (len(self._values - {0.0}) > 1 or min(self._values) < 0):
            raise self._too_many()
        if not self.labels.any():
            raise MaskEmpty
        if self.labels.all():
            raise MaskFull
        return Mask(self.labels, self.geometry)

    def _remember(self, values: npt.NDArray[Any], low: float, high: float) -> None:
        self._values |= {low, high}
        if not ((values == values.dtype.type(low)) | (values == values.dtype.type(high))).all():
            self._values |= {float(value) for value in np.unique(values)[: LISTED_VALUES + 1]}
        if len(self._values) > LISTED_VALUES:
            raise self._too_many()

    def _too_many(self) -> MaskTooManyValues:
        found = sorted(self._values)
        listed = ", ".join(_apart(found[:LISTED_VALUES]))
        if len(found) > LISTED_VALUES:
            return MaskTooManyValues(
                message(
                    "The mask holds the values {listed} and more. It may hold two: 0 for the background and 255 (or 1) "
                    "for the spine. Save it without grey edges, or merge its labels into one.",
                    listed=listed,
                )
            )
        return MaskTooManyValues(
            message(
                "The mask holds the values {listed}. It may hold two: 0 for the background and 255 (or 1) for "
                "the spine. Save it without grey edges, or merge its labels into one.",
                listed=listed,
            )
        )


def check_whole(values: npt.NDArray[Any], low: float, name: str) -> None:
    """Refuse values that are no labels: some are below 0 (``low`` is the lowest), or no whole numbers.

    Raises:
        MaskUnreadable: they are.
    """
    if low < 0 or (values.dtype.kind == "f" and (values != np.rint(values)).any()):
        raise MaskUnreadable(
            message(
                "{name} contains negative or fractional values, like a CT or a probability map. A label map has "
                "integers from 0. Check that the right file was sent.",
                name=name,
            )
        )


def _whole(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The values with those that are almost whole made whole."""
    rounded = np.rint(values)
    close = np.abs(values - rounded) <= ROUNDING
    return rounded if close.all() else np.where(close, rounded, values)


def _apart(values: list[float]) -> list[str]:
    """The numbers in as few digits as show that they differ."""
    for digits in (6, 9, 12, 17):
        shown = [f"{value:.{digits}g}" for value in values]
        if len(set(shown)) == len(values):
            return shown
    return shown


def check_shape(found: tuple[int, int, int], expected: tuple[int, int, int]) -> None:
    """Compare two ``(z, y, x)`` shapes.

    Raises:
        MaskWrongSize: rows or columns differ.
        MaskWrongSliceCount: only the number of slices differs.
    """
    if found[1:] != expected[1:]:
        raise MaskWrongSize(
            message(
                "The mask has {rows} rows and {columns} columns in each slice, the series has {series_rows} and "
                "{series_columns}. Export the mask on the grid of the series.",
                rows=found[1],
                columns=found[2],
                series_rows=expected[1],
                series_columns=expected[2],
            )
        )
    check_slice_count(found[0], expected[0])


def check_slice_count(found: int, expected: int) -> None:
    """Raise MaskWrongSliceCount when the numbers differ."""
    if found == expected:
        return
    if found == 1:
        raise MaskWrongSliceCount(
            message(
                "The mask has 1 slice, the series has {expected}. Upload one mask slice for every slice of the series.",
                expected=expected,
            )
        )
    raise MaskWrongSliceCount(
        message(
            "The mask has {found} slices, the series has {expected}. "
            "Upload one mask slice for every slice of the series.",
            found=found,
            expected=expected,
        )
    )
