"""The content of one member of a zip archive, inflated in small steps and never beyond what was checked before."""

from __future__ import annotations

import bz2
import io
import lzma
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from spineml.errors import SpineError
from spineml.readers.archives.zip_directory import LOCAL_BYTES, Entry

STEP_BYTES = 1024 * 1024
READ_BYTES = 256 * 1024
MAX_DICTIONARY = 128 * 1024**2
LOCAL_MAGIC = b"PK\x03\x04"
STORED, DEFLATED, DEFLATE64, BZIP2, LZMA, XZ = 0, 8, 9, 12, 14, 95
READ = (STORED, DEFLATED, BZIP2, LZMA, XZ)
METHODS = {
    1: "Shrink",
    2: "Reduce",
    3: "Reduce",
    4: "Reduce",
    5: "Reduce",
    6: "Implode",
    9: "Deflate64",
    10: "Implode",
    18: "TERSE",
    19: "LZ77",
    20: "Zstandard",
    93: "Zstandard",
    94: "MP3",
    96: "JPEG",
    97: "WavPack",
    98: "PPMd",
}
BROKEN = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, struct.error, MemoryError)


class MemberDamaged(SpineError):
    """This file is damaged inside the zip archive. Pack the files again and resend."""

    code = "damaged-in-archive"


class _Decompressor(Protocol):
    """What ``bz2`` and ``lzma`` have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def member_parts(stream: BinaryIO, entry: Entry) -> Iterator[bytes]:
    """The content of a member in parts of at most 1 MB, as long as the table of contents promised, and checked.

    Raises:
        MemberDamaged: its header, its data, its length or its checksum is wrong.
    """
    done = checksum = 0
    for part in _decoded(_packed(stream, entry), entry.method):
        done += len(part)
        if done > entry.size:
            raise MemberDamaged
        checksum = zlib.crc32(part, checksum)
        yield part
    if done != entry.size or checksum != entry.crc:
        raise MemberDamaged


def _packed(stream: BinaryIO, entry: Entry) -> Iterator[bytes]:
    """The packed bytes, which stand behind a header of their own."""
    if entry.reach > stream.seek(0, io.SEEK_END):
        raise MemberDamaged
    stream.seek(entry.offset)
    header = stream.read(LOCAL_BYTES)
    if len(header) < LOCAL_BYTES or not header.startswith(LOCAL_MAGIC):
        raise MemberDamaged
    stream.seek(sum(struct.unpack("<2H", header[26:30])), io.SEEK_CUR)
    left = entry.packed
    while left and (raw := stream.read(min(READ_BYTES, left))):
        left -= len(raw)
        yield raw


def _decoded(packed: Iterator[bytes], method: int) -> Iterator[bytes]:
    if method == STORED:
        yield from packed
        return
    decode = {DEFLATED: _inflated, BZIP2: _bzip2, LZMA: _lzma, XZ: _xz}[method]
    try:
        yield from decode(packed)
    except BROKEN as error:
        raise MemberDamaged from error


def _inflated(packed: Iterator[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    while not inflater.eof:
        raw = inflater.unconsumed_tail or next(packed, b"")
        part = inflater.decompress(raw, STEP_BYTES)
        if part:
            yield part
        elif not raw:
            return


def _steps(packed: Iterator[bytes], decompressor: _Decompressor) -> Iterator[bytes]:
    while not decompressor.eof:
        raw = next(packed, b"") if decompressor.needs_input else b""
        part = decompressor.decompress(raw, STEP_BYTES)
        if part:
            yield part
        elif not raw and decompressor.needs_input:
            return


def _bzip2(packed: Iterator[bytes]) -> Iterator[bytes]:
    yield from _steps(packed, bz2.BZ2Decompressor())


def _xz(packed: Iterator[bytes]) -> Iterator[bytes]:
    yield from _steps(packed, lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=2 * MAX_DICTIONARY))


def _lzma(packed: Iterator[bytes]) -> Iterator[bytes]:
    """Raw LZMA behind its properties: version (2 bytes), their length (2), ``lc lp pb`` (1), dictionary size (4)."""
    head = next(packed, b"")
    length = int.from_bytes(head[2:4], "little")
    if length != 5 or len(head) < 9:
        raise ValueError
    properties, dictionary = head[4], int.from_bytes(head[5:9], "little")
    if dictionary > MAX_DICTIONARY:
        raise ValueError
    rest, lc = divmod(properties, 9)
    pb, lp = divmod(rest, 5)
    options = {"id": lzma.FILTER_LZMA1, "dict_size": max(dictionary, 4096), "lc": lc, "lp": lp, "pb": pb}
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[options])
    yield from _steps(_with_first(head[9:], packed), decompressor)


def _with_first(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from others
