"""Files of which no more is asked for than they have."""

from __future__ import annotations

import os
from typing import Any, BinaryIO


class Within:
    """A file to read whose reads are cut at its end.

    An element, a chunk or a strip may state four gigabytes, and Python makes room for as many bytes before it looks
    whether they are there.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._size = os.fstat(stream.fileno()).st_size

    def read(self, count: int | None = -1) -> bytes:
        left = max(0, self._size - self._stream.tell())
        return self._stream.read(left if count is None or count < 0 else min(count, left))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
