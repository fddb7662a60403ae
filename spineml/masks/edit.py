"""A corrected mask: the slices of its parent, with the changed ones in their place."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spineml.errors import MaskRejected
from spineml.message import message
from spineml.metrics.labels import LabelTable
from spineml.volumes.canonical_file import SliceFileReader, SliceFileWriter
from spineml.volumes.volume import Geometry

Slices = Mapping[int, npt.NDArray[np.uint8]]


class SliceDamaged(MaskRejected):
    """A changed slice arrived damaged, or does not fit the series. Reload the page and save again."""

    code = "slice-damaged"


def inflate_slice(stream: bytes, geometry: Geometry) -> npt.NDArray[np.uint8]:
    """One slice ``(y, x)`` of labels from a zlib stream of its bytes, row by row.

    Never unpacks more than one slice, whatever the stream holds.

    Raises:
        SliceDamaged: not a zlib stream, or not exactly one slice of this grid.
    """
    _, height, width = geometry.shape
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(stream, height * width + 1)
    except zlib.error:
        raise SliceDamaged from None
    if len(raw) != height * width or not unpacker.eof:
        raise SliceDamaged
    return np.frombuffer(raw, np.uint8).reshape(height, width)


def check_slices(changed: Slices, geometry: Geometry) -> None:
    """Raise SliceDamaged unless every changed slice lies in the series."""
    depth = geometry.shape[0]
    outside = [z for z in changed if not 0 <= z < depth]
    if outside:
        raise SliceDamaged(
            message(
                "There is no slice {slice}: this series has the slices 0 to {last}.", slice=outside[0], last=depth - 1
            )
        )


def write_edited(
    path: Path, geometry: Geometry, changed: Slices, *, base: SliceFileReader | None, base_rows: Sequence[Any]
) -> tuple[str, LabelTable]:
    """Write the mask at ``path``: ``changed`` slices over those of ``base``, or over nothing.

    Unchanged slices are copied as they are stored; only what a slice's hash needs is unpacked, once for each
    different stream, so that the many empty slices of a mask cost nothing.

    Args:
        base_rows: the sizes of the labels of ``base`` (`LabelTable.rows`); ignored without one.

    Returns:
        The pixel hash, and the sizes of the labels.
    """
    depth, height, width = geometry.shape
    sizes = _sizes_of(base, base_rows, geometry)
    digests: dict[bytes, bytes] = {}
    empty = np.zeros((height, width), np.uint8)
    with SliceFileWriter(path, geometry, "mask") as writer:
        for z in range(depth):
            if z in changed:
                if base is not None:
                    sizes.take(z, base.read(z))
                sizes.put(z, changed[z])
                writer.write(z, changed[z])
            elif base is not None:
                chunk = base.read_deflated(z)
                if chunk not in digests:
                    digests[chunk] = hashlib.sha256(zlib.decompress(chunk)).digest()
                writer.copy(z, chunk, digests[chunk])
            else:
                writer.write(z, empty)
    return writer.pixel_hash, sizes


def _sizes_of(base: SliceFileReader | None, rows: Sequence[Any], geometry: Geometry) -> LabelTable:
    """Those that are known; of masks from before places were kept they are measured again."""
    if base is None:
        return LabelTable(geometry)
    return LabelTable.from_rows(rows, geometry) or LabelTable.of(base, geometry)
