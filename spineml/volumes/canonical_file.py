"""The canonical file of a volume or mask: HDF5, one zlib chunk per slice, geometry in its attributes.

Chunks carry no filter but zlib (HDF5's "gzip"), so a stored chunk *is* an HTTP body with
``Content-Encoding: deflate``: the viewer's slices are served without decoding or encoding anything.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import h5py
import numpy as np
import numpy.typing as npt

# HDF5 itself is not safe for threads; h5py takes this lock for every call but the two on raw chunks.
from h5py._objects import phil

from spineml.volumes.volume import Geometry, Mask, Volume

Kind = Literal["volume", "mask"]
FORMAT_VERSION = 1
DATASETS: dict[Kind, tuple[str, type[np.generic]]] = {"volume": ("hu", np.int16), "mask": ("labels", np.uint8)}
COMPRESSION_LEVEL = 1
SLICE_HASHES = "slice_sha256"
DIGEST_BYTES = 32


class SliceFileWriter:
    """Writes slices of ``kind`` one by one, in any order; every slice must be written once.

    Use as a context manager; ``close`` (or leaving without an error) checks that no slice is missing.
    ``pixel_hash`` is the SHA-256 of the slices in z order, independent of compression: the same image under
    another name has the same hash.
    """

    def __init__(self, path: Path, geometry: Geometry, kind: Kind) -> None:
        name, self._dtype = DATASETS[kind]
        depth, height, width = geometry.shape
        self._shape = (height, width)
        self._digests: list[bytes | None] = [None] * depth
        self._geometry = geometry
        self._file = h5py.File(path, "w")
        self._data = self._file.create_dataset(
            name,
            shape=geometry.shape,
            dtype=self._dtype,
            chunks=(1, height, width),
            compression="gzip",
            compression_opts=COMPRESSION_LEVEL,
        )
        self._file.attrs["format_version"] = FORMAT_VERSION
        self._file.attrs["kind"] = kind
        self._file.attrs["geometry"] = json.dumps(geometry.as_json())

    def write(self, z: int, pixels: npt.NDArray[Any]) -> None:
        """Store slice ``z``: ``(y, x)``, of the file's dtype (int16 HU or uint8 labels).

        Raises:
            ValueError: the slice has another shape or dtype.
        """
        if pixels.shape != self._shape or pixels.dtype != self._dtype:
            raise ValueError(f"slice {z} is {pixels.dtype} {pixels.shape}, expected {self._dtype} {self._shape}")
        raw = np.ascontiguousarray(pixels).tobytes()
        self._digests[z] = hashlib.sha256(raw).digest()
        chunk = zlib.compress(raw, COMPRESSION_LEVEL)
        with phil:
            self._data.id.write_direct_chunk((z, 0, 0), chunk)

    def copy(self, z: int, chunk: bytes, digest: bytes) -> None:
        """Store slice ``z`` as another file of this kind and shape holds it.

        Args:
            chunk: the stored zlib stream, from ``SliceFileReader.read_deflated``.
            digest: the SHA-256 of the slice it holds.
        """
        self._digests[z] = digest
        with phil:
            self._data.id.write_direct_chunk((z, 0, 0), chunk)

    @property
    def pixel_hash(self) -> str:
        """SHA-256 over the shape and the slices' own SHA-256, as 64 hex digits."""
        whole = hashlib.sha256(repr(self._geometry.shape).encode())
        for z, digest in enumerate(self._digests):
            if digest is None:
                raise ValueError(f"slice {z} was never written")
            whole.update(digest)
        return whole.hexdigest()

    def close(self) -> None:
        self._file.attrs["pixel_hash"] = self.pixel_hash
        digests = b"".join(digest for digest in self._digests if digest is not None)
        self._file.create_dataset(SLICE_HASHES, data=np.frombuffer(digests, np.uint8).reshape(-1, DIGEST_BYTES))
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()


class SliceFileReader:
    """Reads a canonical file slice by slice; memory does not grow with the number of slices."""

    def __init__(self, path: Path | str) -> None:
        self._file = h5py.File(path, "r")
        self.kind: Kind = self._file.attrs["kind"]
        self._data = self._file[DATASETS[self.kind][0]]
        self.geometry = Geometry.from_json(json.loads(self._file.attrs["geometry"]))
        self.pixel_hash = str(self._file.attrs["pixel_hash"])

    def __len__(self) -> int:
        return self.geometry.shape[0]

    def read(self, z: int) -> npt.NDArray[Any]:
        """Slice ``z`` as ``(y, x)``."""
        pixels: npt.NDArray[Any] = self._data[z]
        return pixels

    def read_deflated(self, z: int) -> bytes:
        """Slice ``z`` as the stored zlib stream of its little-endian values in C order."""
        with phil:
            _, chunk = self._data.id.read_direct_chunk((z, 0, 0))
            return bytes(chunk)

    def slice_hashes(self) -> list[bytes]:
        """The SHA-256 of each slice, by which the same slice is found elsewhere; files of old are read for it."""
        if SLICE_HASHES in self._file:
            return [row.tobytes() for row in self._file[SLICE_HASHES][()]]
        return [hashlib.sha256(self.read(z).tobytes()).digest() for z in range(len(self))]

    def read_all(self) -> npt.NDArray[Any]:
        """The whole array ``(z, y, x)``: only where the caller knows it is small enough."""
        values: npt.NDArray[Any] = self._data[()]
        return values

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def write_volume(path: Path, volume: Volume) -> str:
    """Write a volume held in memory; returns its pixel hash."""
    with SliceFileWriter(path, volume.geometry, "volume") as writer:
        for z, pixels in enumerate(volume.hu):
            writer.write(z, pixels)
    return writer.pixel_hash


def write_mask(path: Path, mask: Mask) -> str:
    """Write a mask held in memory; returns its pixel hash."""
    with SliceFileWriter(path, mask.geometry, "mask") as writer:
        for z, pixels in enumerate(mask.labels):
            writer.write(z, pixels)
    return writer.pixel_hash


def read_volume(path: Path | str) -> Volume:
    """Read a whole volume into memory."""
    with SliceFileReader(path) as reader:
        return Volume(reader.read_all(), reader.geometry)


def read_mask(path: Path | str) -> Mask:
    """Read a whole mask into memory."""
    with SliceFileReader(path) as reader:
        return Mask(reader.read_all(), reader.geometry)
