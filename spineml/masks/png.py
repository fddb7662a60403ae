"""Masks as PNG pictures: one for each slice."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from spineml.errors import MaskRejected
from spineml.masks.labels import MaskBuilder, MaskUnreadable, MaskWrongSize, check_slice_count
from spineml.message import message
from spineml.readers.series import PictureOrder, ReceivedFile, natural_order
from spineml.readers.slice_names import SourceNames, numbered_by_the_export
from spineml.volumes.volume import Geometry

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
BYTES_PER_PIXEL = 8
SPARE_BYTES = 1024 * 1024
GREY_MODES = ("1", "L", "I", "I;16", "I;16B")
NO_NAMES = SourceNames()


class MaskOrderUnclear(MaskRejected):
    """The slice order of the images is unclear. Name them like the DICOM files, or choose their order."""

    code = "mask-order-unclear"


def put_png_files(
    builder: MaskBuilder, files: Sequence[ReceivedFile], source: SourceNames = NO_NAMES, order: PictureOrder = ""
) -> None:
    """Put one PNG per slice: each at the slice whose file had its name, else in the order of their numbers.

    Args:
        source: the names of the files of the series.
        order: whether the first by number ("slice 2" before "slice 10") is the lowest slice or the highest; with ""
            names that are those of the files decide, and others begin at the feet.
    """
    depth, *rows_and_columns = builder.geometry.shape
    rows, columns = rows_and_columns
    limit = _size_limit(builder.geometry)
    targets = picture_view(builder.labels, builder.geometry)
    places = _places([file.name for file in files], source, order, depth)
    for z, file in zip(places, files, strict=True):
        raw = _read_limited(file.path, limit)
        values, colours = decode_png(raw, file.name, (rows, columns), by_index=builder.by_index)
        builder.describe_colours(colours)
        builder.put(targets[z], values, file.name)


def picture_view(array: npt.NDArray[Any], geometry: Geometry) -> npt.NDArray[Any]:
    """A view of ``(z, y, x)`` whose slices have the rows and columns a person saw in their source.

    These are the source's own where it was acquired in such slices, else the canonical ones.
    """
    return geometry.source.to_file(array) if geometry.source.keeps_slices else array


def decode_png(
    raw: bytes, name: str, shape: tuple[int, int], *, by_index: bool = False
) -> tuple[npt.NDArray[Any], dict[int, str]]:
    """The grey values ``(row, column)`` of a PNG that must have this shape; checked before anything is decoded.

    A colour or palette picture is accepted when its channels are equal; transparent pixels are background. In a
    palette of other colours the index is the label; ``by_index``: also in a slice that has only greys of it.

    Returns:
        The values, and the colours (``#rrggbb``) of those that are an index.
    """
    if not raw.startswith(PNG_MAGIC) or raw[12:16] != b"IHDR" or len(raw) < 24:
        raise MaskUnreadable(message("{name} is not a PNG image.", name=name))
    width, height = struct.unpack(">II", raw[16:24])
    if (height, width) != shape:
        raise MaskWrongSize(
            message(
                "{name} is {width} x {height} pixels (width x height), the series has {expected_width} x "
                "{expected_height}. Export the mask without scaling or cropping.",
                name=name,
                width=width,
                height=height,
                expected_width=shape[1],
                expected_height=shape[0],
            )
        )
    try:
        with Image.open(io.BytesIO(raw), formats=["PNG"]) as picture:
            colours = _palette(picture)
            if by_index and colours:
                return np.asarray(picture), colours
            return _grey_values(picture, name), {}
    except (OSError, SyntaxError, ValueError, struct.error, zlib.error) as error:
        raise MaskUnreadable(message("{name} is a damaged PNG. Save it again and resend.", name=name)) from error


def _places(names: Sequence[str], source: SourceNames, order: PictureOrder, depth: int) -> list[int]:
    """The slice z of each picture.

    Raises:
        MaskOrderUnclear: its name does not say where a picture belongs.
        MaskWrongSliceCount: their number differs from that of the slices.
    """
    by_name = source.slices_of(names) if not order else None
    if by_name is not None and len(names) == sum(map(bool, source.parts)):
        return by_name
    check_slice_count(len(names), depth)
    if not order and source.from_the_head and not numbered_by_the_export(names):
        raise MaskOrderUnclear
    ranks = {at: z for z, at in enumerate(sorted(range(depth), key=lambda at: natural_order(names[at])))}
    return [depth - 1 - ranks[at] if order == "from-head" else ranks[at] for at in range(depth)]


def _grey_values(picture: Image.Image, name: str) -> npt.NDArray[Any]:
    if picture.mode in GREY_MODES and "transparency" not in picture.info:
        return np.asarray(picture)
    colours = np.asarray(picture.convert("RGBA"))
    red, green, blue, alpha = (colours[..., channel] for channel in range(4))
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return np.where(alpha > 0, red, 0)
    if picture.mode == "P":
        return np.asarray(picture)
    raise MaskUnreadable(
        message("{name} is a colour image. Save only the mask, in black (0) and white (255).", name=name)
    )


def _palette(picture: Image.Image) -> dict[int, str]:
    """The colours of a palette; empty where it has only greys, which are values themselves."""
    flat = picture.getpalette("RGB") if picture.mode == "P" else None
    entries = list(zip(*[iter(flat or [])] * 3, strict=False))
    if all(red == green == blue for red, green, blue in entries):
        return {}
    return {index: "#{:02x}{:02x}{:02x}".format(*entry) for index, entry in enumerate(entries)}


def _size_limit(geometry: Geometry) -> int:
    """No honest PNG of one slice is larger: 16-bit RGBA without compression, and some room for notes."""
    return BYTES_PER_PIXEL * geometry.shape[1] * geometry.shape[2] + SPARE_BYTES


def _read_limited(path: Path, limit: int) -> bytes:
    with path.open("rb") as stream:
        return _within(stream.read(limit + 1), limit)


def _within(raw: bytes, limit: int) -> bytes:
    """A larger picture is cut: its header still says what is wrong with it, and it does not decode."""
    return raw[:24] if len(raw) > limit else raw
