"""A corrected mask: the slices of its parent, with the changed ones in their place."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spineml.errors import MaskRejected
from spineml.message import message
from spineml.metrics.volume_and_area import MaskSummary, volume_ml
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
    path: Path, geometry: Geometry, changed: Slices, *, base: SliceFileReader | None, base_areas: Sequence[int]
) -> tuple[str, MaskSummary]:
    """Write the mask at ``path``: ``changed`` slices over those of ``base``, or over nothing.

    Unchanged slices are copied as they are stored; only what a slice's hash needs is unpacked, once for each
    different stream, so that the many empty slices of a mask cost nothing.

    Args:
        base_areas: marked pixels of each slice of ``base``; ignored without one.

    Returns:
        The pixel hash, and the size of the mask.
    """
    depth, height, width = geometry.shape
    areas = list(base_areas) if base is not None else [0] * depth
    digests: dict[bytes, bytes] = {}
    empty = np.zeros((height, width), np.uint8)
    with SliceFileWriter(path, geometry, "mask") as writer:
        for z in range(depth):
            if z in changed:
                writer.write(z, changed[z])
                areas[z] = int(np.count_nonzero(changed[z]))
            elif base is not None:
                chunk = base.read_deflated(z)
                if chunk not in digests:
                    digests[chunk] = hashlib.sha256(zlib.decompress(chunk)).digest()
                writer.copy(z, chunk, digests[chunk])
            else:
                writer.write(z, empty)
    return writer.pixel_hash, _summary(areas, geometry)


def _summary(areas: list[int], geometry: Geometry) -> MaskSummary:
    pixel_area = geometry.pixel_area_mm2 if geometry.spacing_known else None
    return MaskSummary(tuple(areas), pixel_area, volume_ml(sum(areas), geometry))
