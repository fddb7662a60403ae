"""NIfTI-1 and NIfTI-2 files to series, compressed or not; memory does not grow with the volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spineml.message import message
from spineml.readers.headers.nifti import NiftiHeader, read_nifti_header
from spineml.readers.mapped_series import (
    MappedSlices,
    StoredArray,
    as_volume_shape,
    check_kind,
    check_size,
    decompress,
    open_checked,
    spacing_notices,
    truncated,
)
from spineml.readers.series import DetectedSeries, FileNotUsed, IntakeOptions, ReceivedFile, SeriesMeta, SeriesWarning
from spineml.readers.unpacking import ValuesDamaged, maybe_gzip, skip
from spineml.readers.values import Intensity, hounsfield_notices, refuse_unusable, survey, windowed, windowed_notice
from spineml.volumes.volume import RAS_TO_LPS, Geometry, canonical_geometry, with_unknown_spacing


def scan_nifti(file: ReceivedFile, work_dir: Path, options: IntakeOptions) -> DetectedSeries:
    """Check one file and plan its series; a compressed file is unpacked into ``work_dir``.

    Raises:
        FileNotUsed: it is no CT volume we can use; the reason says why.
    """
    header = read_nifti_header(file.path)
    shape = as_volume_shape(header.sizes)
    check_kind(header.dtype)
    check_size(shape, header.dtype.itemsize, options)
    geometry, notices = _geometry(header, shape, options)
    stored = _stored(file.path, header, shape, work_dir)
    intensity, remarks = _intensity(stored, header, options)
    meta = SeriesMeta(
        source_kind="nifti",
        modality="CT",
        dtype=str(header.dtype.newbyteorder("=")),
        intensity=intensity.label,
        encoding="NIfTI, gzip" if stored.path != file.path else "NIfTI",
    )
    producer = MappedSlices(file.name, stored, geometry, intensity)
    return DetectedSeries(geometry, meta, [file], producer, [*notices, *spacing_notices(geometry), *remarks])


def _stored(path: Path, header: NiftiHeader, shape: tuple[int, int, int], work_dir: Path) -> StoredArray:
    size = int(np.prod(shape, dtype=np.int64)) * header.dtype.itemsize
    packed_bytes = path.stat().st_size
    try:
        with maybe_gzip(path) as (stream, packed):
            if packed:
                skip(stream, header.offset)
                return StoredArray(decompress(stream, work_dir, size, packed_bytes), header.dtype, shape, 0, "F")
    except ValuesDamaged as error:
        raise truncated() from error
    if packed_bytes < header.offset + size:
        raise truncated()
    return StoredArray(path, header.dtype, shape, header.offset, "F")


def _geometry(
    header: NiftiHeader, shape: tuple[int, int, int], options: IntakeOptions
) -> tuple[Geometry, list[SeriesWarning]]:
    """The grid from sform, else qform, else the voxel sizes alone (then the orientation is a guess, and said)."""
    if header.forms:
        geometry = canonical_geometry(next(iter(header.forms.values())), shape)
        return geometry, _disagreement(header, geometry)
    sizes = header.voxel_mm
    known = not np.allclose(sizes, 1.0) or header.states_orientation
    if not known and options.pixel_spacing_mm:
        row, column = options.pixel_spacing_mm
        sizes, known = (column, row, options.slice_spacing_mm or 1.0), True
    try:
        geometry = canonical_geometry(RAS_TO_LPS @ np.diag([*sizes, 1.0]), shape)
    except ValueError as error:
        reason = message("The axes of the volume are degenerate. Save it again.")
        raise FileNotUsed("wrong-geometry", reason) from error
    text = message(
        "The file gives no usable orientation: RAS axes (right, anterior, superior) are assumed. Check left and right."
    )
    notices = [SeriesWarning("no-orientation", text)]
    if not known:
        text = message("The file gives no voxel size: lengths are in pixels.")
        notices.append(SeriesWarning("no-spacing", text))
        geometry = with_unknown_spacing(geometry)
    return geometry, notices


def _disagreement(header: NiftiHeader, geometry: Geometry) -> list[SeriesWarning]:
    """Say that sform and qform place the voxels apart by more than rounding: half a voxel."""
    apart = header.disagreement_mm(_file_shape(geometry))
    if apart <= min(geometry.spacing) / 2:
        return []
    text = message(
        "The file has two conflicting orientations (sform and qform, up to {apart} mm apart). The sform is used. "
        "Check left and right.",
        apart=f"{apart:.1f}",
    )
    return [SeriesWarning("orientations-disagree", text)]


def _file_shape(geometry: Geometry) -> tuple[int, int, int]:
    first, second, third = geometry.source.axes
    return geometry.shape[first], geometry.shape[second], geometry.shape[third]


def _intensity(
    stored: StoredArray, header: NiftiHeader, options: IntakeOptions
) -> tuple[Intensity, list[SeriesWarning]]:
    """HU = value * scl_slope + scl_inter; unscaled 8-bit volumes are pictures."""
    with open_checked(stored) as array:
        found = survey(array)
    if not header.is_scaled or not found.finite:
        refuse_unusable(found)
    if header.is_labels:
        reason = message(
            "The header says that the file contains labels, not a CT. Upload masks on the page of their series."
        )
        raise FileNotUsed("looks-like-mask", reason, "skipped")
    if stored.dtype == np.uint8 and not header.is_scaled:
        return windowed(options, 255, "8-bit windowed"), [windowed_notice(options, 8)]
    ends = sorted((found.low * header.slope + header.intercept, found.high * header.slope + header.intercept))
    return Intensity("HU", header.slope, header.intercept), hounsfield_notices(ends[0], ends[1])
