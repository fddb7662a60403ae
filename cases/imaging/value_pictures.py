"""A small picture of where a value of a label map is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from cases.models import PendingMask
from spineml.metrics.labels import LabelTable
from spineml.volumes import render
from spineml.volumes.canonical_file import SliceFileReader
from spineplatform.shared import storage
from spineplatform.shared.errors import NotFound

EDGE_PX = 128
# How much is shown around the structure, as a share of it, and at least so many pixels of the CT.
MARGIN, SMALLEST_PX = 0.4, 48


def value_picture(pending: PendingMask, value: int) -> bytes:
    """A PNG of at most 128 pixels: the part of the slice on which the value is largest.

    Raises:
        NotFound: the label map does not have the value.
    """
    places = [one.value for one in pending.values]
    if value not in places:
        raise NotFound
    slot = places.index(value) + 1
    with (
        SliceFileReader(storage.local_path(pending.series.volume)) as volume,
        SliceFileReader(storage.local_path(pending.file)) as slots,
    ):
        row = next(row for row in LabelTable.of(slots, slots.geometry).rows() if row["value"] == slot)
        z = row["first"] + int(np.argmax(row["areas"]))
        inside = slots.read(z) == slot
        part = _around(inside)
        picture = render.overlay(volume.read(z)[part], inside[part])
        height, width = volume.geometry.spacing[1:]
    return render.encode(_small(picture, width / height), "png")


def _around(inside: npt.NDArray[np.bool_]) -> tuple[slice, ...]:
    """A square part of the slice around what is marked."""
    ends = [(int(found[0]), int(found[-1]) + 1) for axis in (1, 0) if len(found := np.flatnonzero(inside.any(axis)))]
    side = max(SMALLEST_PX, round((1 + 2 * MARGIN) * max(stop - start for start, stop in ends)))
    return tuple(_span((start + stop) // 2, side, size) for (start, stop), size in zip(ends, inside.shape, strict=True))


def _span(middle: int, side: int, size: int) -> slice:
    start = max(0, min(middle - side // 2, size - side))
    return slice(start, min(size, start + side))


def _small(picture: Image.Image, pixel_aspect: float) -> Image.Image:
    """With square pixels, the longer side at most 128."""
    width, height = picture.width * pixel_aspect, float(picture.height)
    scale = EDGE_PX / max(width, height)
    size: Any = (max(1, round(width * scale)), max(1, round(height * scale)))
    return picture.resize(size, Image.Resampling.BILINEAR)
