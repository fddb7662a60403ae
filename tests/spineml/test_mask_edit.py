"""A corrected mask file: the changed slices over those of its parent."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spineml.masks.edit import SliceDamaged, check_slices, inflate_slice, write_edited
from spineml.metrics.labels import LabelTable
from spineml.volumes.canonical_file import SliceFileReader, read_mask, write_mask
from spineml.volumes.volume import Geometry, Mask

GRID = Geometry((6, 5, 4), (3.0, 0.8, 0.5))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A mask with two equal slices, two different ones and two empty ones."""
    labels = np.zeros(GRID.shape, np.uint8)
    labels[1, 1:3] = labels[2, 1:3] = 1
    labels[3, 0, 0] = labels[4, 4, 3] = 1
    write_mask(tmp_path / "base.h5", Mask(labels, GRID))
    return tmp_path / "base.h5"


def rows(path: Path) -> list[dict[str, Any]]:
    """The sizes of the labels of a mask, as they are kept with it."""
    with SliceFileReader(path) as reader:
        return LabelTable.of(reader, GRID).rows()


def test_only_the_changed_slices_differ_and_the_hash_is_that_of_the_same_mask_written_anew(
    base: Path, tmp_path: Path
) -> None:
    changed = {2: np.ones((5, 4), np.uint8), 5: np.eye(5, 4, dtype=np.uint8)}
    with SliceFileReader(base) as reader:
        pixel_hash, sizes = write_edited(tmp_path / "edited.h5", GRID, changed, base=reader, base_rows=rows(base))
    expected = read_mask(base).labels.copy()
    for z, pixels in changed.items():
        expected[z] = pixels
    edited = read_mask(tmp_path / "edited.h5")
    assert (edited.labels == expected).all()
    assert pixel_hash == write_mask(tmp_path / "anew.h5", Mask(expected, GRID))
    assert sizes.rows() == rows(tmp_path / "edited.h5")


def test_labels_are_measured_by_what_changed_also_where_places_were_not_kept(tmp_path: Path) -> None:
    labels = np.zeros(GRID.shape, np.uint8)
    labels[1:3, 1:3, 1:3] = 20
    labels[4, 2:, 2:] = 21
    write_mask(tmp_path / "named.h5", Mask(labels, GRID))
    known = rows(tmp_path / "named.h5")
    changed = {1: np.zeros((5, 4), np.uint8), 4: np.full((5, 4), 22, np.uint8)}
    for before in (known, [{**row, "centroid": None} for row in known]):
        with SliceFileReader(tmp_path / "named.h5") as reader:
            _, sizes = write_edited(tmp_path / "edited.h5", GRID, changed, base=reader, base_rows=before)
        assert sizes.values == [20, 22]
        assert sizes.rows() == rows(tmp_path / "edited.h5")


def test_a_mask_drawn_from_nothing_is_empty_elsewhere(tmp_path: Path) -> None:
    one = np.eye(5, 4, dtype=np.uint8)
    write_edited(tmp_path / "new.h5", GRID, {3: one}, base=None, base_rows=())
    labels = read_mask(tmp_path / "new.h5").labels
    assert (labels[3] == one).all()
    assert labels.sum() == one.sum()


@pytest.mark.parametrize(
    "stream",
    [b"", b"no stream", zlib.compress(bytes(19)), zlib.compress(bytes(21)), zlib.compress(bytes(20))[:-3]],
    ids=["nothing", "other bytes", "too short", "too long", "torn"],
)
def test_a_stream_that_is_not_one_slice_is_refused(stream: bytes) -> None:
    with pytest.raises(SliceDamaged):
        inflate_slice(stream, GRID)


def test_a_bomb_is_never_unpacked_whole() -> None:
    with pytest.raises(SliceDamaged):
        inflate_slice(zlib.compress(bytes(50_000_000), 9), GRID)


def test_a_slice_outside_of_the_series_is_named() -> None:
    with pytest.raises(SliceDamaged, match="no slice 6"):
        check_slices({6: np.zeros((5, 4), np.uint8)}, GRID)
