"""Masks as arrays: NIfTI, NRRD, MHA and NPY, put onto the grid of the series without interpolation.

Headers are read as those of CT are, so that no file means one thing as a CT and another as a mask.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spineml.errors import MaskRejected
from spineml.masks.grid import FileGrid, Layout, file_shape, matching_layout, tolerance_mm
from spineml.masks.labels import MaskBuilder, MaskUnreadable, MaskWrongGeometry, check_shape
from spineml.message import message
from spineml.readers.headers.itk_volume import companion_of, open_values, read_header
from spineml.readers.headers.nifti import NiftiHeader, read_nifti_header
from spineml.readers.headers.npy import read_npy_header
from spineml.readers.mapped_series import as_volume_shape, check_kind, check_voxels, truncated
from spineml.readers.series import FileNotUsed, ReceivedFile
from spineml.readers.unpacking import Readable, ValuesDamaged, maybe_gzip, skip
from spineml.volumes.volume import Geometry, LabelArray

PART = 2**21


def put_nifti(builder: MaskBuilder, path: Path, name: str, *, spatial: bool) -> None:
    """Put a NIfTI-1 or -2 mask (.nii or .nii.gz), read slab by slab along its last axis.

    Raises:
        MaskRejected: it is damaged, or does not fit the series.
    """
    with _told_of(name):
        header = read_nifti_header(path)
        shape = as_volume_shape(header.sizes)
        check_voxels(shape)
        check_kind(header.dtype)
        target = _nifti_layout(header, shape, builder.geometry, spatial=spatial).to_file(builder.labels)
        with maybe_gzip(path) as (stream, _):
            skip(stream, header.offset)
            for values, part in _slabs(stream, header.dtype, target):
                scaled = values * header.slope + header.intercept if header.is_scaled else values
                builder.put(part, scaled, name)


def put_npy(builder: MaskBuilder, path: Path, name: str) -> None:
    """Put a NumPy array in the layout of the source file (as the NPY download has it); mapped, pickles never loaded.

    Raises:
        MaskRejected: it is damaged, or does not fit the series.
    """
    with _told_of(name):
        header = read_npy_header(path)
        target = npy_view(builder.labels, builder.geometry)
        if len(header.shape) == 3 and target.ndim == 2:
            target = builder.geometry.source.to_file(builder.labels)
        if header.shape != target.shape:
            _check_npy_shape(header.shape, builder.geometry, name)
        if path.stat().st_size < header.offset + target.size * header.dtype.itemsize:
            raise truncated()
    values = np.memmap(path, header.dtype, "r", header.offset, header.shape, header.order)
    for target_part, values_part in zip(target, values, strict=True):
        builder.put(target_part, values_part, name)


def put_itk(builder: MaskBuilder, file: ReceivedFile, companions: Mapping[str, ReceivedFile], *, spatial: bool) -> None:
    """Put an NRRD or MetaImage mask, read slab by slab; its values are in the file or in one of ``companions``.

    Raises:
        MaskRejected: it is damaged, or does not fit the series.
    """
    with _told_of(file.name):
        header = read_header(file.path)
        data = companion_of(file, header, companions)
        builder.describe(header.remarks)
        grid = FileGrid(header.shape, header.affine_lps if header.has_position else None)
        check_voxels(grid.shape)
        target = matching_layout(grid, builder.geometry, spatial=spatial).to_file(builder.labels)
        with open_values(header, (data or file).path) as stream:
            for values, part in _slabs(stream, header.dtype, target):
                builder.put(part, values, file.name)


@contextmanager
def _told_of(name: str) -> Iterator[None]:
    """What a reader of volumes refuses, as the refusal of a mask.

    Raises:
        MaskUnreadable: with the reader's reason.
    """
    try:
        yield
    except FileNotUsed as refused:
        raise MaskUnreadable(message("{name}: {reason}", name=name, reason=refused.reason)) from refused
    except ValuesDamaged as error:
        raise MaskUnreadable(message("{name} is damaged or unfinished. Export it again.", name=name)) from error


def _slabs(stream: Readable, dtype: np.dtype[Any], target: LabelArray) -> Iterator[tuple[npt.NDArray[Any], LabelArray]]:
    """The values in the order in which they lie, some columns of one index of the last axis at a time, and where to."""
    first, second, depth = target.shape
    columns = max(1, PART // first)
    for k in range(depth):
        for start in range(0, second, columns):
            part = target[:, start : start + columns, k]
            raw = stream.read(part.size * dtype.itemsize)
            if len(raw) < part.size * dtype.itemsize:
                raise ValuesDamaged
            yield np.frombuffer(raw, dtype).reshape(part.shape, order="F"), part


def _nifti_layout(header: NiftiHeader, shape: tuple[int, int, int], geometry: Geometry, *, spatial: bool) -> Layout:
    """The layout by the orientation that counts; refused where the other one would place the mask elsewhere, too.

    Two orientations that disagree are no harm while only the first fits the series. Where both fit, or only the other
    one does, nobody can tell from the file for which of them the mask was drawn.
    """
    grids = [FileGrid(shape, affine) for affine in header.forms.values()] or [FileGrid(shape, None)]
    if len(grids) < 2 or not spatial or header.disagreement_mm(shape) <= tolerance_mm(geometry):
        return matching_layout(grids[0], geometry, spatial=spatial)
    other = _layout_or_none(grids[1], geometry)
    mine = _layout_or_none(grids[0], geometry)
    if other is None or other == mine:
        return matching_layout(grids[0], geometry, spatial=spatial)
    if mine is None:
        reason = message(
            "The file has two orientations: with its qform the mask fits the series, with its sform it does not. "
            "Export the mask with one orientation."
        )
    else:
        reason = message(
            "The file has two conflicting orientations (sform and qform) that both fit the series: left and right are "
            "ambiguous. Export the mask with one orientation, or as NumPy or PNG."
        )
    raise MaskWrongGeometry(reason)


def _layout_or_none(grid: FileGrid, geometry: Geometry) -> Layout | None:
    try:
        return matching_layout(grid, geometry, spatial=True)
    except MaskRejected:
        return None


def npy_view(array: npt.NDArray[Any], geometry: Geometry) -> npt.NDArray[Any]:
    """A view of ``(z, y, x)`` in the source file's layout; without the slice axis when there is one slice."""
    view = geometry.source.to_file(array)
    return view.squeeze(geometry.source.axes.index(0)) if geometry.shape[0] == 1 else view


def _check_npy_shape(found: tuple[int, ...], geometry: Geometry, name: str) -> None:
    """Raise the most telling error for an array that does not have the expected shape."""
    expected = file_shape(geometry)
    if len(found) == 3:
        axes = geometry.source.axes
        by_axis = dict(zip(axes, found, strict=True))
        check_shape((by_axis[0], by_axis[1], by_axis[2]), geometry.shape)
    if len(found) == 2:
        check_shape((1, found[0], found[1]), geometry.shape)
    raise MaskUnreadable(
        message(
            "{name} is an array of shape {found}; expected {expected}, like the file of the series.",
            name=name,
            found=str(found),
            expected=str(expected),
        )
    )
