"""NumPy files (.npy) to series. The header is read by `spineml.readers.headers.npy`; objects are never loaded."""

from __future__ import annotations

from spineml.message import message
from spineml.readers.headers.npy import is_npy, read_npy_header
from spineml.readers.images import picture_geometry
from spineml.readers.mapped_series import MappedSlices, StoredArray, check_kind, check_size, open_checked
from spineml.readers.series import DetectedSeries, FileNotUsed, IntakeOptions, ReceivedFile, SeriesMeta, SeriesWarning
from spineml.readers.values import array_intensity, refuse_unusable, survey

__all__ = ["is_npy", "scan_npy"]

COLOUR_CHANNELS = (3, 4)


def scan_npy(file: ReceivedFile, options: IntakeOptions) -> DetectedSeries:
    """Check one array, ``(y, x)`` or ``(z, y, x)`` with the lowest slice first, and plan its series.

    Raises:
        FileNotUsed: it is no CT array we can use; the reason says why.
    """
    header = read_npy_header(file.path)
    check_kind(header.dtype)
    shape = _volume_shape(header.shape)
    check_size(shape, header.dtype.itemsize, options)
    stored = StoredArray(file.path, header.dtype, shape, header.offset, header.order)
    with open_checked(stored) as array:
        found = survey(array)
    refuse_unusable(found)
    intensity, notices = array_intensity(stored.dtype, found, options)
    geometry, remarks = picture_geometry(stored.shape, options)
    text = message("The axes are read as slices (the first is the lowest), rows, columns.")
    notices = [*notices, *remarks, SeriesWarning("order-guessed", text)]
    meta = SeriesMeta("numpy", "CT", dtype=str(stored.dtype), intensity=intensity.label)
    return DetectedSeries(geometry, meta, [file], MappedSlices(file.name, stored, geometry, intensity), notices)


def _volume_shape(sides: tuple[int, ...]) -> tuple[int, int, int]:
    if len(sides) == 2:
        return 1, sides[0], sides[1]
    if len(sides) != 3:
        raise FileNotUsed(
            "wrong-shape",
            message(
                "The array has {count} axes; (rows, columns) or (slices, rows, columns) are accepted.", count=len(sides)
            ),
        )
    if sides[2] in COLOUR_CHANNELS and min(sides[:2]) > max(COLOUR_CHANNELS):
        reason = message("The last axis looks like colour channels. Save grey values (slices, rows, columns).")
        raise FileNotUsed("colour", reason)
    return sides[0], sides[1], sides[2]
