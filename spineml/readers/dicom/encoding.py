"""Opens a DICOM file in the encoding that it is really in, which is not always the one it states.

Deflated files are inflated onto disk, within limits, before anything else looks at them: a file of 1.6 MB can hold
3 GB.
"""

from __future__ import annotations

import struct
import uuid
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from spineml.message import message
from spineml.readers.bounded_file import Within
from spineml.readers.series import FileNotUsed

NATIVE = {ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian}
PIXEL_TAGS = {0x7FE00008, 0x7FE00009, 0x7FE00010}
LONG_VRS = {b"OB", b"OW", b"UN", b"SQ", b"UT", b"OF", b"OD", b"OL", b"OV", b"UC", b"UR", b"SV", b"UV"}
PREFIX_AT = 128
MAX_META_BYTES = 64 * 1024
BLOCK = 1 << 18
PARSE_ERRORS = (
    InvalidDicomError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    EOFError,
    OverflowError,
    NotImplementedError,
    RecursionError,
    BytesLengthException,
    struct.error,
    zlib.error,
)
INFLATES_TOO_MUCH = message(
    "The file is compressed as a whole (deflated) and unpacks to far more than a CT image. Export it uncompressed."
)


@contextmanager
def damage_as(error: Exception) -> Iterator[None]:
    """Raise ``error`` for whatever pydicom raises on a damaged file; a failing disk stays an ``OSError``."""
    try:
        yield
    except PARSE_ERRORS as cause:
        raise error from cause
    except OSError as cause:
        if cause.errno is not None:
            raise
        raise error from cause


@contextmanager
def quiet() -> Iterator[None]:
    """Without pydicom's warnings, which quote values of the header: a patient's name does not belong in a log."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@dataclass
class Inflater:
    """Unpacks deflated files into ``folder``: each at most ``max_ratio`` times (above 16 MB), all within ``budget``."""

    folder: Path
    budget: int = 20 * 1024**3
    max_ratio: int = 100
    free_bytes: int = 16 * 1024**2
    max_bytes: int = 1024**3
    _left: int = field(init=False)

    def __post_init__(self) -> None:
        self._left = self.budget

    def inflate(self, source: BinaryIO, size: int) -> Path:
        """Unpack the rest of ``source`` (``size`` bytes).

        Raises:
            FileNotUsed: it grows beyond the limits. zlib.error, EOFError: it is damaged.
        """
        allowed = min(max(self.free_bytes, size * self.max_ratio), self.max_bytes, self._left)
        path = self.folder / f"{uuid.uuid4().hex}.inflated"
        try:
            with path.open("wb") as sink:
                for part in _inflated(source, allowed):
                    sink.write(part)
                    self._left -= len(part)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path


def _inflated(source: BinaryIO, allowed: int) -> Iterator[bytes]:
    """Pieces of at most ``BLOCK`` bytes, whatever the ratio, ``allowed`` bytes in all."""
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    while not engine.eof:
        pending = engine.unconsumed_tail or source.read(BLOCK)
        if not pending:
            raise EOFError("the deflated data end too early")
        part = engine.decompress(pending, BLOCK)
        allowed -= len(part)
        if allowed < 0:
            raise FileNotUsed("deflated-too-much", INFLATES_TOO_MUCH)
        yield part


@dataclass(frozen=True)
class Opened:
    """A data set, and where its bytes lie.

    ``syntax`` is the real transfer syntax of the bytes at ``path``; ``stated`` is that of the file as sent.
    ``place`` is the offset where reading ended: that of the element that holds the pixels, or the end.
    """

    dataset: Dataset
    meta: dict[int, str]
    path: Path
    syntax: UID
    stated: UID
    place: int
    deflated: bool = False

    @property
    def sent_as(self) -> UID:
        """The transfer syntax in which the file was really sent."""
        return DeflatedExplicitVRLittleEndian if self.deflated else self.syntax


def open_dicom(path: Path, inflater: Inflater, keywords: Sequence[str] | None = None) -> Opened:
    """Read the attributes of ``keywords`` that come before the pixels; without ``keywords`` all of the file.

    Raises:
        FileNotUsed: a deflated file unpacks to too much. One of ``PARSE_ERRORS``: the file is damaged.
    """
    deflated = False
    with path.open("rb") as stream:
        meta, start = _file_meta(stream)
        stated = UID(meta.get(0x00020010, ""))
        real = _real_syntax(stream, start, stated)
        if real == DeflatedExplicitVRLittleEndian:
            stream.seek(0, 2)
            size = stream.tell() - start
            stream.seek(start)
            path, start, real = inflater.inflate(stream, size), 0, ExplicitVRLittleEndian
            stated, deflated = DeflatedExplicitVRLittleEndian, True
    with path.open("rb") as stream:
        stream.seek(start)
        implicit, little = real == ImplicitVRLittleEndian, real != ExplicitVRBigEndian
        tags: list[BaseTag | int] | None = None
        if keywords is not None:
            tags = [tag for keyword in keywords if (tag := tag_for_keyword(keyword)) is not None]
        stop = None if keywords is None else _at_pixels
        with quiet():
            within: Any = Within(stream)
            dataset = read_dataset(within, implicit, little, stop_when=stop, specific_tags=tags)
        place = stream.tell()
    return Opened(dataset, meta, path, real, stated or real, place, deflated)


def _at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
    return int(tag) in PIXEL_TAGS


def _file_meta(stream: BinaryIO) -> tuple[dict[int, str], int]:
    """The texts of group 0002 (always explicit little endian) by tag, and where the data set begins."""
    head = stream.read(PREFIX_AT + 4 + MAX_META_BYTES)
    place = PREFIX_AT + 4 if head[PREFIX_AT : PREFIX_AT + 4] == b"DICM" else 0
    found: dict[int, str] = {}
    while head[place : place + 2] == b"\x02\x00":
        element, vr = struct.unpack_from("<H2s", head, place + 2)
        if vr in LONG_VRS:
            (length,) = struct.unpack_from("<I", head, place + 8)
            value = place + 12
        elif vr.isalpha() and vr.isupper():
            (length,) = struct.unpack_from("<H", head, place + 6)
            value = place + 8
        else:  # written implicitly, against the rule
            (length,) = struct.unpack_from("<I", head, place + 4)
            value = place + 8
        if value + length > len(head):
            raise EOFError("the file meta information is cut off")
        found[0x00020000 | element] = head[value : value + length].decode("latin-1").strip("\0 ")
        place = value + length
    return found, place


def _real_syntax(stream: BinaryIO, start: int, stated: UID) -> UID:
    """What the first bytes of the data set show; the stated one where it is a compressed one or they show nothing."""
    if stated and stated not in NATIVE:
        return stated
    stream.seek(start)
    first = stream.read(8)
    found = _shown(first)
    if (found is None or stated == DeflatedExplicitVRLittleEndian) and _inflates(first + stream.read(4096)):
        return DeflatedExplicitVRLittleEndian
    return found or stated or ImplicitVRLittleEndian


def _shown(first: bytes) -> UID | None:
    """The encoding in which these bytes begin an element of a group below 0100."""
    if len(first) < 8 or (first[0] != 0) == (first[1] != 0):
        return None
    explicit = first[4:6].isalpha() and first[4:6].isupper()
    if first[0]:
        return ExplicitVRLittleEndian if explicit else ImplicitVRLittleEndian if first[7] == 0 else None
    return ExplicitVRBigEndian if explicit else None


def _inflates(start: bytes) -> bool:
    """Whether these are the first bytes of a deflated data set, although the file does not say so."""
    try:
        inside = zlib.decompressobj(-zlib.MAX_WBITS).decompress(start, 16)
    except zlib.error:
        return False
    return _shown(inside[:8]) == ExplicitVRLittleEndian
