"""PNG, JPEG and TIFF by their grammar: headers and directories that declare what is not there."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.fuzz.mutate import mutated
from tests.spineml.odd_pictures import Field, chunk, grey_page, jpeg, png, tiff

SIDES = (0, 1, 4, 7, 10, 24, 32, 512, 8192, 8193, 65535, 2**31 - 1)
LAYOUTS = ((8, 0), (8, 0), (16, 0), (8, 2), (8, 3), (8, 4), (8, 6), (1, 0), (2, 3), (16, 6), (3, 9))
LONGS = (0, 1, 8, 16, 255, 65536, 2**31, 2**32 - 1)
SHORTS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 24, 32, 64, 255, 32773, 34712, 50000, 65535)
TAGS = (254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 282, 284, 292, 317, 320, 322, 323, 324, 325, 330)
MORE_TAGS = (338, 339, 347, 512, 513, 514, 529, 530, 532, 700, 33432, 34377, 34665, 34675, 34853, 42112)
CHUNKS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"tRNS", b"gAMA", b"PLTE", b"pHYs", b"acTL", b"fcTL", b"fdAT")
MORE_CHUNKS = (b"IDAT", b"IEND", b"IHDR", b"sRGB", b"cHRM", b"bKGD", b"tIME", b"\0\0\0\0")


def files(seed: int) -> Iterator[tuple[str, bytes]]:
    """Odd pictures without an end; the same for the same seed."""
    rng = Random(f"image {seed}")
    while True:
        content = rng.choice((_png, _png, _jpeg, _tiff, _tiff))(rng)
        yield (
            rng.choice(("a.png", "masks/IM0001.png", "a.tif", "7" * 4400 + ".jpg")),
            (mutated(rng, content) if rng.random() < 0.3 else content),
        )


def _png(rng: Random) -> bytes:
    width, height = rng.choice(((10, 8), (24, 32), (4, 4), (rng.choice(SIDES), rng.choice(SIDES))))
    depth, colour = rng.choice(
        ((8, 0), (8, 0), (16, 0), (8, 2), (8, 3), (8, 4), (8, 6), (1, 0), (2, 3), (16, 6), (3, 9))
    )
    extra = b"".join(_chunk(rng) for _ in range(rng.choice((0, 0, 1, 2, 5))))
    small = width * height < 2**20 and rng.random() < 0.8
    pixels = None if small else rng.choice((b"", b"\0" * 1000, rng.randbytes(300)))
    return png(
        width, height, depth=depth, colour=colour, interlace=rng.choice((0, 0, 1, 2)), pixels=pixels, extra=extra
    )


def _chunk(rng: Random) -> bytes:
    bodies = (b"", b"a\0b", b"a\0\0" + zlib.compress(bytes(rng.choice((10, 10**7)))), rng.randbytes(40), bytes(768))
    length = rng.choice((None,) * 6 + (0, 2**31, 2**32 - 1))
    return chunk(rng.choice((*CHUNKS, *MORE_CHUNKS)), rng.choice(bodies), length) * rng.choice((1, 1, 1, 2, 1200))


def _jpeg(rng: Random) -> bytes:
    options: dict[str, Any] = {"mode": rng.choice(("L", "RGB", "CMYK", "L")), "progressive": rng.random() < 0.5}
    width, height = rng.choice(((10, 8), (24, 32), (64, 48)))
    content = bytearray(jpeg(width, height, **options))
    for _ in range(rng.choice((0, 1, 1, 2))):
        rng.choice((_frame, _marker, _scans, _application))(rng, content)
    return bytes(content)


def _frame(rng: Random, content: bytearray) -> None:
    """Precision, sides or components of the frame, or its kind."""
    for marker in (b"\xff\xc0", b"\xff\xc2"):
        if (at := content.find(marker)) > 0:
            place = at + rng.choice((1, 2, 4, 5, 6, 7, 8, 9))
            content[place] = rng.choice((0, 1, 3, 8, 12, 0xC3, 0xC9, 0xFF))


def _marker(rng: Random, content: bytearray) -> None:
    places = [at for at in range(2, min(len(content), 700)) if content[at] == 0xFF]
    if places:
        place = rng.choice(places) + rng.choice((1, 2, 3))
        content[place : place + 1] = bytes([rng.choice((0, 1, 0xC4, 0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xE1, 0xFE, 0xFF))])


def _scans(rng: Random, content: bytearray) -> None:
    at = content.rfind(b"\xff\xda")
    content += content[at:] * rng.choice((1, 30, 100))


def _application(rng: Random, content: bytearray) -> None:
    body = rng.choice((b"Exif\0\0II*\0" + rng.randbytes(60), b"MPF\0II*\0" + rng.randbytes(80), b"ICC_PROFILE\0\1\1"))
    body += rng.choice((b"", b"Adobe\0\x64\0\0\0\0\2"))
    content[2:2] = b"\xff" + bytes([rng.choice((0xE1, 0xE2, 0xEE))]) + struct.pack(">H", len(body) + 2) + body


def _tiff(rng: Random) -> bytes:
    width, height = rng.choice(((10, 8), (24, 32), (4, 4), (rng.choice(SIDES), rng.choice(SIDES))))
    pages = []
    for _ in range(rng.choice((1, 1, 1, 4, 6, 60))):
        fields = grey_page(min(width, 2**32 - 1), min(height, 2**32 - 1))
        for _ in range(rng.choice((0, 1, 1, 2, 4))):
            fields[rng.choice((*TAGS, *TAGS, *MORE_TAGS))] = _field(rng)
        pages.append(fields)
    data = rng.choice((bytes(1000), rng.randbytes(1000), b""))
    order = rng.choice("<<>")
    return tiff(pages, order=order, data=data, loop=rng.random() < 0.1, big=rng.random() < 0.15)


def _field(rng: Random) -> Field:
    count = rng.choice((0, 1, 1, 1, 2, 3, 4, 300))
    if rng.random() < 0.6:
        return 3, [rng.choice(SHORTS) for _ in range(count)]
    return rng.choice(((4, [rng.choice(LONGS) for _ in range(count)]), (1, [rng.randrange(256) for _ in range(count)])))
