"""NRRD and MetaImage (MHA, MHD) to series: read by `headers.itk_volume`, values streamed from the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spineml.message import message
from spineml.readers.headers.itk import ItkHeader
from spineml.readers.headers.itk_volume import companion_of, is_itk, open_values, raw_offset, read_header, values_bytes
from spineml.readers.mapped_series import (
    MappedSlices,
    StoredArray,
    check_kind,
    check_size,
    decompress,
    open_checked,
    spacing_notices,
    truncated,
)
from spineml.readers.series import DetectedSeries, FileNotUsed, IntakeOptions, ReceivedFile, SeriesMeta, SeriesWarning
from spineml.readers.unpacking import ValuesDamaged
from spineml.readers.values import array_intensity, refuse_unusable, survey
from spineml.volumes.volume import Geometry, canonical_geometry, with_unknown_spacing

__all__ = ["is_itk", "scan_itk"]


def scan_itk(
    file: ReceivedFile, companions: Mapping[str, ReceivedFile], work_dir: Path, options: IntakeOptions
) -> DetectedSeries:
    """Check one header (with its values inside or in one of ``companions``, keyed by name) and plan its series.

    Raises:
        FileNotUsed: it is no CT volume we can use; the reason says why.
    """
    header = read_header(file.path)
    data = companion_of(file, header, companions)
    shape = header.shape
    check_kind(header.dtype)
    check_size(shape, header.dtype.itemsize, options)
    geometry, notices = _geometry(header, shape, options)
    stored = _stored(header, (data or file).path, shape, work_dir)
    with open_checked(stored) as array:
        found = survey(array)
    refuse_unusable(found)
    # By custom these formats hold HU in any type but 8 bit, so 16-bit unsigned values are not shifted.
    dtype = header.dtype.newbyteorder("=")
    intensity, remarks = array_intensity(dtype if dtype == np.uint8 else np.dtype("i4"), found, options)
    meta = SeriesMeta("itk", "CT", dtype=str(dtype), intensity=intensity.label, encoding=header.encoding)
    files = [file, data] if data else [file]
    producer = MappedSlices(file.name, stored, geometry, intensity)
    return DetectedSeries(geometry, meta, files, producer, [*notices, *spacing_notices(geometry), *remarks])


def _stored(header: ItkHeader, path: Path, shape: tuple[int, int, int], work_dir: Path) -> StoredArray:
    try:
        offset = raw_offset(header, path)
        if offset is not None:
            return StoredArray(path, header.dtype, shape, offset, "F")
        with open_values(header, path) as stream:
            raw = decompress(stream, work_dir, values_bytes(header), path.stat().st_size)
    except ValuesDamaged as error:
        raise truncated() from error
    return StoredArray(raw, header.dtype, shape, 0, "F")


def _geometry(
    header: ItkHeader, shape: tuple[int, int, int], options: IntakeOptions
) -> tuple[Geometry, list[SeriesWarning]]:
    affine = header.affine_lps
    notices = []
    if not header.has_orientation:
        text = message(
            "The file gives no orientation: LPS axes (left, posterior, superior) are assumed. Check left and right."
        )
        notices.append(SeriesWarning("no-orientation", text))
    if not header.has_spacing and options.pixel_spacing_mm:
        row, column = options.pixel_spacing_mm
        affine = affine @ np.diag([column, row, options.slice_spacing_mm or 1.0, 1.0])
    try:
        geometry = canonical_geometry(affine, shape)
    except ValueError as error:
        reason = message("The axes of the volume are degenerate. Save it again.")
        raise FileNotUsed("wrong-geometry", reason) from error
    if header.has_spacing or options.pixel_spacing_mm:
        return geometry, notices
    text = message("The file gives no voxel size: lengths are in pixels.")
    return with_unknown_spacing(geometry), [*notices, SeriesWarning("no-spacing", text)]
