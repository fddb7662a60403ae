"""NIfTI-1 and NIfTI-2 files to series, compressed or not; memory does not grow with the volume."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.spatialimages import HeaderDataError

from spineml.mapped_series import (
    MappedSlices,
    StoredArray,
    as_volume_shape,
    check_kind,
    check_size,
    decompress,
    open_checked,
    truncated,
)
from spineml.series import FileNotUsed, IntakeOptions, Notice, ReceivedFile, SeriesMeta, SeriesPlan
from spineml.values import Intensity, hounsfield_notices, refuse_unusable, survey, windowed, windowed_notice
from spineml.volume import RAS_TO_LPS, Geometry, canonical_geometry, with_unknown_spacing

GZIP_MAGIC = b"\x1f\x8b"
HEADER_BYTES = 540
LABEL_INTENT = 1002
UNIT_MM = {"meter": 1000.0, "mm": 1.0, "micron": 0.001}
Affine = npt.NDArray[np.float64]


def nifti_start(path: Path) -> bytes | None:
    """The first 540 unpacked bytes when the file is NIfTI by its content, else None."""
    with path.open("rb") as stream:
        start = stream.read(HEADER_BYTES)
    if start[:2] == GZIP_MAGIC:
        try:
            with gzip.open(path) as unpacked:
                start = unpacked.read(HEADER_BYTES)
        except (OSError, EOFError, zlib.error):
            return None
    known = start[344:347] in (b"n+1", b"ni1") or start[4:7] in (b"n+2", b"ni2")
    return start if known else None


def scan_nifti(file: ReceivedFile, work_dir: Path, options: IntakeOptions) -> SeriesPlan:
    """Check one file and plan its series; a compressed file is unpacked into ``work_dir``.

    Raises:
        FileNotUsed: it is no CT volume we can use; the reason says why.
    """
    try:
        header = _header(nifti_start(file.path) or b"")
        shape = as_volume_shape(tuple(int(side) for side in header.get_data_shape()))
        dtype = header.get_data_dtype()
        check_kind(dtype)
        check_size(shape, dtype.itemsize, options)
        stored = _stored(file.path, header, dtype, shape, work_dir)
        slope, intercept = header.get_slope_inter()
        geometry, notices = _geometry(header, shape, options)
    except (HeaderDataError, ValueError, KeyError, OverflowError) as error:
        raise FileNotUsed("damaged-nifti", "The NIfTI header is damaged. Save the volume again.") from error
    intensity, remarks = _intensity(stored, header, (slope or 1.0, intercept or 0.0), options)
    meta = SeriesMeta(
        source_kind="nifti",
        modality="CT",
        dtype=str(dtype.newbyteorder("=")),
        intensity=intensity.label,
        encoding="NIfTI, gzip" if stored.path != file.path else "NIfTI",
    )
    producer = MappedSlices(file.name, stored, geometry, intensity)
    return SeriesPlan(geometry, meta, [file], producer, [*notices, *remarks])


def _header(start: bytes) -> Any:
    """nibabel's header (it has no type hints), byte order found by itself."""
    kind = start[4:7] if start[4:6] == b"n+" or start[4:6] == b"ni" else start[344:347]
    if kind.startswith(b"ni"):
        reason = "The values are in a second file (.img). Save the volume as one .nii or .nii.gz file."
        raise FileNotUsed("two-files", reason)
    if kind == b"n+2":
        return cast("Any", Nifti2Header)(start[:540], check=False)
    return cast("Any", Nifti1Header)(start[:348], check=False)


def _stored(path: Path, header: Any, dtype: np.dtype[Any], shape: tuple[int, int, int], work_dir: Path) -> StoredArray:
    offset = int(header.get_data_offset())
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if not 0 < offset < 2**31:
        raise ValueError("the values cannot begin there")
    with path.open("rb") as stream:
        packed = stream.read(2) == GZIP_MAGIC
    if not packed:
        if path.stat().st_size < offset + size:
            raise truncated()
        return StoredArray(path, dtype, shape, offset, "F")
    try:
        with gzip.open(path) as unpacked:
            unpacked.seek(offset)
            return StoredArray(decompress(cast("Any", unpacked), work_dir, size), dtype, shape, 0, "F")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise truncated() from error


def _geometry(header: Any, shape: tuple[int, int, int], options: IntakeOptions) -> tuple[Geometry, list[Notice]]:
    """The grid from sform, else qform, else the voxel sizes alone (then the orientation is a guess, and said)."""
    scale = UNIT_MM.get(header.get_xyzt_units()[0], 1.0)
    sizes = np.abs(np.asarray(header.get_zooms()[:3], dtype=np.float64)) * scale
    sizes = np.where(np.isfinite(sizes) & (sizes > 0), sizes, 1.0)
    sizes = np.concatenate([sizes, np.ones(3 - len(sizes))])
    for affine in _stated_affines(header):
        affine[:3] *= scale
        identity = np.allclose(affine, np.eye(4)) and not np.allclose(sizes, 1.0)
        if not identity and (geometry := _try_geometry(affine, shape)):
            return geometry, []
    known = not np.allclose(sizes, 1.0) or int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0
    if not known and options.pixel_spacing_mm:
        row, column = options.pixel_spacing_mm
        sizes, known = np.array([column, row, options.slice_spacing_mm or 1.0]), True
    geometry = canonical_geometry(RAS_TO_LPS @ np.diag([*sizes, 1.0]), shape)
    text = "The file states no usable orientation: axes are taken as right, front, head. Check left and right."
    notices = [Notice("no-orientation", text)]
    if not known:
        notices.append(Notice("no-spacing", "The file states no voxel size: lengths are given in pixels."))
        geometry = with_unknown_spacing(geometry)
    return geometry, notices


def _stated_affines(header: Any) -> list[Affine]:
    affines = []
    if int(header["sform_code"]) > 0:
        affines.append(np.array(header.get_sform(), dtype=np.float64))
    if int(header["qform_code"]) > 0:
        try:
            affines.append(np.array(header.get_qform(), dtype=np.float64))
        except (HeaderDataError, ValueError):
            return affines
    return affines


def _try_geometry(affine: Affine, shape: tuple[int, int, int]) -> Geometry | None:
    try:
        return canonical_geometry(RAS_TO_LPS @ affine, shape)
    except ValueError:
        return None


def _intensity(
    stored: StoredArray, header: Any, scaling: tuple[float, float], options: IntakeOptions
) -> tuple[Intensity, list[Notice]]:
    """HU = value * scl_slope + scl_inter; unscaled 8-bit volumes are pictures."""
    slope, intercept = (float(value) for value in scaling)
    with open_checked(stored) as array:
        found = survey(array)
    scaled = (slope, intercept) != (1.0, 0.0)
    if not scaled or not found.finite:
        refuse_unusable(found)
    if int(header["intent_code"]) == LABEL_INTENT:
        reason = "The file says that it holds labels, not a CT. Masks are uploaded on the page of their series."
        raise FileNotUsed("looks-like-mask", reason, "skipped")
    if stored.dtype == np.uint8 and not scaled:
        return windowed(options, 255, "8-bit windowed"), [windowed_notice(options, 8)]
    ends = sorted((found.low * slope + intercept, found.high * slope + intercept))
    return Intensity("HU", slope, intercept), hounsfield_notices(ends[0], ends[1])
