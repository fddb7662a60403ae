"""What a correction did to the mask it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spineml.volumes.canonical_file import SliceFileReader


@dataclass(frozen=True)
class MaskChange:
    """Voxels marked now and not before, voxels no longer marked, voxels with another label than before, and the slices
    (from 0) on which there are any.
    """

    added: int
    removed: int
    slices: tuple[int, ...]
    relabelled: int = 0

    def as_json(self) -> dict[str, Any]:
        """Plain values; ``relabelled`` only where there are any."""
        plain = {"added": self.added, "removed": self.removed, "slices": list(self.slices)}
        return {**plain, "relabelled": self.relabelled} if self.relabelled else plain


def mask_change(before: SliceFileReader, after: SliceFileReader) -> MaskChange:
    """Compare two masks of one grid; any value above 0 counts as marked. Only slices that differ are read.

    Raises:
        ValueError: the masks have different shapes.
    """
    if before.geometry.shape != after.geometry.shape:
        raise ValueError(f"the masks are {before.geometry.shape} and {after.geometry.shape}")
    added = removed = relabelled = 0
    slices = []
    for z, (old, new) in enumerate(zip(before.slice_hashes(), after.slice_hashes(), strict=True)):
        if old == new:
            continue
        labels = before.read(z), after.read(z)
        was, now = labels[0] > 0, labels[1] > 0
        kinds = (now & ~was, was & ~now, was & now & (labels[0] != labels[1]))
        more, fewer, other = (int(np.count_nonzero(kind)) for kind in kinds)
        added, removed, relabelled = added + more, removed + fewer, relabelled + other
        if more or fewer or other:
            slices.append(z)
    return MaskChange(added, removed, tuple(slices), relabelled)
