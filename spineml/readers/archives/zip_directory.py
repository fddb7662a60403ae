"""The table of contents of a zip archive, read by us: bounded before it is loaded, and every entry judged by itself.

Offsets and sizes are as the table says; ``spineml.readers.archives.zip_members`` holds the members to them. Structure
after APPNOTE.TXT 6.3.10 (PKWARE).
"""

from __future__ import annotations

import io
import itertools
import re
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from spineml.errors import ArchiveRejected
from spineml.message import message
from spineml.readers.archives.zip_names import encoding_of, label_of

END = struct.Struct("<4s4H2LH")
END_MAGIC = b"PK\x05\x06"
END64 = struct.Struct("<4sQ2H2L4Q")
END64_MAGIC = b"PK\x06\x06"
LOCATOR64 = struct.Struct("<4sLQL")
LOCATOR64_MAGIC = b"PK\x06\x07"
CENTRAL = struct.Struct("<4s6H3L5H2L")
CENTRAL_MAGIC = b"PK\x01\x02"
LOCAL_BYTES = 30
LONGEST_COMMENT = 0xFFFF
FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF
ENCRYPTED, HIDDEN, UTF8 = 0x1, 0x2000, 0x800
AES = 99
ZIP64_EXTRA, UNICODE_PATH_EXTRA = 0x0001, 0x7075
DOS_FOLDER = 0x10
DAMAGED = message("The zip archive is damaged or incomplete. Pack the files again and resend.")
NOT_WHOLE = message("This is one part of a split zip archive. Pack the files into one archive and resend.")
SHARED = message("Files in the zip archive share the same bytes. Such archives are refused. Pack it again.")


@dataclass(frozen=True)
class Entry:
    """One member as the table of contents has it. ``name`` is a label; sizes in bytes; ``mode`` as Unix has it."""

    name: str
    method: int
    encrypted: bool
    crc: int
    packed: int
    size: int
    offset: int
    header_bytes: int
    mode: int
    folder: bool

    @property
    def special(self) -> bool:
        """Whether it is a link, a device or a pipe instead of a file."""
        return stat.S_IFMT(self.mode) not in (0, stat.S_IFREG, stat.S_IFDIR)

    @property
    def reach(self) -> int:
        """The first byte behind it, at the least."""
        return self.offset + self.header_bytes + self.packed


def read_directory(stream: BinaryIO, max_files: int, max_bytes: int) -> list[Entry]:
    """The files of an archive, without folders.

    Args:
        max_files: entries, folders included, above which the archive is refused.
        max_bytes: size of the table above which it is refused unread.

    Raises:
        ArchiveRejected: damaged, split, too many files, or members that share bytes.
    """
    start, size, before = _place(stream)
    if size > max_bytes:
        raise ArchiveRejected(
            message(
                "The table of contents of the zip archive is larger than {limit} MB. Send it in parts.",
                limit=max_bytes // 1024**2,
            )
        )
    stream.seek(start)
    table = stream.read(size)
    raw = list(itertools.islice(_raw_entries(table), max_files + 1))
    if len(raw) > max_files:
        raise ArchiveRejected(
            message(
                "The zip archive holds too many files; at most {limit} are accepted. Send it in parts.",
                limit=max_files,
            )
        )
    encoding = encoding_of(name for name, flags, _, _ in raw if not flags & UTF8)
    entries = []
    for name, flags, extra, entry in raw:
        text = _text(name, flags, extra, encoding)
        folder = entry.folder or text.endswith(("/", "\\"))
        entries.append(replace(entry, name=label_of(text), folder=folder, offset=entry.offset + before))
    _refuse_overlap(entries)
    return [entry for entry in entries if not entry.folder]


def _place(stream: BinaryIO) -> tuple[int, int, int]:
    """Start and size of the table, and how many bytes stand before the archive."""
    length = stream.seek(0, io.SEEK_END)
    first = max(0, length - END.size - LONGEST_COMMENT)
    stream.seek(first)
    for at, record, exact in _end_records(stream.read()):
        _, disk, disk_of_table, here, count, size, offset, _ = record
        end = first + at
        if FULL16 in (disk, count) or FULL32 in (size, offset):
            end, size, offset = _place64(stream, end, size, offset)
        elif exact and (disk or disk_of_table or here != count):
            raise ArchiveRejected(NOT_WHOLE)
        start = end - size
        if start >= offset and _begins_table(stream, start, size):
            return start, size, start - offset
    raise ArchiveRejected(DAMAGED)


def _end_records(tail: bytes) -> list[tuple[int, tuple[Any, ...], bool]]:
    """What may be the end record: its place, its fields, and whether its comment ends the file; those first."""
    places = [match.start() for match in re.finditer(END_MAGIC, tail) if match.start() + END.size <= len(tail)]
    records = [(at, END.unpack_from(tail, at)) for at in reversed(places)]
    found = [(at, record, at + END.size + record[-1] == len(tail)) for at, record in records]
    return sorted(found, key=lambda one: not one[2])


def _place64(stream: BinaryIO, end: int, size: int, offset: int) -> tuple[int, int, int]:
    """End, size and offset of the table in the zip64 record; those given where there is none."""
    if end < LOCATOR64.size:
        return end, size, offset
    stream.seek(end - LOCATOR64.size)
    magic, _, at, disks = LOCATOR64.unpack(stream.read(LOCATOR64.size))
    if magic != LOCATOR64_MAGIC:
        return end, size, offset
    if disks > 1:
        raise ArchiveRejected(NOT_WHOLE)
    for place in (end - LOCATOR64.size - END64.size, at):  # the first also where bytes stand before the archive
        if not 0 <= place < end:
            continue
        stream.seek(place)
        record = stream.read(END64.size)
        if len(record) == END64.size and record.startswith(END64_MAGIC):
            *_, size, offset = END64.unpack(record)
            return place, size, offset
    raise ArchiveRejected(DAMAGED)


def _begins_table(stream: BinaryIO, start: int, size: int) -> bool:
    if not size:
        return True
    stream.seek(start)
    return stream.read(4) == CENTRAL_MAGIC


def _raw_entries(table: bytes) -> Iterator[tuple[bytes, int, dict[int, bytes], Entry]]:
    """Name, flags, extra fields and the entry without its name."""
    at = 0
    while at < len(table):
        if len(table) - at < CENTRAL.size or table[at : at + 4] != CENTRAL_MAGIC:
            raise ArchiveRejected(DAMAGED)
        fields = CENTRAL.unpack_from(table, at)
        made_by, _, flags, method, _, _, crc, packed, size, name_bytes, extra_bytes, comment_bytes = fields[1:13]
        attributes, offset = fields[15:17]
        at += CENTRAL.size
        name = table[at : at + name_bytes]
        extra = _extra(table[at + name_bytes : at + name_bytes + extra_bytes])
        at += name_bytes + extra_bytes + comment_bytes
        size, packed, offset = _wide(extra.get(ZIP64_EXTRA, b""), size, packed, offset)
        entry = Entry(
            name="",
            method=method,
            encrypted=bool(flags & (ENCRYPTED | HIDDEN)) or method == AES,
            crc=crc,
            packed=packed,
            size=size,
            offset=offset,
            header_bytes=LOCAL_BYTES + name_bytes,
            mode=attributes >> 16,
            folder=bool(attributes & DOS_FOLDER) and not size and made_by >> 8 in (0, 10, 11, 14),
        )
        yield name, flags, extra, entry


def _extra(raw: bytes) -> dict[int, bytes]:
    fields: dict[int, bytes] = {}
    at = 0
    while len(raw) - at >= 4:
        kind, length = struct.unpack_from("<2H", raw, at)
        fields.setdefault(kind, raw[at + 4 : at + 4 + length])
        at += 4 + length
    return fields


def _wide(extra: bytes, *values: int) -> list[int]:
    """Size, packed size and offset; those that do not fit 32 bits stand in the zip64 field, in this order."""
    wide = iter(struct.unpack(f"<{len(extra) // 8}Q", extra[: len(extra) // 8 * 8]))
    return [next(wide, value) if value == FULL32 else value for value in values]


def _text(name: bytes, flags: int, extra: dict[int, bytes], encoding: str) -> str:
    """The name as text; Info-ZIP's field of the Unicode path holds only for the name that it was made for."""
    if flags & UTF8:
        return name.decode("utf-8", "replace")
    unicode_path = extra.get(UNICODE_PATH_EXTRA, b"")
    if len(unicode_path) > 5 and unicode_path[1:5] == zlib.crc32(name).to_bytes(4, "little"):
        return unicode_path[5:].decode("utf-8", "replace")
    return name.decode(encoding, "replace")


def _refuse_overlap(entries: list[Entry]) -> None:
    """Members that share bytes multiply what an archive unpacks to (Fifield, "A better zip bomb", 2019)."""
    ordered = sorted(entries, key=lambda entry: entry.offset)
    if any(one.reach > other.offset for one, other in itertools.pairwise(ordered)):
        raise ArchiveRejected(SHARED)
