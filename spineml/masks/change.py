"""What a correction did to the mask it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spineml.volumes.canonical_file import SliceFileReader


@dataclass(frozen=True)
class MaskChange:
    """Voxels marked now and not before, voxels no longer marked, and the slices (from 0) on which there are any."""

    added: int
    removed: int
    slices: tuple[int, ...]

    def as_json(self) -> dict[str, Any]:
        return {"added": self.added, "removed": self.removed, "slices": list(self.slices)}


def mask_change(before: SliceFileReader, after: SliceFileReader) -> MaskChange:
    """Compare two masks of one grid; any value above 0 counts as marked. Only slices that differ are read.

    Raises:
        ValueError: the masks have different shapes.
    """
    if before.geometry.shape != after.geometry.shape:
        raise ValueError(f"the masks are {before.geometry.shape} and {after.geometry.shape}")
    added = removed = 0
    slices = []
    for z, (old, new) in enumerate(zip(before.slice_hashes(), after.slice_hashes(), strict=True)):
        if old == new:
            continue
        was, now = before.read(z) > 0, after.read(z) > 0
        more, fewer = int(np.count_nonzero(now & ~was)), int(np.count_nonzero(was & ~now))
        added, removed = added + more, removed + fewer
        if more or fewer:
            slices.append(z)
    return MaskChange(added, removed, tuple(slices))
