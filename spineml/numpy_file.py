"""NumPy files (.npy) to series. The header is read first and objects are never loaded: they would run code."""

from __future__ import annotations

from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as npy

from spineml.images import picture_geometry
from spineml.mapped_series import MappedSlices, StoredArray, check_kind, check_size, open_checked
from spineml.series import FileNotUsed, IntakeOptions, Notice, ReceivedFile, SeriesMeta, SeriesPlan
from spineml.values import array_intensity, refuse_unusable, survey

COLOUR_CHANNELS = (3, 4)


def is_npy(start: bytes) -> bool:
    return start.startswith(npy.MAGIC_PREFIX)


def scan_npy(file: ReceivedFile, options: IntakeOptions) -> SeriesPlan:
    """Check one array, ``(y, x)`` or ``(z, y, x)`` with the lowest slice first, and plan its series.

    Raises:
        FileNotUsed: it is no CT array we can use; the reason says why.
    """
    stored = _header(file)
    check_kind(stored.dtype)
    check_size(stored.shape, stored.dtype.itemsize, options)
    with open_checked(stored) as array:
        found = survey(array)
    refuse_unusable(found)
    intensity, notices = array_intensity(stored.dtype, found, options)
    geometry, remarks = picture_geometry(stored.shape, options)
    text = "The axes are taken as slices (the first is the lowest), rows, columns."
    notices = [*notices, *remarks, Notice("order-guessed", text)]
    meta = SeriesMeta("numpy", "CT", dtype=str(stored.dtype), intensity=intensity.label)
    return SeriesPlan(geometry, meta, [file], MappedSlices(file.name, stored, geometry, intensity), notices)


def _header(file: ReceivedFile) -> StoredArray:
    with file.path.open("rb") as stream:
        try:
            version = npy.read_magic(stream)
            reader: Any = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            sides, fortran, dtype = reader(stream)
        except (ValueError, TypeError, SyntaxError, TokenError, RecursionError, MemoryError) as error:
            raise FileNotUsed("damaged-npy", "The NumPy header is damaged. Save the array again.") from error
        offset = stream.tell()
    if dtype.hasobject:
        reason = "The file holds Python objects, which are never loaded because they can run code. Save plain numbers."
        raise FileNotUsed("pickled-objects", reason)
    return StoredArray(file.path, np.dtype(dtype), _volume_shape(sides), offset, "F" if fortran else "C")


def _volume_shape(sides: tuple[int, ...]) -> tuple[int, int, int]:
    if len(sides) == 2:
        return 1, sides[0], sides[1]
    if len(sides) != 3:
        reason = f"The array has {len(sides)} axes; (rows, columns) or (slices, rows, columns) are accepted."
        raise FileNotUsed("wrong-shape", reason)
    if sides[2] in COLOUR_CHANNELS and min(sides[:2]) > max(COLOUR_CHANNELS):
        raise FileNotUsed(
            "colour", "The last axis looks like colour channels. Save grey values (slices, rows, columns)."
        )
    return sides[0], sides[1], sides[2]
