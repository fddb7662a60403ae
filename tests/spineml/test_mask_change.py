"""What a correction did to its parent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spineml.masks.change import MaskChange, mask_change
from spineml.volumes.canonical_file import SliceFileReader, write_mask
from spineml.volumes.volume import Geometry, Mask


def kept(folder: Path, name: str, labels: np.ndarray) -> SliceFileReader:
    path = folder / f"{name}.h5"
    write_mask(path, Mask(labels, Geometry(labels.shape)))
    return SliceFileReader(path)


def test_added_and_removed_voxels_are_counted_where_they_are(tmp_path: Path) -> None:
    before = np.zeros((4, 8, 8), np.uint8)
    before[1:3, 2:4, 2:4] = 1
    after = before.copy()
    after[2, 2, 2] = 0
    after[3, 0, :5] = 1
    after[1, 2, 2] = 2  # another label, still marked
    with kept(tmp_path, "before", before) as old, kept(tmp_path, "after", after) as new:
        assert mask_change(old, new) == MaskChange(added=5, removed=1, slices=(1, 2, 3), relabelled=1)
        assert mask_change(new, new) == MaskChange(0, 0, ())


def test_masks_of_two_grids_cannot_be_compared(tmp_path: Path) -> None:
    with (
        kept(tmp_path, "a", np.zeros((2, 8, 8), np.uint8)) as a,
        kept(tmp_path, "b", np.zeros((3, 8, 8), np.uint8)) as b,
        pytest.raises(ValueError, match="masks are"),
    ):
        mask_change(a, b)
