"""Zip archives written byte by byte, so that they can be wrong in every way."""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

UTF8 = 0x800
ENCRYPTED = 0x1
FULL = 0xFFFFFFFF
STORED, DEFLATED, BZIP2, LZMA, XZ = 0, 8, 12, 14, 95


@dataclass
class Member:
    """One member; ``None`` stands for what an honest archive would hold there."""

    name: bytes
    content: bytes = b""
    method: int = DEFLATED
    flags: int = 0
    extra: bytes = b""
    attributes: int = 0
    made_by: int = 0
    size: int | None = None
    packed_size: int | None = None
    crc: int | None = None
    packed: bytes | None = None
    offset: int | None = None  # of another member's local header
    described: bool = False  # sizes stand behind the data, as streaming programs write them

    def raw(self) -> bytes:
        return packed_as(self.method, self.content) if self.packed is None else self.packed


def packed_as(method: int, content: bytes) -> bytes:
    if method == DEFLATED:
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        return deflate.compress(content) + deflate.flush()
    if method == BZIP2:
        return bz2.compress(content)
    if method == LZMA:
        filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}]
        head = struct.pack("<BBHBL", 9, 4, 5, (2 * 5 + 0) * 9 + 3, 1 << 16)
        return head + lzma.compress(content, lzma.FORMAT_RAW, filters=filters)
    if method == XZ:
        return lzma.compress(content)
    return content


def zip_bytes(members: list[Member], *, before: bytes = b"", comment: bytes = b"", wide: bool = False) -> bytes:
    """An archive. ``wide`` writes zip64 records and fields; ``before`` stands before it, offsets unchanged."""
    body, table = bytearray(), bytearray()
    for member in members:
        raw = member.raw()
        size = len(member.content) if member.size is None else member.size
        packed = len(raw) if member.packed_size is None else member.packed_size
        crc = zlib.crc32(member.content) if member.crc is None else member.crc
        offset = len(body) if member.offset is None else member.offset
        sums = (0, 0, 0) if member.described or wide else (crc, packed & FULL, size & FULL)
        flags = member.flags | (8 if member.described else 0)
        if member.offset is None:
            body += struct.pack("<4s5H3L2H", b"PK\3\4", 45, flags, member.method, 0, 33, *sums, len(member.name), 0)
            body += member.name + raw
            if member.described:
                body += struct.pack("<4s3L", b"PK\7\x08", crc, packed, size)
        extra = member.extra
        if wide:
            extra = struct.pack("<2H3Q", 1, 24, size, packed, offset) + extra
            size = packed = offset = FULL
        lengths = (len(member.name), len(extra), 0, 0, 0)
        fields = (member.made_by, 45, flags, member.method, 0, 33, crc, packed & FULL, size & FULL, *lengths)
        table += struct.pack("<4s6H3L5H2L", b"PK\1\2", *fields, member.attributes, offset) + member.name + extra
    start, count = len(body), min(len(members), 0xFFFF)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(table), start, len(comment))
    if wide:
        record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, len(members), len(members), len(table), start)
        locator = struct.pack("<4sLQL", b"PK\6\7", 0, start + len(table), 1)
        end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, *[0xFFFFFFFF] * 2, len(comment))
        end = record + locator + end
    return before + bytes(body + table) + end + comment


def write_zip(path: Path, members: list[Member], **options: object) -> Path:
    path.write_bytes(zip_bytes(members, **options))  # type: ignore[arg-type]
    return path
