"""Where the bytes of each frame lie in a DICOM file, so that a frame is read without the others (DICOM PS3.5 A.4)."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from pydicom.dataset import Dataset

from spineml.message import message
from spineml.readers.dicom.values import bytes_of
from spineml.readers.series import FileNotUsed

ITEM, DELIMITER = 0xFFFEE000, 0xFFFEE0DD
# The first bytes of a frame: JPEG and JPEG-LS, JPEG 2000, and its file format.
FRAME_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP")
MOST_ITEMS = 200_000
Span = tuple[int, int]  # offset and length in the file
FrameBytes = tuple[Span, ...]
DAMAGED = message("The encoded pixel data are damaged. Export the series again.")


def native_frames(offset: int, length: int, size: int, each: int, count: int) -> tuple[FrameBytes, ...] | None:
    """``count`` frames of ``each`` bytes, one after the other; None where they are not all there."""
    if offset + length > size or length < each * count:
        return None
    return tuple(((offset + index * each, each),) for index in range(count))


def encoded_frames(
    stream: BinaryIO, offset: int, size: int, dataset: Dataset, count: int
) -> tuple[FrameBytes, ...] | None:
    """The fragments of each of ``count`` frames; None where the data are cut off.

    Raises:
        FileNotUsed: the fragments are no fragments, or do not tell the frames apart.
    """
    items = _items(stream, offset, size)
    if items is None:
        return None
    table, fragments = items[:1], items[1:]
    if len(fragments) < count:
        return None
    if count == 1:
        return (tuple(fragments),)
    if len(fragments) == count:
        return tuple((fragment,) for fragment in fragments)
    starts = _starts(stream, table[0], fragments, dataset, count)
    bounds = [*starts, len(fragments)]
    if len(starts) != count or starts[0] != 0:
        raise FileNotUsed("damaged-dicom", DAMAGED)
    return tuple(tuple(fragments[low:high]) for low, high in itertools.pairwise(bounds))


def _items(stream: BinaryIO, offset: int, size: int) -> list[Span] | None:
    """The offset table and the fragments, as spans of their contents; None where the last one is cut off."""
    found: list[Span] = []
    place = offset
    while place + 8 <= size:
        stream.seek(place)
        group, element, length = struct.unpack("<HHI", stream.read(8))
        tag = group << 16 | element
        if tag == DELIMITER:
            return found
        if tag != ITEM:
            raise FileNotUsed("damaged-dicom", DAMAGED)
        if place + 8 + length > size:
            return None
        if len(found) > MOST_ITEMS:
            raise FileNotUsed("damaged-dicom", DAMAGED)
        found.append((place + 8, length))
        place += 8 + length
    return found if place == size else None  # some writers leave the delimiter out


def _starts(stream: BinaryIO, table: Span, fragments: Sequence[Span], dataset: Dataset, count: int) -> list[int]:
    """The number of the first fragment of each frame: by a table of offsets, else by how a frame begins."""
    base = table[0] + table[1]
    by_offset = {place - 8 - base: number for number, (place, _) in enumerate(fragments)}
    extended = bytes_of(dataset, "ExtendedOffsetTable")
    if len(extended) == 8 * count:
        offsets: Sequence[int] = struct.unpack(f"<{count}Q", extended)
    elif table[1] == 4 * count:
        stream.seek(table[0])
        offsets = struct.unpack(f"<{count}I", stream.read(table[1]))
    else:
        return [number for number, (place, _) in enumerate(fragments) if _begins_a_frame(stream, place)]
    found = [by_offset[offset] for offset in offsets if offset in by_offset]
    return found if found == sorted(set(found)) else []


def _begins_a_frame(stream: BinaryIO, place: int) -> bool:
    stream.seek(place)
    return stream.read(8).startswith(FRAME_STARTS)


def frame_content(path: Path, spans: FrameBytes) -> bytes:
    """The bytes of one frame, its fragments put together."""
    with path.open("rb") as stream:
        parts = []
        for offset, length in spans:
            stream.seek(offset)
            parts.append(stream.read(length))
    return b"".join(parts)
