"""NRRD and MetaImage files: their header and their values, for CT and masks alike.

The header is read by `spineml.readers.headers.nrrd` or `spineml.readers.headers.metaimage` and by nothing else (ADR
18); values come from the bytes that were sent: those of the header's own file or of another file of the same upload.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path, PurePosixPath
from typing import IO

from spineml.message import message
from spineml.readers.headers.itk import HEADER_BYTES, ItkHeader, several_files
from spineml.readers.headers.metaimage import is_meta, meta_header
from spineml.readers.headers.nrrd import NRRD_MAGIC, nrrd_header
from spineml.readers.series import FileNotUsed, ReceivedFile
from spineml.readers.unpacking import (
    Hexadecimal,
    Readable,
    TextValues,
    ValuesDamaged,
    bzip2ed,
    check_ratio,
    inflated,
    skip,
    skip_lines,
)

MOST_COMPARED = 1000


def is_itk(start: bytes) -> bool:
    """True for the content of an NRRD or MetaImage header."""
    return start.startswith(NRRD_MAGIC) or is_meta(start)


def read_header(path: Path) -> ItkHeader:
    """Read the header at the start of a file.

    Raises:
        FileNotUsed: it is damaged, or of a kind that is not read.
    """
    with path.open("rb") as stream:
        head = stream.read(HEADER_BYTES)
    read = nrrd_header if head.startswith(NRRD_MAGIC) else meta_header
    return read(head, complete=len(head) < HEADER_BYTES)


def companion_of(file: ReceivedFile, header: ItkHeader, companions: Mapping[str, ReceivedFile]) -> ReceivedFile | None:
    """The received file that holds the values, None when it is ``file`` itself.

    It is looked up among the names of what was sent (``companions``), by a path from the header's folder downwards;
    what the header says never becomes a path on this machine.

    Raises:
        FileNotUsed: no such file was sent.
    """
    name = header.place.companion
    if not name:
        return None
    parts = [part for part in name.split("/") if part != "."]
    usable = all(parts) and ".." not in parts and "\\" not in name
    found = _sent(str(PurePosixPath(file.name).parent.joinpath(*parts)), companions) if usable else None
    if found is None and "%" in name:
        raise several_files()
    if found is None:
        raise FileNotUsed(
            "missing-companion",
            message(
                "The values are in another file ({name}) that was not sent with it. Send both together.",
                name=repr(name),
            ),
        )
    return found


def _sent(wanted: str, companions: Mapping[str, ReceivedFile]) -> ReceivedFile | None:
    """The file of that name; else the one whose name differs only by capitals or by how accents are put together, as
    names do that were made on another system."""
    if wanted in companions or len(companions) > MOST_COMPARED:
        return companions.get(wanted)
    alike = [file for name, file in companions.items() if _folded(name) == _folded(wanted)]
    return alike[0] if len(alike) == 1 else None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def values_bytes(header: ItkHeader) -> int:
    """The length of all values in bytes."""
    return prod(header.sizes) * header.channels * header.dtype.itemsize


def raw_offset(header: ItkHeader, path: Path) -> int | None:
    """Where plain values begin in the file that holds them; None when they have to be unpacked first.

    Raises:
        ValuesDamaged: the file is too short.
    """
    place = header.place
    if header.encoding != "raw" or place.lines:
        return None
    size = path.stat().st_size
    offset = size - values_bytes(header) if place.at_end else place.offset + place.skip
    if offset < 0 or size < offset + values_bytes(header):
        raise ValuesDamaged
    return offset


@contextmanager
def open_values(header: ItkHeader, path: Path) -> Iterator[Readable]:
    """The values as raw bytes of ``header.dtype``, from the file that holds them.

    Raises:
        ValuesDamaged: the file is too short to hold them, or damaged.
    """
    place, size = header.place, path.stat().st_size
    if header.encoding in ("gzip", "zlib"):
        check_ratio(size, values_bytes(header))
    with path.open("rb") as stream:
        plain = raw_offset(header, path)
        stream.seek(place.offset if plain is None else plain)
        skip_lines(stream, place.lines)
        values = _unpacked(header, stream)
        if plain is None:
            skip(values, place.skip)
        yield values


def _unpacked(header: ItkHeader, stream: IO[bytes]) -> Readable:
    if header.encoding in ("gzip", "zlib"):
        return inflated(stream)
    if header.encoding == "bzip2":
        return bzip2ed(stream)
    if header.encoding == "hex":
        return Hexadecimal(stream)
    return TextValues(stream, header.dtype) if header.encoding == "text" else stream
