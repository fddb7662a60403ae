"""A volume in one file, read from disk slice by slice: shared by NIfTI, NRRD, MetaImage and NumPy."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from spineml.errors import UnreadableFile
from spineml.mapped import MappedArray
from spineml.series import FileNotUsed, IntakeOptions
from spineml.values import Intensity
from spineml.volume import Geometry, HounsfieldArray

COPY_BYTES = 1024 * 1024
MAX_SIDE = 8192


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
            raise UnreadableFile(self.name, "The values can no longer be read. Send the file again.") from error
        with array:
            for z in range(self.geometry.shape[0]):
                yield z, self.intensity.to_hu(array.read(self.geometry.source, z))


def check_size(shape: tuple[int, ...], itemsize: int, options: IntakeOptions) -> None:
    """Refuse an empty or oversized volume by its header alone.

    Raises:
        FileNotUsed: no voxels, a side above 8192, or more bytes than the options allow.
    """
    if any(side < 1 for side in shape):
        raise FileNotUsed("no-slices", "The volume holds no voxels: one of its sides is 0. Export it again.")
    size = int(np.prod(shape, dtype=object)) * max(itemsize, 2)
    if max(shape) > MAX_SIDE or size > options.max_volume_bytes:
        text = " x ".join(str(side) for side in shape)
        raise FileNotUsed("too-large", f"The volume is {text} voxels, which is more than is accepted. Crop it.")


def check_kind(dtype: np.dtype[Any]) -> None:
    """Raises ``FileNotUsed`` unless the values are plain integers or floats."""
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        reason = f"The values are of type {dtype}, not whole or floating-point numbers. Save a grey-scale volume."
        raise FileNotUsed("wrong-dtype", reason)


def as_volume_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Drop trailing sides of 1 and fill up to three axes.

    Raises:
        FileNotUsed: more than three axes are in use.
    """
    sides = list(shape)
    while len(sides) > 3 and sides[-1] == 1:
        sides.pop()
    if len(sides) > 3:
        reason = f"The file holds {sides[3]} volumes or channels ({len(sides)} axes). Save one volume alone."
        raise FileNotUsed("several-volumes", reason)
    sides += [1] * (3 - len(sides))
    return sides[0], sides[1], sides[2]


def decompress(stream: BinaryIO, work_dir: Path, size: int) -> Path:
    """Copy ``size`` bytes of an unpacking stream to a file in ``work_dir``; what follows is not read.

    Raises:
        FileNotUsed: the stream ends before.
    """
    path = work_dir / f"{uuid.uuid4().hex}.raw"
    left = size
    with path.open("wb") as sink:
        while left and (part := stream.read(min(left, COPY_BYTES))):
            sink.write(part)
            left -= len(part)
    if left:
        path.unlink()
        raise truncated()
    return path


def truncated() -> FileNotUsed:
    return FileNotUsed("truncated", "The file is cut off: values are missing. Send it again.")


def open_checked(stored: StoredArray) -> MappedArray:
    """Map the array of a file that is being scanned.

    Raises:
        FileNotUsed: the file is shorter than its header says.
    """
    try:
        return stored.open()
    except ValueError as error:
        raise truncated() from error
