"""Reading a mask that somebody uploaded: what it is, that it fits the series, and its labels on the series' grid."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from spineml.errors import MaskRejected
from spineml.mask_arrays import GZIP_MAGIC, NPY_MAGIC, put_itk, put_nifti, put_npy
from spineml.mask_itk import NRRD_MAGIC
from spineml.mask_labels import (
    LabelBuilder,
    MaskEmpty,
    MaskTooManyValues,
    MaskUnreadable,
    MaskWrongGeometry,
    MaskWrongSize,
    MaskWrongSliceCount,
)
from spineml.mask_pictures import PNG_MAGIC, put_png_files, put_png_zip
from spineml.series import ReceivedFile
from spineml.volume import Geometry, Mask

__all__ = [
    "MaskEmpty",
    "MaskRejected",
    "MaskTooManyValues",
    "MaskUnreadable",
    "MaskWrongGeometry",
    "MaskWrongSize",
    "MaskWrongSliceCount",
    "read_mask",
]

FileKind = Literal["png", "zip", "npy", "nifti", "itk", "unknown"]
HEAD_BYTES = 4096


def read_mask(
    files: Sequence[ReceivedFile], geometry: Geometry, *, every_label: bool = False, spatial: bool = True
) -> Mask:
    """Read a mask for the series with this geometry; kinds are told by content, not by name.

    Accepted: one NIfTI, NRRD, MHA or NPY file; one PNG per slice, as files or in a zip, in the natural order of
    their names. PNGs have the source's rows and columns where it was acquired in axial slices, else the canonical
    ones; NPY has the layout of the source file (``(row, column)`` for one slice): as ``spineml.export`` writes them.
    NIfTI, NRRD and MHA may store the same grid in any axis order or direction.

    Args:
        every_label: any value above 0 is spine (label maps); else 0 and one other value are accepted.
        spatial: False when the series comes from pictures or bare arrays, which have no position: only the shape
            of a mask is then compared, as it is when ``geometry.spacing_known`` is False.

    Returns:
        Labels 0 and 1. One uint8 volume is held; the files are read part by part.

    Raises:
        MaskRejected: one subclass for each reason, each with its own code.
    """
    builder = LabelBuilder(geometry, every_label=every_label)
    kinds = {_kind_of(file.path) for file in files}
    if not kinds:
        raise MaskUnreadable("No mask file was sent.")
    for file in files:
        if file.path.stat().st_size == 0:
            raise MaskUnreadable(f"{file.name} is empty. Export the mask again.")
    if kinds == {"png"}:
        put_png_files(builder, files)
    elif len(files) > 1:
        raise MaskUnreadable("Upload either one mask file, or PNGs only (one for each slice).")
    else:
        _put_single(builder, files[0], kinds.pop(), spatial=spatial and geometry.spacing_known)
    return builder.finish()


def _put_single(builder: LabelBuilder, file: ReceivedFile, kind: FileKind, *, spatial: bool) -> None:
    if kind == "zip":
        put_png_zip(builder, file.path)
    elif kind == "npy":
        put_npy(builder, file.path, file.name)
    elif kind == "nifti":
        put_nifti(builder, file.path, file.name, spatial=spatial)
    elif kind == "itk":
        put_itk(builder, file.path, file.name, spatial=spatial)
    else:
        raise MaskUnreadable(
            f"{file.name} is of a kind that masks cannot be read from. Upload a PNG, a zip of PNGs, NIfTI, NRRD, MHA "
            "or NPY file."
        )


def _kind_of(path: Path) -> FileKind:
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if head.startswith(PNG_MAGIC):
        return "png"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(NPY_MAGIC):
        return "npy"
    if head.startswith(NRRD_MAGIC) or b"ElementDataFile" in head:
        return "itk"
    if head.startswith(GZIP_MAGIC):
        head = _unpacked_head(path)
    return "nifti" if head[344:347] == b"n+1" or head[4:7] == b"n+2" else "unknown"


def _unpacked_head(path: Path) -> bytes:
    try:
        with gzip.open(path) as stream:
            return stream.read(HEAD_BYTES)
    except (OSError, EOFError, zlib.error):
        return b""
