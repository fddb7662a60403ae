"""Streams of values as they lie in files: deflated, bzip2, text or hexadecimal, unpacked piece by piece.

A stream gives as many bytes as are asked for and no more, so that whoever reads decides beforehand how far a file may
unpack. Nothing here is written to disk.
"""

from __future__ import annotations

import binascii
import bz2
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import numpy.typing as npt

READ_BYTES = 64 * 1024
SKIP_BYTES = 1024 * 1024
GZIP_MAGIC = b"\x1f\x8b"
GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
# Deflate makes at most 1032 bytes of one (RFC 1951: 258 bytes from two codes of one bit).
MOST_INFLATED = 1032
BLANKS = b" \t\r\n\v\f"
COMMA_TO_BLANK = bytes.maketrans(b",", b" ")
MAX_WORD = 64
EMPTY_MEMBERS = 100
LEAST_IN_MEMBER = 512


class ValuesDamaged(Exception):
    """The packed values cannot be unpacked: they are damaged or end early."""


class Readable(Protocol):
    """A stream of unpacked bytes: as many as asked for, fewer only at its end.

    Raises:
        ValuesDamaged: what is packed is damaged or ends early.
    """

    def read(self, size: int, /) -> bytes: ...


class _Engine(Protocol):
    """One member of a packed stream; what `zlib` and `bz2` give, brought to one form."""

    def unpack(self, fresh: bytes, size: int) -> bytes: ...

    @property
    def hungry(self) -> bool: ...

    @property
    def ended(self) -> bool: ...

    @property
    def rest(self) -> bytes: ...


class _Deflate:
    def __init__(self) -> None:
        self._engine = zlib.decompressobj(GZIP_OR_ZLIB)

    def unpack(self, fresh: bytes, size: int) -> bytes:
        return self._engine.decompress(self._engine.unconsumed_tail or fresh, size)

    @property
    def hungry(self) -> bool:
        return not self._engine.unconsumed_tail

    @property
    def ended(self) -> bool:
        return self._engine.eof

    @property
    def rest(self) -> bytes:
        return self._engine.unused_data


class _Bzip2:
    def __init__(self) -> None:
        self._engine = bz2.BZ2Decompressor()

    def unpack(self, fresh: bytes, size: int) -> bytes:
        return self._engine.decompress(fresh, size)

    @property
    def hungry(self) -> bool:
        return self._engine.needs_input

    @property
    def ended(self) -> bool:
        return self._engine.eof

    @property
    def rest(self) -> bytes:
        return self._engine.unused_data


class Unpacked:
    """Reads gzip, zlib or bzip2; several members after another (as pigz and bgzip write) are one stream."""

    def __init__(self, packed: Readable | IO[bytes], kind: type[_Deflate] | type[_Bzip2]) -> None:
        self._packed, self._kind = packed, kind
        self._engine: _Engine | None = kind()
        self._fresh = b""
        self._members = self._made = 0

    def read(self, size: int, /) -> bytes:
        parts = []
        try:
            while size > 0 and (part := self._part(size)):
                parts.append(part)
                self._made += len(part)
                size -= len(part)
        except (zlib.error, OSError, EOFError) as error:
            raise ValuesDamaged from error
        return b"".join(parts)

    def _part(self, size: int) -> bytes:
        """The next bytes; none at the end."""
        while (engine := self._engine) is not None:
            if engine.ended:
                self._next_member(engine)
                continue
            fresh = self._take() if engine.hungry else b""
            part = engine.unpack(fresh, size)
            if part:
                return part
            if not fresh and engine.hungry and not engine.ended:
                raise ValuesDamaged
        return b""

    def _take(self) -> bytes:
        fresh, self._fresh = self._fresh, b""
        return fresh or self._packed.read(READ_BYTES)

    def _next_member(self, engine: _Engine) -> None:
        """Go on with what follows a member, if it is another one; zeros that fill up a file are none.

        Writers of several members put some kilobytes into each: a file of a million empty ones would only take time.
        """
        self._members += 1
        if self._members > EMPTY_MEMBERS and self._members * LEAST_IN_MEMBER > self._made:
            raise ValuesDamaged
        rest = (engine.rest or self._take()).lstrip(b"\0")
        while not rest and (more := self._take()):
            rest = more.lstrip(b"\0")
        magic = b"BZh" if self._kind is _Bzip2 else GZIP_MAGIC
        self._engine = self._kind() if rest.startswith(magic) else None
        self._fresh = rest


def inflated(packed: Readable | IO[bytes]) -> Readable:
    """The bytes of a gzip or zlib stream, told apart by its first byte."""
    return Unpacked(packed, _Deflate)


def bzip2ed(packed: Readable | IO[bytes]) -> Readable:
    return Unpacked(packed, _Bzip2)


class Hexadecimal:
    """Two digits for each byte, blanks between them."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        self._left = b""

    def read(self, size: int, /) -> bytes:
        while len(self._left) < 2 * size and (fresh := self._packed.read(READ_BYTES)):
            self._left += fresh.translate(None, BLANKS)
        digits, self._left = self._left[: 2 * size], self._left[2 * size :]
        try:
            return binascii.unhexlify(digits)
        except binascii.Error as error:
            raise ValuesDamaged from error


class TextValues:
    """Numbers written as text, given as bytes of ``dtype``.

    Raises:
        ValuesDamaged: a word that is no number, or one that ``dtype`` cannot hold.
    """

    def __init__(self, packed: IO[bytes], dtype: np.dtype[Any]) -> None:
        self._packed, self._dtype = packed, dtype
        self._word = b""
        self._ready = b""
        self._ended = False

    def read(self, size: int, /) -> bytes:
        parts = [self._ready]
        length = len(self._ready)
        while length < size and not self._ended:
            parts.append(self._more())
            length += len(parts[-1])
        ready = b"".join(parts)
        self._ready = ready[size:]
        return ready[:size]

    def _more(self) -> bytes:
        fresh = self._packed.read(READ_BYTES).translate(COMMA_TO_BLANK)
        self._ended = not fresh
        words = (self._word + fresh).split()
        self._word = b""
        if words and fresh and fresh[-1:] not in (b" ", b"\t", b"\r", b"\n", b"\v", b"\f"):
            self._word = words.pop()
        if max(map(len, [self._word, *words])) > MAX_WORD:
            raise ValuesDamaged
        return self._values(words).astype(self._dtype).tobytes() if words else b""

    def _values(self, words: list[bytes]) -> npt.NDArray[np.float64]:
        try:
            values = np.array(words).astype(np.float64)
        except ValueError as error:
            raise ValuesDamaged from error
        if self._dtype.kind in "iu":
            limits = np.iinfo(self._dtype)
            if not ((values >= limits.min) & (values <= limits.max) & (values == np.rint(values))).all():
                raise ValuesDamaged
        return values


@contextmanager
def maybe_gzip(path: Path) -> Iterator[tuple[Readable, bool]]:
    """The unpacked bytes of a file that may be gzip, and whether it is."""
    with path.open("rb") as stream:
        packed = stream.read(2) == GZIP_MAGIC
        stream.seek(0)
        yield (inflated(stream) if packed else stream), packed


def skip(stream: Readable, count: int) -> None:
    """Go ``count`` bytes on.

    Raises:
        ValuesDamaged: the stream ends before.
    """
    while count > 0:
        passed = len(stream.read(min(count, SKIP_BYTES)))
        if not passed:
            raise ValuesDamaged
        count -= passed


def skip_lines(stream: IO[bytes], count: int) -> None:
    """Go ``count`` lines on, however long they are.

    Raises:
        ValuesDamaged: the file ends before.
    """
    while count > 0:
        line = stream.readline(SKIP_BYTES)
        if not line:
            raise ValuesDamaged
        count -= line.endswith(b"\n")


def check_ratio(packed_bytes: int, size: int) -> None:
    """Raise ValuesDamaged when so few deflated bytes cannot hold ``size``: nothing needs to be unpacked to know."""
    if size > packed_bytes * MOST_INFLATED + READ_BYTES:
        raise ValuesDamaged
