"""Arrays that stay on disk: read as canonical slices, with memory that does not grow with the volume."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from spineml.readers import reading_progress
from spineml.volumes.volume import AIR_HU, HounsfieldArray, SourceGrid

READS_BEFORE_RELEASE = 8
PART = 2**21


class MappedArray:
    """A raw array inside a file, ``shape`` in the file's own axis order, memory-mapped read-only.

    Raises:
        ValueError: the file is shorter than the array.
    """

    def __init__(
        self, path: Path, dtype: npt.DTypeLike, shape: tuple[int, ...], *, offset: int = 0, order: Literal["C", "F"]
    ) -> None:
        with path.open("rb") as stream:
            self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        size = int(np.prod(shape, dtype=np.int64))
        self._flat: npt.NDArray[Any] = np.frombuffer(self._map, dtype=dtype, count=size, offset=offset)
        self._array = self._flat.reshape(shape, order=order)
        self._reads = 0

    def read(self, source: SourceGrid, z: int) -> npt.NDArray[Any]:
        """Canonical slice ``z`` as ``(y, x)`` in the stored dtype; a copy."""
        pixels = np.array(source.to_canonical(self._array)[z], order="C")
        self._release()
        return pixels

    def parts(self) -> Iterator[npt.NDArray[Any]]:
        """All values once, in storage order, as one-dimensional pieces."""
        for start in range(0, self._flat.size, PART):
            reading_progress.alive()
            yield self._flat[start : start + PART]
            self._release()

    def _release(self) -> None:
        """Give the pages back now and then: they stay in the system's cache, not in this process."""
        self._reads += 1
        if self._reads % READS_BEFORE_RELEASE == 0 and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        del self._array, self._flat
        self._map.close()


def to_int16(values: npt.NDArray[Any]) -> HounsfieldArray:
    """Rounded and clipped to -1024..32767; below air there is only padding."""
    if values.dtype.kind == "f":
        values = np.rint(values)
    clipped: HounsfieldArray = np.clip(values, AIR_HU, np.iinfo(np.int16).max).astype(np.int16)
    return clipped
