"""The files that a person sent as one mask: what systems added is left out, and a zip stands for what is in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path

from spineml.errors import ArchiveRejected, ArchiveTooLarge
from spineml.masks.labels import MaskUnreadable
from spineml.message import message
from spineml.readers.archives.archive import ZipLimits, is_zip, unpack
from spineml.readers.archives.ignored_files import archive_of, is_clutter, is_document
from spineml.readers.series import ReceivedFile
from spineml.volumes.volume import Geometry

BYTES_PER_VOXEL = 8
SPARE_BYTES = 1024 * 1024
SPARE_FILES = 64
NAMES_SHOWN = 5
TOO_MUCH = message("The zip archive contains far more than a mask of this series. Send only the mask.")
ANY_RATIO = 2000.0  # zeros deflate a thousand times: here the size of the series is the bound


@contextmanager
def mask_files(files: Sequence[ReceivedFile], geometry: Geometry) -> Iterator[list[ReceivedFile]]:
    """The files of a mask; those of a zip lie in a folder that is removed afterwards.

    Raises:
        MaskUnreadable: the zip cannot be unpacked, or holds more than a mask of this series can.
    """
    wanted = [file for file in files if len(files) == 1 or _may_be_mask(file.name)]
    if len(wanted) != 1 or not is_zip(wanted[0].path):
        yield wanted
        return
    with tempfile.TemporaryDirectory(prefix="mask") as folder:
        yield _unpacked(wanted[0].path, Path(folder), geometry)


def refuse_mixture(kinds: Mapping[ReceivedFile, str]) -> None:
    """Say which of several files are no pictures of slices, or that there are several masks.

    Raises:
        MaskUnreadable: always.
    """
    others = [file for file, kind in kinds.items() if kind == "unknown"]
    if len(others) == len(kinds):
        raise why_unknown(others[0])
    volumes = [file for file, kind in kinds.items() if kind not in ("unknown", "png")]
    if others:
        raise MaskUnreadable(
            message("Not a mask or a PNG of a slice: {names}. Send the mask without it.", names=_listed(others))
        )
    if len(volumes) < len(kinds):
        raise MaskUnreadable(
            message(
                "Besides the PNGs there is {names}. Upload either one mask file, or PNGs only (one per slice).",
                names=_listed(volumes),
            )
        )
    raise MaskUnreadable(message("There are several mask files: {names}. Upload only one.", names=_listed(volumes)))


def why_unknown(file: ReceivedFile) -> MaskUnreadable:
    """What is said of a single file that no mask is read from."""
    if archive := archive_of(file.path, file.name):
        return MaskUnreadable(
            message(
                "Archives of the kind {kind} are not opened. Upload a zip of PNGs, or the mask itself.", kind=archive
            )
        )
    return MaskUnreadable(
        message(
            "{name} is not a supported mask format. Upload a PNG, a zip of PNGs, NIfTI, NRRD, MHA or NPY file.",
            name=file.name,
        )
    )


def _unpacked(path: Path, into: Path, geometry: Geometry) -> list[ReceivedFile]:
    """No honest file of a mask takes more than 8 bytes for a voxel, and some room for notes."""
    voxels = BYTES_PER_VOXEL * prod(geometry.shape)
    files = 2 * geometry.shape[0] + SPARE_FILES
    room = voxels + SPARE_BYTES * (geometry.shape[0] + 1)
    limits = ZipLimits(max_files=20_000, max_total_bytes=room, max_ratio=ANY_RATIO)
    try:
        unpacked = unpack(path, into, limits, wanted=_may_be_mask)
    except ArchiveTooLarge as error:
        raise MaskUnreadable(TOO_MUCH) from error
    except ArchiveRejected as error:
        raise MaskUnreadable(error.message) from error
    if unpacked.verdicts:
        verdict = unpacked.verdicts[0]
        raise MaskUnreadable(message("{name}: {reason}", name=verdict.name, reason=verdict.reason))
    if len(unpacked.files) > files:
        raise MaskUnreadable(TOO_MUCH)
    return unpacked.files


def _may_be_mask(name: str) -> bool:
    return not (is_clutter(name) or is_document(name))


def _listed(files: Sequence[ReceivedFile]) -> str:
    more = " …" if len(files) > NAMES_SHOWN else ""
    return ", ".join(file.name for file in files[:NAMES_SHOWN]) + more
