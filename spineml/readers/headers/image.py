"""The headers of PNG, JPEG and TIFF, walked by us before a decoder sees the file: bounded, without following loops.

What would take a decoder long or much memory is refused here by what the file declares: sides and pixels of every page,
the number of pages, tiles, chunks and scans, the size of its notes, and what all pages would unpack to.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from spineml.message import Message, message
from spineml.readers.series import MAX_SIDE, FileNotUsed

Format = Literal["PNG", "JPEG", "TIFF"]
MAX_PIXELS = 32 * 1024**2
MAX_PAGES = 5000
MAX_CHUNKS = 100_000
MAX_NOTES = 1000
MAX_NOTES_BYTES = 16 * 1024**2
MAX_SCANS = 64
MAX_ENTRIES = 512
MAX_PIECES = 65_536
MAX_SAMPLES = 4
READ_BYTES = 1024 * 1024
FREE_BYTES = 256 * 1024**2
MAX_RATIO = 200

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
JPEG_MAGIC = b"\xff\xd8\xff"
START_OF_FRAME = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
JPEG_READ = {0xC0, 0xC1, 0xC2}
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
TIFF_MAGIC = {b"II*\0": "<", b"MM\0*": ">", b"II+\0": "<", b"MM\0+": ">"}
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, FORMAT = 256, 257, 258, 259, 262, 277, 339
STRIPS, STRIP_ROWS, STRIP_BYTES, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES = 273, 278, 279, 322, 323, 324, 325
TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
WHOLE = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
WHITE_IS_ZERO = 0

DAMAGED = message("The image is damaged or truncated. Export it again and resend it.")
DEEP_COLOUR = message("A 16-bit image with colours or transparency would lose values. Save it as 16-bit greyscale PNG.")
FILM = message("This PNG is animated. Save each slice as a separate image.")
TOO_MANY_NOTES = message("The image has far more metadata than pixels. Save it again without metadata.")
TOO_MANY_PIECES = message("The image has far too many tiles or strips. Save it again as PNG.")
WHITE_FIRST = message("The 16-bit image stores white as 0. Save it as 16-bit greyscale PNG.")
EXPANDS = message("The images expand more than {ratio} times when decoded. Such files are refused.", ratio=MAX_RATIO)


@dataclass(frozen=True)
class PictureHeader:
    """What a picture declares: the format, and ``(height, width)`` of each of its pages."""

    format: Format
    pages: list[tuple[int, int]]

    @property
    def decoded_bytes(self) -> int:
        """At 2 bytes for a pixel, as volumes have them."""
        return 2 * sum(height * width for height, width in self.pages)


def read_header(path: Path) -> PictureHeader:
    """Walk the header of a picture.

    Raises:
        FileNotUsed: damaged, too large, or of a kind that is not read.
    """
    with path.open("rb") as stream:
        start = stream.read(len(PNG_MAGIC))
        stream.seek(0)
        try:
            if start == PNG_MAGIC:
                return PictureHeader("PNG", [_png(stream)])
            if start.startswith(JPEG_MAGIC):
                return PictureHeader("JPEG", [_jpeg(stream)])
            return PictureHeader("TIFF", _Tiff(stream).pages())
        except (struct.error, IndexError, KeyError) as error:
            raise FileNotUsed("damaged-image", DAMAGED) from error


def check_size(height: int, width: int) -> None:
    """Refuse what is larger than any slice of a CT.

    Raises:
        FileNotUsed: it is, or it has no pixels.
    """
    if not (height and width):
        raise FileNotUsed("damaged-image", DAMAGED)
    if max(height, width) > MAX_SIDE or height * width > MAX_PIXELS:
        raise FileNotUsed("too-large", too_large(height, width))


def too_large(height: int, width: int) -> Message:
    """What is said of a picture of this size."""
    return message(
        "The image of {columns} x {rows} pixels is too large for a CT slice: at most {limit} pixels a side and "
        "{pixels} million pixels are accepted.",
        columns=width,
        rows=height,
        limit=MAX_SIDE,
        pixels=MAX_PIXELS // 1024**2,
    )


def _need(fits: bool, reason: Message = DAMAGED, code: str = "damaged-image") -> None:
    if not fits:
        raise FileNotUsed(code, reason)


# --- PNG --------------------------------------------------------------------------------------------------------------
def _png(stream: BinaryIO) -> tuple[int, int]:
    """Height and width; every chunk up to the end is counted, none is inflated."""
    size: tuple[int, int] | None = None
    notes = 0
    for number, (kind, length, body) in enumerate(_chunks(stream)):
        _need(number < MAX_CHUNKS, TOO_MANY_PIECES)
        if number == 0:
            _need(kind == b"IHDR" and length == 13)
            width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", body)
            _need(depth in PNG_DEPTHS.get(colour, ()) and interlace in (0, 1))
            check_size(height, width)
            _need(depth < 16 or colour == 0, DEEP_COLOUR, "wrong-dtype")
            size = height, width
        _need(kind != b"acTL", FILM, "wrong-kind")
        if kind not in (b"IDAT", b"IHDR", b"PLTE", b"IEND"):
            notes += 1
            _need(notes <= MAX_NOTES and length <= MAX_NOTES_BYTES, TOO_MANY_NOTES, "too-large")
    if size is None:
        raise FileNotUsed("damaged-image", DAMAGED)
    return size


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int, bytes]]:
    """Kind and length of each chunk, with its content if it is short; a file that is cut off has fewer."""
    stream.seek(len(PNG_MAGIC))
    while len(head := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        body = stream.read(length) if length <= 16 else b""
        yield kind, length, body
        if kind == b"IEND":
            return
        stream.seek(length - len(body) + 4, io.SEEK_CUR)


# --- JPEG -------------------------------------------------------------------------------------------------------------
def _jpeg(stream: BinaryIO) -> tuple[int, int]:
    """Height and width of the first picture; each scan of a progressive one passes over all of it."""
    size: tuple[int, int] | None = None
    stream.seek(2)
    for marker, body in _segments(stream):
        if marker in START_OF_FRAME:
            precision, height, width, components = struct.unpack(">BHHB", body[:6])
            _need(
                marker in JPEG_READ and precision == 8 and components in (1, 3, 4), _jpeg_kind(precision), "wrong-kind"
            )
            check_size(height, width)
            size = height, width
    if size is None:
        raise FileNotUsed("damaged-image", DAMAGED)
    _need(_scans(stream) <= MAX_SCANS, TOO_MANY_PIECES, "too-large")
    return size


def _jpeg_kind(precision: int) -> Message:
    return message(
        "This kind of JPEG is not supported ({bits} bits, or lossless). Save it as 8- or 16-bit greyscale PNG.",
        bits=precision,
    )


def _segments(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The segments before the first scan."""
    for _ in range(MAX_CHUNKS):
        marker = stream.read(2)
        while len(marker) == 2 and marker == b"\xff\xff":
            marker = marker[1:] + stream.read(1)
        _need(len(marker) == 2 and marker[0] == 0xFF)
        if marker[1] in (START_OF_SCAN, END_OF_IMAGE):
            return
        (length,) = struct.unpack(">H", stream.read(2))
        _need(length >= 2)
        yield marker[1], stream.read(length - 2)
    raise FileNotUsed("too-large", TOO_MANY_NOTES)


def _scans(stream: BinaryIO) -> int:
    """In coded data a byte 0xFF is followed by 0, so the markers of scans can be counted."""
    scans, last = 1, b""
    while part := stream.read(READ_BYTES):
        scans += (last + part).count(bytes((0xFF, START_OF_SCAN)))
        last = part[-1:]
    return scans


# --- TIFF -------------------------------------------------------------------------------------------------------------
class _Tiff:
    """The pages of a TIFF, by a walk of its directories that ends, whatever they point to."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        head = stream.read(16)
        self._order = TIFF_MAGIC[head[:4]]
        self._big = head[2:4] in (b"+\0", b"\0+")
        self._first = self._unpack("Q", head[8:16]) if self._big else self._unpack("I", head[4:8])
        self._notes = 0

    def pages(self) -> list[tuple[int, int]]:
        pages: list[tuple[int, int]] = []
        seen: set[int] = set()
        place = self._first
        while place and place not in seen and place < self._size:
            seen.add(place)
            if len(pages) == MAX_PAGES:
                raise FileNotUsed(
                    "too-large", message("The file has more than {limit} pages. Send it in parts.", limit=MAX_PAGES)
                )
            values, place = self._directory(place)
            pages.append(self._page(values))
        _need(bool(pages) and place not in seen)
        return pages

    def _unpack(self, code: str, raw: bytes) -> int:
        value: int = struct.unpack(self._order + code, raw)[0]
        return value

    def _directory(self, place: int) -> tuple[dict[int, tuple[int, int]], int]:
        """By tag how many values it has and the first; and the place of the next directory."""
        width, count_code, wide = (20, "Q", "Q") if self._big else (12, "H", "I")
        self._stream.seek(place)
        count = self._unpack(count_code, self._stream.read(8 if self._big else 2))
        _need(count <= MAX_ENTRIES, TOO_MANY_NOTES, "too-large")
        table = self._stream.read(count * width + (8 if self._big else 4))
        values: dict[int, tuple[int, int]] = {}
        for at in range(0, count * width, width):
            entry = table[at : at + width]
            tag, kind = struct.unpack(self._order + "HH", entry[:4])
            number = self._unpack(wide, entry[4 : 4 + (8 if self._big else 4)])
            values[tag] = number, self._value(kind, number, entry[-8:] if self._big else entry[-4:])
        following = table[count * width :]
        return values, self._unpack(wide, following) if len(following) == struct.calcsize(wide) else 0

    def _value(self, kind: int, number: int, inline: bytes) -> int:
        """The first value of a field; the bytes of all that stand elsewhere are added up."""
        length = TYPE_BYTES.get(kind, 1) * number
        code = WHOLE.get(kind)
        if length > len(inline):
            self._notes += length
            _need(self._notes <= MAX_NOTES_BYTES + 2 * self._size, TOO_MANY_NOTES, "too-large")
            place = self._unpack("Q" if self._big else "I", inline)
            _need(place < self._size)
            self._stream.seek(place)
            inline = self._stream.read(TYPE_BYTES.get(kind, 1))
        if code is None or not number or len(inline) < TYPE_BYTES[kind]:
            return 0
        return self._unpack(code, inline[: TYPE_BYTES[kind]])

    def _page(self, values: dict[int, tuple[int, int]]) -> tuple[int, int]:
        def first(tag: int, otherwise: int = 0) -> int:
            return values.get(tag, (0, otherwise))[1]

        height, width = first(HEIGHT), first(WIDTH)
        check_size(height, width)
        samples, bits = first(SAMPLES, 1), first(BITS, 1)
        _need(samples <= MAX_SAMPLES, _tiff_kind(bits, samples), "wrong-kind")
        _need(bits <= 8 or samples == 1, DEEP_COLOUR, "wrong-dtype")
        white_first = bits > 8 and first(PHOTOMETRIC, 1) == WHITE_IS_ZERO
        _need(not white_first, WHITE_FIRST, "wrong-dtype")
        pieces = values.get(TILES, values.get(STRIPS, (0, 0)))[0]
        _need(pieces <= MAX_PIECES, TOO_MANY_PIECES, "too-large")
        if TILES in values:
            high, wide = first(TILE_HEIGHT), first(TILE_WIDTH)
            check_size(high, wide)
            _need(-(-height // high) * -(-width // wide) <= MAX_PIECES, TOO_MANY_PIECES, "too-large")
        elif STRIP_ROWS in values:
            _need(first(STRIP_ROWS) > 0)
        return height, width


def _tiff_kind(bits: int, samples: int) -> Message:
    return message(
        "This kind of TIFF is not supported ({samples} values of {bits} bits per pixel). Save it as 8- or 16-bit "
        "greyscale PNG.",
        samples=samples,
        bits=bits,
    )
