"""Reading a mask that somebody uploaded: what it is, that it fits the series, and its labels on the series' grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from spineml.errors import MaskRejected
from spineml.itk_volume import is_itk
from spineml.mask_arrays import put_itk, put_nifti, put_npy
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
from spineml.message import message
from spineml.nifti_header import nifti_start
from spineml.npy_header import is_npy
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
    kinds = {file: _kind_of(file.path) for file in files}
    if not kinds:
        raise MaskUnreadable(message("No mask file was sent."))
    for file in files:
        if file.path.stat().st_size == 0:
            raise MaskUnreadable(message("{name} is empty. Export the mask again.", name=file.name))
    volumes = [file for file, kind in kinds.items() if kind != "unknown"]
    if set(kinds.values()) == {"png"}:
        put_png_files(builder, files)
    elif len(files) > 1 and [kinds[file] for file in volumes] != ["itk"]:
        raise MaskUnreadable(message("Upload either one mask file, or PNGs only (one for each slice)."))
    else:
        file = volumes[0] if volumes else files[0]
        companions = {other.name: other for other in files if other is not file}
        _put_single(builder, file, companions, kinds[file], spatial=spatial and geometry.spacing_known)
    return builder.finish()


def _put_single(
    builder: LabelBuilder,
    file: ReceivedFile,
    companions: Mapping[str, ReceivedFile],
    kind: FileKind,
    *,
    spatial: bool,
) -> None:
    if kind == "zip":
        put_png_zip(builder, file.path)
    elif kind == "npy":
        put_npy(builder, file.path, file.name)
    elif kind == "nifti":
        put_nifti(builder, file.path, file.name, spatial=spatial)
    elif kind == "itk":
        put_itk(builder, file, companions, spatial=spatial)
    else:
        raise MaskUnreadable(
            message(
                "{name} is of a kind that masks cannot be read from. Upload a PNG, a zip of PNGs, NIfTI, NRRD, MHA or "
                "NPY file.",
                name=file.name,
            )
        )


def _kind_of(path: Path) -> FileKind:
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if head.startswith(PNG_MAGIC):
        return "png"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if is_npy(head):
        return "npy"
    if is_itk(head):
        return "itk"
    return "nifti" if nifti_start(path) is not None else "unknown"
