"""Checks the header of a JPEG or JPEG-LS stream before it is handed to a decoder.

GDCM ends the whole process on some damaged headers instead of raising an error, and a worker must survive any file.
Marker codes: ITU-T T.81 table B.1 and T.87 C.1.1.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from pydicom.uid import (
    UID,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
)

SOI, JPEG_2000_START = b"\xff\xd8", b"\xff\x4f\xff\x51"
SOS, DHT, DQT, DRI, COM, LSE = 0xFFDA, 0xFFC4, 0xFFDB, 0xFFDD, 0xFFFE, 0xFFF8
SOF_BASELINE, SOF_EXTENDED, SOF_LOSSLESS, SOF_LS = 0xFFC0, 0xFFC1, 0xFFC3, 0xFFF7
FRAMES = {
    JPEGBaseline8Bit: {SOF_BASELINE},
    JPEGExtended12Bit: {SOF_BASELINE, SOF_EXTENDED},
    JPEGLossless: {SOF_LOSSLESS},
    JPEGLosslessSV1: {SOF_LOSSLESS},
    JPEGLSLossless: {SOF_LS},
    JPEGLSNearLossless: {SOF_LS},
}
APPLICATION = range(0xFFE0, 0xFFF0)
LOSSLESS_PREDICTORS = range(1, 8)


@dataclass
class _Tables:
    """What the segments before the scan defined."""

    frame: tuple[int, int, int, int] | None = None
    component: int = -1
    quantisation: int = -1
    huffman: set[int] = field(default_factory=set)
    quantisers: set[int] = field(default_factory=set)


def checked_jpeg(encoded: bytes, syntax: UID, shape: tuple[int, int], bits_allocated: int) -> bytes:
    """The stream without comments and application segments, once its header was found sound.

    It must hold one grey image of ``shape`` in the kind of JPEG that ``syntax`` (a key of ``FRAMES``) states.

    Raises:
        ValueError: the header is damaged or belongs to another image.
    """
    if encoded[:2] != SOI:
        raise ValueError("the stream does not begin like JPEG")
    tables, place, kept = _Tables(), 2, [SOI]
    while True:
        begin = place
        marker, body, place = _segment(encoded, begin)
        if marker == SOS:
            _check_scan(body, tables)
            return b"".join([*kept, encoded[begin:]])
        if marker == COM or marker in APPLICATION:
            continue
        _read_segment(marker, body, FRAMES[syntax], tables)
        kept.append(encoded[begin:place])
        if tables.frame is not None and tables.frame[1:] != (*shape, 1):
            raise ValueError("the stream holds an image of another size")
        if tables.frame is not None and not 2 <= tables.frame[0] <= bits_allocated:
            raise ValueError("the stream holds values of another size")


def check_jpeg_2000(encoded: bytes, shape: tuple[int, int]) -> None:
    """Check the size that a JPEG 2000 codestream states (ITU-T T.800 A.5.1) before memory is set aside for it.

    Raises:
        ValueError: the size is another one, or there are several components.
    """
    if encoded[:4] != JPEG_2000_START:
        return
    right, bottom, left, top = struct.unpack_from(">4I", encoded, 8)
    (components,) = struct.unpack_from(">H", encoded, 40)
    if (bottom - top, right - left, components) != (*shape, 1):
        raise ValueError("the stream holds an image of another size")


def _segment(encoded: bytes, place: int) -> tuple[int, bytes, int]:
    """The marker at ``place``, its content, and where the next one begins."""
    marker, length = struct.unpack_from(">HH", encoded, place)
    end = place + 2 + length
    if marker < 0xFFC0 or length < 2 or end > len(encoded):
        raise ValueError("a segment of the stream is damaged")
    return marker, encoded[place + 4 : end], end


def _read_segment(marker: int, body: bytes, allowed: set[int], tables: _Tables) -> None:
    if marker in allowed:
        if tables.frame is not None or len(body) != 9:
            raise ValueError("the frame header is damaged")
        precision, rows, columns, count, tables.component, _, tables.quantisation = struct.unpack(">BHHBBBB", body)
        tables.frame = (precision, rows, columns, count)
    elif marker == DHT:
        _read_huffman(body, tables)
    elif marker == DQT:
        _read_quantisers(body, tables)
    elif marker == DRI:
        if len(body) != 2:
            raise ValueError("the restart interval is damaged")
    elif marker == LSE:
        if len(body) != 11 or body[0] != 1:
            raise ValueError("the JPEG-LS parameters are not supported")
    else:
        raise ValueError("the stream holds an unexpected segment")


def _read_huffman(body: bytes, tables: _Tables) -> None:
    """One or more tables: class and number, 16 counts by code length, the symbols."""
    while body:
        counts = body[1:17]
        size = 17 + sum(counts)
        room = 1
        for count in counts:
            room = room * 2 - count
            if room < 0:
                raise ValueError("a Huffman table holds more codes than fit")
        if len(counts) != 16 or size > len(body) or size > 17 + 256 or body[0] & 0xEC:
            raise ValueError("a Huffman table is damaged")
        tables.huffman.add(body[0])
        body = body[size:]


def _read_quantisers(body: bytes, tables: _Tables) -> None:
    while body:
        size = 1 + 64 * (1 + (body[0] >> 4))
        if body[0] >> 4 > 1 or body[0] & 0x0F > 3 or size > len(body):
            raise ValueError("a quantisation table is damaged")
        tables.quantisers.add(body[0] & 0x0F)
        body = body[size:]


def _check_scan(body: bytes, tables: _Tables) -> None:
    """The scan of the one component uses tables that were defined."""
    if tables.frame is None or len(body) != 6 or body[0] != 1 or body[1] != tables.component:
        raise ValueError("the scan header is damaged")
    chosen, start, _, _ = body[2:6]
    if tables.quantisers:
        if chosen >> 4 not in tables.huffman or (chosen & 0x0F) + 0x10 not in tables.huffman:
            raise ValueError("the scan uses a Huffman table that is not there")
        if tables.quantisation not in tables.quantisers or body[3:] != b"\0\x3f\0":
            raise ValueError("the scan uses a quantisation table that is not there")
    elif tables.huffman and (chosen >> 4 not in tables.huffman or start not in LOSSLESS_PREDICTORS):
        raise ValueError("the scan of a lossless image is damaged")
