"""Masks as PNG pictures: one slice, several files, or a zip of them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from spineml.mask_labels import LabelBuilder, MaskUnreadable, MaskWrongSize, check_slice_count
from spineml.series import ReceivedFile, natural_order
from spineml.volume import Geometry

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
END_RECORD = b"PK\x05\x06"
END_RECORD_REACH = 22 + 65_535
BYTES_PER_PIXEL = 8
SPARE_BYTES = 1024 * 1024
DIRECTORY_BYTES = 16 * 1024 * 1024
ENCRYPTED = 0x1
GREY_MODES = ("1", "L", "I", "I;16", "I;16B")
DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)

Load = Callable[[], bytes]


def put_png_files(builder: LabelBuilder, files: Sequence[ReceivedFile]) -> None:
    """Put one PNG per slice, in the natural order of their names ("slice 2" before "slice 10")."""
    limit = _size_limit(builder.geometry)

    def loader(path: Path) -> Load:
        return lambda: _read_limited(path, limit)

    _put_pictures(builder, [(file.name, loader(file.path)) for file in files])


def put_png_zip(builder: LabelBuilder, path: Path) -> None:
    """Put the PNGs of a zip archive; they are decoded one by one in memory, nothing is unpacked to disk.

    Raises:
        MaskUnreadable: the archive is damaged, encrypted, or holds something else than PNGs.
    """
    _check_directory(path)
    limit = _size_limit(builder.geometry)
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not _is_clutter(member)]

            def loader(member: zipfile.ZipInfo) -> Load:
                return lambda: _read_member(archive, member, limit)

            _put_pictures(builder, [(member.filename, loader(member)) for member in members])
    except DAMAGED_ZIP as error:
        raise MaskUnreadable("The zip archive is damaged or incomplete. Pack the PNGs again and resend.") from error


def picture_view(array: npt.NDArray[Any], geometry: Geometry) -> npt.NDArray[Any]:
    """A view of ``(z, y, x)`` whose slices have the rows and columns a person saw in their source.

    These are the source's own where it was acquired in such slices, else the canonical ones.
    """
    return geometry.source.to_file(array) if geometry.source.keeps_slices else array


def decode_png(raw: bytes, name: str, shape: tuple[int, int]) -> npt.NDArray[Any]:
    """The grey values ``(row, column)`` of a PNG that must have this shape; checked before anything is decoded.

    A colour or palette picture is accepted when its channels are equal; transparent pixels are background. In a
    palette of other colours the index is the label.
    """
    if not raw.startswith(PNG_MAGIC) or raw[12:16] != b"IHDR" or len(raw) < 24:
        raise MaskUnreadable(f"{name} is no PNG picture.")
    width, height = struct.unpack(">II", raw[16:24])
    if (height, width) != shape:
        raise MaskWrongSize(
            f"{name} is {width} x {height} pixels (width x height), the series has {shape[1]} x {shape[0]}. "
            "Export the mask without scaling or cropping."
        )
    try:
        with Image.open(io.BytesIO(raw), formats=["PNG"]) as picture:
            return _grey_values(picture, name)
    except (OSError, SyntaxError, ValueError, struct.error, zlib.error) as error:
        raise MaskUnreadable(f"{name} is a damaged PNG. Save it again and resend.") from error


def _put_pictures(builder: LabelBuilder, pictures: list[tuple[str, Load]]) -> None:
    check_slice_count(len(pictures), builder.geometry.shape[0])
    rows, columns = builder.geometry.shape[1:]
    targets = picture_view(builder.labels, builder.geometry)
    ordered = sorted(pictures, key=lambda picture: natural_order(picture[0]))
    for target, (name, load) in zip(targets, ordered, strict=True):
        builder.put(target, decode_png(load(), name, (rows, columns)), name)


def _grey_values(picture: Image.Image, name: str) -> npt.NDArray[Any]:
    if picture.mode in GREY_MODES and "transparency" not in picture.info:
        return np.asarray(picture)
    colours = np.asarray(picture.convert("RGBA"))
    red, green, blue, alpha = (colours[..., channel] for channel in range(4))
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return np.where(alpha > 0, red, 0)
    if picture.mode == "P":
        return np.asarray(picture)
    raise MaskUnreadable(f"{name} is a colour picture. Save the mask alone, in black (0) and white (255).")


def _size_limit(geometry: Geometry) -> int:
    """No honest PNG of one slice is larger: 16-bit RGBA without compression, and some room for notes."""
    return BYTES_PER_PIXEL * geometry.shape[1] * geometry.shape[2] + SPARE_BYTES


def _read_limited(path: Path, limit: int) -> bytes:
    with path.open("rb") as stream:
        return _within(stream.read(limit + 1), limit)


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes:
    if member.flag_bits & ENCRYPTED:
        raise MaskUnreadable("The zip archive is protected by a password. Pack the PNGs without one and resend.")
    with archive.open(member) as stream:
        return _within(stream.read(limit + 1), limit)


def _within(raw: bytes, limit: int) -> bytes:
    """A larger picture is cut: its header still says what is wrong with it, and it does not decode."""
    return raw[:24] if len(raw) > limit else raw


def _is_clutter(member: zipfile.ZipInfo) -> bool:
    """Folders, and what macOS and Windows add to every archive."""
    parts = member.filename.split("/")
    return member.is_dir() or "__MACOSX" in parts or parts[-1] in (".DS_Store", "Thumbs.db", "desktop.ini")


def _check_directory(path: Path) -> None:
    """Refuse a table of contents of millions of entries before zipfile loads it whole."""
    with path.open("rb") as stream:
        size = stream.seek(0, io.SEEK_END)
        stream.seek(max(0, size - END_RECORD_REACH))
        tail = stream.read()
    start = tail.rfind(END_RECORD)
    if start < 0 or len(tail) < start + 16:
        raise MaskUnreadable("The zip archive is damaged or incomplete. Pack the PNGs again and resend.")
    (directory_bytes,) = struct.unpack("<I", tail[start + 12 : start + 16])
    if directory_bytes > DIRECTORY_BYTES:
        raise MaskUnreadable("The zip archive holds far more files than a mask has slices.")
