"""PNG, JPEG and TIFF written byte by byte, so that they can declare what they do not hold."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

Field = tuple[int, Sequence[int]]  # type 3 (SHORT) or 4 (LONG), and values


def chunk(kind: bytes, body: bytes, length: int | None = None) -> bytes:
    stated = len(body) if length is None else length
    return struct.pack(">I", stated) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int,
    height: int,
    *,
    depth: int = 8,
    colour: int = 0,
    interlace: int = 0,
    pixels: bytes | None = None,
    extra: bytes = b"",
) -> bytes:
    """A PNG; without ``pixels`` all are 0, as many as the header states."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 1)
    raw = bytes((-(-width * depth * channels // 8) + 1) * height) if pixels is None else pixels
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    palette = chunk(b"PLTE", bytes(range(256)) * 3) if colour == 3 else b""
    body = chunk(b"IHDR", header) + extra + palette + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(
    pages: Sequence[Mapping[int, Field]], *, order: str = "<", data: bytes = b"", loop: bool = False, big: bool = False
) -> bytes:
    """A TIFF whose directories hold these fields; ``data`` stands at offset 16. ``loop`` ends where it began."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    word, count_code, inline = ("Q", "Q", 8) if big else ("I", "H", 4)
    body = bytearray(data)
    first = 16 + len(body) if pages else 0
    places = []
    for fields in pages:
        arrays = bytearray()
        entries = bytearray()
        size = struct.calcsize("=" + count_code) + len(fields) * (20 if big else 12) + inline
        start = 16 + len(body)
        places.append(len(body))
        for tag, (kind, values) in sorted(fields.items()):
            raw = struct.pack(f"{order}{len(values)}{ {1: 'B', 3: 'H', 4: 'I'}[kind] }", *values)
            if len(raw) > inline:
                place = struct.pack(order + word, start + size + len(arrays))
                arrays += raw
                raw = place
            entries += struct.pack(order + "HH", tag, kind) + struct.pack(order + word, len(values))
            entries += raw.ljust(inline, b"\0")
        following = 16 + len(body) + size + len(arrays)
        body += struct.pack(order + count_code, len(fields)) + entries
        body += struct.pack(order + word, following) + arrays
    if places:  # the last directory points to none, or to the first
        last = places[-1] + struct.calcsize("=" + count_code) + len(pages[-1]) * (20 if big else 12)
        body[last : last + inline] = struct.pack(order + word, first if loop else 0)
    start_of = struct.pack(order + "HHQ", 8, 0, first) if big else struct.pack(order + "I", first) + bytes(8)
    return head + start_of + bytes(body)


def grey_page(width: int, height: int, **changes: Field) -> dict[int, Field]:
    """The fields of an uncompressed 8-bit page whose only strip stands at offset 16; ``t<tag>=field`` changes one."""
    fields: dict[int, Field] = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [8]),
        259: (3, [1]),
        262: (3, [1]),
        273: (4, [16]),
        277: (3, [1]),
        278: (4, [height]),
        279: (4, [min(width * height, 2**32 - 1)]),
    }
    return fields | {int(name[1:]): field for name, field in changes.items()}


def jpeg(width: int = 20, height: int = 10, **options: object) -> bytes:
    """A JPEG of noise."""
    values = np.random.default_rng(0).integers(0, 255, (height, width), np.uint8)
    mode = str(options.pop("mode", "L"))
    buffer = io.BytesIO()
    Image.fromarray(values).convert(mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()
