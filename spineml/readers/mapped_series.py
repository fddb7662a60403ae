"""A volume in one file, read from disk slice by slice: shared by NIfTI, NRRD, MetaImage and NumPy."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np

from spineml.errors import UnreadableFile
from spineml.message import message
from spineml.readers import reading_progress
from spineml.readers.mapped_array import MappedArray
from spineml.readers.series import MAX_SIDE, FileNotUsed, IntakeOptions, SeriesWarning
from spineml.readers.unpacking import Readable, ValuesDamaged
from spineml.readers.values import Intensity
from spineml.volumes.volume import Geometry, HounsfieldArray

COPY_BYTES = 1024 * 1024
# A CT of noise and air packs to a tenth, one that is cut out of nothing to a fiftieth.
MOST_PACKED = 250
ALWAYS_UNPACKED = 64 * 1024**2
# No CT has shorter or longer sides of a voxel (mm): the unit is wrong, metres or thousandths of a millimetre.
SHORTEST_MM, LONGEST_MM = 0.01, 50.0


@dataclass(frozen=True)
class StoredArray:
    """Where an uncompressed array lies on disk; ``shape`` is the file's own, up to three axes."""

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, int, int]
    offset: int
    order: Literal["C", "F"]

    def open(self) -> MappedArray:
        return MappedArray(self.path, self.dtype, self.shape, offset=self.offset, order=self.order)


@dataclass(frozen=True)
class MappedSlices:
    """Delivers a stored array in canonical order as HU."""

    name: str
    stored: StoredArray
    geometry: Geometry
    intensity: Intensity

    def slices(self) -> Iterator[tuple[int, HounsfieldArray]]:
        try:
            array = self.stored.open()
        except (OSError, ValueError) as error:
            reason = message("The values can no longer be read. Send the file again.")
            raise UnreadableFile(self.name, reason) from error
        with array:
            for z in range(self.geometry.shape[0]):
                yield z, self.intensity.to_hu(array.read(self.geometry.source, z))


def check_size(shape: tuple[int, ...], itemsize: int, options: IntakeOptions) -> None:
    """Refuse an empty or oversized volume by its header alone.

    Raises:
        FileNotUsed: no voxels, a side above 8192, or more bytes than the options allow.
    """
    check_voxels(shape)
    size = prod(shape) * max(itemsize, 2)
    if max(shape) > MAX_SIDE or size > options.max_volume_bytes:
        sides = " x ".join(str(side) for side in shape)
        raise FileNotUsed("too-large", message("The volume of {sides} voxels is too large. Crop it.", sides=sides))


def spacing_notices(geometry: Geometry) -> list[SeriesWarning]:
    """Say that the voxel sizes are none of a CT; they are used as they are."""
    if not geometry.spacing_known or all(SHORTEST_MM <= side <= LONGEST_MM for side in geometry.spacing):
        return []
    text = message(
        "A voxel is {sizes} mm (z, y, x), which is unusual for CT: the unit of the file may be wrong. Check lengths "
        "and volumes, or send the file again with the right voxel size.",
        sizes=" x ".join(f"{side:.4g}" for side in geometry.spacing),
    )
    return [SeriesWarning("unusual-spacing", text)]


def check_voxels(shape: tuple[int, ...]) -> None:
    """Raises ``FileNotUsed`` when a side is 0."""
    if any(side < 1 for side in shape):
        reason = message("The volume has no voxels: one of its dimensions is 0. Export it again.")
        raise FileNotUsed("no-slices", reason)


def check_kind(dtype: np.dtype[Any]) -> None:
    """Raises ``FileNotUsed`` unless the values are plain integers or floats."""
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise wrong_type(str(dtype))


def wrong_type(kind: str) -> FileNotUsed:
    return FileNotUsed(
        "wrong-dtype",
        message("The values are of type {kind}, not integer or floating-point. Save a greyscale volume.", kind=kind),
    )


def as_volume_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """Drop trailing sides of 1 and fill up to three axes.

    Raises:
        FileNotUsed: more than three axes are in use.
    """
    sides = list(shape)
    while len(sides) > 3 and sides[-1] == 1:
        sides.pop()
    if len(sides) > 3:
        raise FileNotUsed(
            "several-volumes",
            message(
                "The file contains {count} volumes or channels ({axes} axes). Save a single volume.",
                count=sides[3],
                axes=len(sides),
            ),
        )
    sides += [1] * (3 - len(sides))
    return sides[0], sides[1], sides[2]


def decompress(stream: Readable, work_dir: Path, size: int, packed_bytes: int) -> Path:
    """Copy ``size`` bytes of an unpacking stream to a file in ``work_dir``; what follows is not kept.

    Args:
        packed_bytes: the size of the packed file.

    Raises:
        FileNotUsed: the stream is damaged or ends before, or so few bytes hold no CT of that size.
    """
    if size > max(ALWAYS_UNPACKED, MOST_PACKED * packed_bytes):
        raise FileNotUsed(
            "too-large",
            message(
                "The file has {packed} bytes and unpacks to {size}, an implausible compression for CT. Save the "
                "volume uncompressed.",
                packed=packed_bytes,
                size=size,
            ),
        )
    path = work_dir / f"{uuid.uuid4().hex}.raw"
    left = size
    try:
        with path.open("wb") as sink:
            while left and (part := stream.read(min(left, COPY_BYTES))):
                reading_progress.alive()
                sink.write(part)
                left -= len(part)
        stream.read(1)  # only at its end does a stream check its sum
    except ValuesDamaged as error:
        path.unlink()
        raise truncated() from error
    if left:
        path.unlink()
        raise truncated()
    return path


def truncated() -> FileNotUsed:
    return FileNotUsed("truncated", message("The file is truncated: values are missing. Send it again."))


def open_checked(stored: StoredArray) -> MappedArray:
    """Map the array of a file that is being scanned.

    Raises:
        FileNotUsed: the file is shorter than its header says.
    """
    try:
        return stored.open()
    except ValueError as error:
        raise truncated() from error
