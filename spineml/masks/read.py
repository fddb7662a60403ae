"""Reading a mask that somebody uploaded: what it is, that it fits the series, and its labels on the series' grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from spineml.errors import MaskRejected
from spineml.masks.arrays import put_itk, put_nifti, put_npy
from spineml.masks.files import mask_files, refuse_mixture, why_unknown
from spineml.masks.label_map import LabelMap, LabelMapBuilder
from spineml.masks.labels import (
    LabelBuilder,
    MaskBuilder,
    MaskEmpty,
    MaskFull,
    MaskTooManyValues,
    MaskUnreadable,
    MaskWrongGeometry,
    MaskWrongSize,
    MaskWrongSliceCount,
)
from spineml.masks.png import NO_NAMES, PNG_MAGIC, MaskOrderUnclear, put_png_files
from spineml.message import message
from spineml.readers.archives.archive import is_zip
from spineml.readers.headers.itk_volume import is_itk
from spineml.readers.headers.nifti import nifti_start
from spineml.readers.headers.npy import is_npy
from spineml.readers.series import PictureOrder, ReceivedFile
from spineml.readers.slice_names import SourceNames
from spineml.volumes.volume import Geometry, Mask

__all__ = [
    "MaskEmpty",
    "MaskFull",
    "MaskOrderUnclear",
    "MaskRejected",
    "MaskTooManyValues",
    "MaskUnreadable",
    "MaskWrongGeometry",
    "MaskWrongSize",
    "MaskWrongSliceCount",
    "read_label_map",
    "read_mask",
]

FileKind = Literal["png", "npy", "nifti", "itk", "unknown"]
HEAD_BYTES = 4096


def read_mask(
    files: Sequence[ReceivedFile],
    geometry: Geometry,
    *,
    every_label: bool = False,
    spatial: bool = True,
    names: SourceNames = NO_NAMES,
    order: PictureOrder = "",
) -> Mask:
    """Read a mask for the series with this geometry; kinds are told by content, not by name.

    Accepted: one NIfTI, NRRD, MHA or NPY file; one PNG per slice; or either in a zip. What systems leave in folders
    and documents beside a mask are left out. PNGs have the source's rows and columns where it was acquired in axial
    slices, else the canonical ones; NPY has the layout of the source file (``(row, column)`` for one slice): as
    ``spineml.masks.export`` writes them. NIfTI, NRRD and MHA may store the same grid in any axis order or
    direction, or a part of it that was cropped to what is marked (as 3D Slicer does): the rest is background.

    Args:
        every_label: any value above 0 is spine (label maps); else 0 and one other value are accepted.
        spatial: False when the series comes from pictures or bare arrays, which have no position: only the shape
            of a mask is then compared, as it is when ``geometry.spacing_known`` is False.
        names: of the files that the series was made of: PNGs of the same names belong to the same slices.
        order: whether PNGs of other names begin at the lowest slice or at the highest; "" is the lowest, if nothing
            speaks against it.

    Returns:
        Labels 0 and 1. One uint8 volume is held; the files are read part by part.

    Raises:
        MaskRejected: one subclass for each reason, each with its own code.
    """
    builder = LabelBuilder(geometry, every_label=every_label)
    _put(builder, files, spatial=spatial, names=names, order=order)
    return builder.finish()


def read_label_map(
    files: Sequence[ReceivedFile],
    geometry: Geometry,
    *,
    spatial: bool = True,
    names: SourceNames = NO_NAMES,
    order: PictureOrder = "",
) -> LabelMap:
    """Read a label map for the series with this geometry, from the same files and in the same way as `read_mask`.

    Its values stay apart, with what the file says of them (the segments of a 3D Slicer ``.seg.nrrd``): which label of
    a task each is, is decided afterwards (`spineml.tasks.mapping`).

    Raises:
        MaskRejected: one subclass for each reason, each with its own code.
    """
    builder = LabelMapBuilder(geometry)
    _put(builder, files, spatial=spatial, names=names, order=order)
    return builder.finish()


def _put(
    builder: MaskBuilder, files: Sequence[ReceivedFile], *, spatial: bool, names: SourceNames, order: PictureOrder
) -> None:
    geometry = builder.geometry
    with mask_files(files, geometry) as found:
        kinds = {file: _kind_of(file) for file in found}
        volumes = [file for file, kind in kinds.items() if kind != "unknown"]
        if not kinds:
            raise MaskUnreadable(message("No mask file was sent."))
        if set(kinds.values()) == {"png"}:
            put_png_files(builder, found, names, order)
        elif len(kinds) > 1 and [kinds[file] for file in volumes] != ["itk"]:
            refuse_mixture(kinds)
        else:
            file = volumes[0] if volumes else found[0]
            companions = {other.name: other for other in found if other is not file}
            _put_single(builder, file, companions, kinds[file], spatial=spatial and geometry.spacing_known)


def _put_single(
    builder: MaskBuilder,
    file: ReceivedFile,
    companions: Mapping[str, ReceivedFile],
    kind: FileKind,
    *,
    spatial: bool,
) -> None:
    if kind == "npy":
        put_npy(builder, file.path, file.name)
    elif kind == "nifti":
        put_nifti(builder, file.path, file.name, spatial=spatial)
    elif kind == "itk":
        put_itk(builder, file, companions, spatial=spatial)
    else:
        raise why_unknown(file)


def _kind_of(file: ReceivedFile) -> FileKind:
    path = file.path
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if not head:
        raise MaskUnreadable(message("{name} is empty. Export the mask again.", name=file.name))
    if head.startswith(PNG_MAGIC):
        return "png"
    if is_zip(path):  # the upload itself was opened
        raise MaskUnreadable(
            message("{name} is an archive among other files. Send it alone, or unpack it.", name=file.name)
        )
    if is_npy(head):
        return "npy"
    if is_itk(head):
        return "itk"
    return "nifti" if nifti_start(path) is not None else "unknown"
