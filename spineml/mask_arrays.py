"""Masks as arrays: NIfTI, NRRD, MHA and NPY, put onto the grid of the series without interpolation."""

from __future__ import annotations

import gzip
import tokenize
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.arrayproxy import ArrayProxy
from nibabel.spatialimages import HeaderDataError

from spineml.mask_itk import itk_values, read_itk_header
from spineml.mask_labels import LabelBuilder, MaskUnreadable, MaskWrongGeometry, check_shape
from spineml.volume import RAS_TO_LPS, Geometry, SourceGrid, canonical_geometry

GZIP_MAGIC = b"\x1f\x8b"
NPY_MAGIC = b"\x93NUMPY"
NIFTI2_BYTES = 540
SPACE_UNIT_BITS = 7
UNIT_MM = {1: 1000.0, 2: 1.0, 3: 0.001}  # NIfTI's codes for metre, millimetre, micrometre
MAX_EXTENSION_BYTES = 1024 * 1024
BASE_TOLERANCE_MM = 0.1
TOLERANCE_SHARE = 0.1
COLUMNS_FIRST = SourceGrid((2, 1, 0))
NIFTI_ARRAY: Any = ArrayProxy  # nibabel's own types are incomplete
DAMAGED = (OSError, EOFError, ValueError, zlib.error, HeaderDataError)
# What numpy's reading of a damaged header, a Python literal, can end in.
DAMAGED_NPY = (*DAMAGED, SyntaxError, tokenize.TokenError, TypeError, OverflowError, RecursionError, MemoryError)


@dataclass(frozen=True)
class FileGrid:
    """The array of a mask file: its shape in the file's axis order, and where it lies (None: the file says nothing)."""

    shape: tuple[int, int, int]
    affine_lps: npt.NDArray[np.float64] | None


def put_nifti(builder: LabelBuilder, path: Path, name: str, *, spatial: bool) -> None:
    """Put a NIfTI-1 or -2 mask (.nii or .nii.gz), read slab by slab along its last axis."""
    try:
        with _open_nifti(path) as stream:
            header = _nifti_header(stream, name)
            shape = _three_axes(header.get_data_shape(), name)
            grid = FileGrid(shape, _nifti_affine(header, shape))
            layout = _matching_layout(grid, builder.geometry, spatial=spatial)
            target = layout.to_file(builder.labels)
            proxy = NIFTI_ARRAY(stream, header)
            for k in range(grid.shape[2]):
                index = (slice(None), slice(None), k, *[0] * 4)[: len(proxy.shape)]
                builder.put(target[:, :, k], np.asarray(proxy[index]), name)
    except DAMAGED as error:
        raise MaskUnreadable(f"{name} is a damaged or unfinished NIfTI file. Export it again.") from error


def put_npy(builder: LabelBuilder, path: Path, name: str) -> None:
    """Put a NumPy array in the layout of the source file (as the NPY download has it); mapped, pickles never loaded."""
    try:
        values = np.lib.format.open_memmap(path, mode="r")
    except DAMAGED_NPY as error:
        raise MaskUnreadable(f"{name} is no complete NumPy file of plain numbers. Save it with numpy.save.") from error
    target = npy_view(builder.labels, builder.geometry)
    if values.ndim == 3 and target.ndim == 2:
        target = builder.geometry.source.to_file(builder.labels)
    if values.shape != target.shape:
        _check_npy_shape(values.shape, builder.geometry, name)
    for target_part, values_part in zip(target, values, strict=True):
        builder.put(target_part, values_part, name)


def put_itk(builder: LabelBuilder, path: Path, name: str, *, spatial: bool) -> None:
    """Put an NRRD or MetaImage mask, read slab by slab; header and values must be in the one file."""
    try:
        with path.open("rb") as stream:
            header = read_itk_header(stream, name)
            grid = FileGrid(_three_axes(header.sizes, name), header.affine_lps)
            layout = _matching_layout(grid, builder.geometry, spatial=spatial)
            target = layout.to_file(builder.labels)
            unpacked = itk_values(stream, header)
            slab_bytes = grid.shape[0] * grid.shape[1] * header.dtype.itemsize
            for k in range(grid.shape[2]):
                values = np.frombuffer(unpacked.read(slab_bytes), header.dtype).reshape(grid.shape[:2], order="F")
                builder.put(target[:, :, k], values, name)
    except DAMAGED as error:
        raise MaskUnreadable(f"{name} is damaged or unfinished. Export it again.") from error


def npy_view(array: npt.NDArray[Any], geometry: Geometry) -> npt.NDArray[Any]:
    """A view of ``(z, y, x)`` in the source file's layout; without the slice axis when there is one slice."""
    view = geometry.source.to_file(array)
    return view.squeeze(geometry.source.axes.index(0)) if geometry.shape[0] == 1 else view


def tolerance_mm(geometry: Geometry) -> float:
    """How far a mask's voxels may lie from the series': 0.1 mm, or a tenth of the shortest voxel edge when that is
    more (files round their positions), but never more than half an edge (that would be the next voxel)."""
    edge = min(geometry.spacing)
    return min(max(BASE_TOLERANCE_MM, TOLERANCE_SHARE * edge), edge / 2)


def _matching_layout(grid: FileGrid, geometry: Geometry, *, spatial: bool) -> SourceGrid:
    """How the file's array maps onto the series, once shape and position are known to agree."""
    if grid.affine_lps is None:
        return _layout_without_position(grid, geometry, spatial=spatial)
    try:
        own = canonical_geometry(grid.affine_lps, grid.shape)
    except ValueError as error:
        raise MaskWrongGeometry("The mask's orientation matrix is not usable. Export it again.") from error
    check_shape(own.shape, geometry.shape)
    if spatial and not own.same_grid(geometry, tolerance_mm=tolerance_mm(geometry)):
        raise MaskWrongGeometry(_difference(own, geometry))
    return own.source


def _layout_without_position(grid: FileGrid, geometry: Geometry, *, spatial: bool) -> SourceGrid:
    """Without a stated orientation only the source file's own layout is certain; pictures have no orientation."""
    if grid.shape == _file_shape(geometry):
        return geometry.source
    if not spatial:
        check_shape((grid.shape[2], grid.shape[1], grid.shape[0]), geometry.shape)
        return COLUMNS_FIRST
    if sorted(grid.shape) != sorted(geometry.shape):
        check_shape((grid.shape[2], grid.shape[1], grid.shape[0]), geometry.shape)
    raise MaskWrongGeometry(
        "The mask file does not say how it is oriented, and its axes are not those of the series. "
        "Export it with the position and orientation of the series."
    )


def _difference(own: Geometry, series: Geometry) -> str:
    """Name the first thing that differs: spacing, orientation or position."""
    advice = "Export the mask on the grid of the series, without resampling or moving it."
    if any(abs(a - b) > TOLERANCE_SHARE * b for a, b in zip(own.spacing, series.spacing, strict=True)):
        mine, theirs = (" x ".join(f"{value:.4g}" for value in each.spacing) for each in (own, series))
        return f"The mask's voxels are {mine} mm (z, y, x), those of the series {theirs} mm. {advice}"
    if not np.allclose(own.direction, series.direction, atol=0.01):
        return f"The mask is oriented differently from the series. {advice}"
    distance = float(np.linalg.norm(np.subtract(own.origin, series.origin)))
    return f"The mask lies {distance:.1f} mm away from the series. {advice}"


def _file_shape(geometry: Geometry) -> tuple[int, int, int]:
    first, second, third = geometry.source.axes
    return (geometry.shape[first], geometry.shape[second], geometry.shape[third])


def _check_npy_shape(found: tuple[int, ...], geometry: Geometry, name: str) -> None:
    """Raise the most telling error for an array that does not have the expected shape."""
    expected = _file_shape(geometry)
    if len(found) == 3:
        axes = geometry.source.axes
        by_axis = dict(zip(axes, found, strict=True))
        check_shape((by_axis[0], by_axis[1], by_axis[2]), geometry.shape)
    if len(found) == 2:
        check_shape((1, found[0], found[1]), geometry.shape)
    raise MaskUnreadable(f"{name} is an array of shape {found}; expected {expected}, like the file of the series.")


def _three_axes(shape: tuple[int, ...], name: str) -> tuple[int, int, int]:
    sizes = [int(size) for size in shape]
    if not 2 <= len(sizes) <= 7 or any(size != 1 for size in sizes[3:]) or min(sizes) < 1:
        raise MaskUnreadable(f"{name} has {len(sizes)} axes of sizes {sizes}. A mask is one volume of three axes.")
    return (sizes[0], sizes[1], sizes[2] if len(sizes) > 2 else 1)


@contextmanager
def _open_nifti(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as raw:
        packed = raw.read(2) == GZIP_MAGIC
        raw.seek(0)
        if not packed:
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) as stream:
            yield stream  # type: ignore[misc]  # typeshed: GzipFile is a binary stream but no IO[bytes]


def _nifti_header(stream: IO[bytes], name: str) -> Any:
    """The header alone; extensions are not read, for a compressed file could make them any size."""
    block = stream.read(NIFTI2_BYTES)
    kind: Any = nibabel.Nifti2Header if block[4:7] == b"n+2" else nibabel.Nifti1Header
    if block[4:7] != b"n+2" and block[344:347] != b"n+1":
        raise MaskUnreadable(f"{name} is no NIfTI file (.nii or .nii.gz with image and header in one).")
    header = kind(block[: kind.template_dtype.itemsize])
    if not 0 <= header.get_data_offset() <= MAX_EXTENSION_BYTES:
        raise MaskUnreadable(f"{name} is a damaged NIfTI file. Export it again.")
    return header


def _nifti_affine(header: Any, shape: tuple[int, int, int]) -> npt.NDArray[np.float64] | None:
    """The first usable orientation that is stated, in LPS mm: sform, then qform, chosen as ``spineml.nifti`` does."""
    scale = UNIT_MM.get(int(header["xyzt_units"]) & SPACE_UNIT_BITS, 1.0)
    sizes_stated = not np.allclose(np.abs(header.get_zooms()[:3]) * scale, 1.0)
    for code, read in (("sform_code", header.get_sform), ("qform_code", header.get_qform)):
        if int(header[code]) <= 0:
            continue
        affine: npt.NDArray[np.float64] = np.diag([scale, scale, scale, 1.0]) @ read()
        placeholder = np.allclose(affine, np.eye(4)) and sizes_stated
        if not placeholder and _is_usable(RAS_TO_LPS @ affine, shape):
            return RAS_TO_LPS @ affine
    return None


def _is_usable(affine_lps: npt.NDArray[np.float64], shape: tuple[int, int, int]) -> bool:
    try:
        canonical_geometry(affine_lps, shape)
    except ValueError:
        return False
    return True
