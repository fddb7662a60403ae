"""STAPLE held against the one of ITK, majorities against counting by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from spineml.masks import consensus
from spineml.volumes.canonical_file import SliceFileReader
from spineml.volumes.volume import Geometry

SHAPE = (6, 40, 48)


class Slices:
    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def read(self, z: int) -> np.ndarray:
        return self.pixels[z]


def readers(count: int, *, errors: float = 0.05) -> list[np.ndarray]:
    """The same block as ``count`` readers see it, each with errors of their own."""
    random = np.random.default_rng(5)
    truth = np.zeros(SHAPE, bool)
    truth[1:5, 10:30, 12:36] = True
    return [(truth ^ (random.random(SHAPE) < errors * (1 + n))).astype(np.uint8) for n in range(count)]


def by_staple(masks: list[np.ndarray]) -> tuple[np.ndarray, consensus.Staple]:
    found = consensus.staple(consensus.count_patterns([Slices(mask) for mask in masks]))
    pixels = [found.weights[consensus.patterns([Slices(mask) for mask in masks], z)] for z in range(SHAPE[0])]
    return np.stack(pixels), found


# Of two masks the likelihood is nearly flat, so ITK ends its search a little earlier than we do.
@pytest.mark.parametrize(("count", "tolerance"), [(2, 0.01), (3, 1e-3), (4, 1e-3)])
def test_staple_gives_what_itk_gives(count: int, tolerance: float) -> None:
    masks = readers(count)
    itk = SimpleITK.STAPLEImageFilter()
    itk.SetForegroundValue(1)
    itk.SetMaximumIterations(1000)
    expected = SimpleITK.GetArrayFromImage(itk.Execute([SimpleITK.GetImageFromArray(mask) for mask in masks]))
    weights, found = by_staple(masks)
    assert np.array_equal(weights >= 0.5, expected >= 0.5)
    assert np.allclose(found.sensitivity, itk.GetSensitivity(), atol=tolerance)
    assert np.allclose(found.specificity, itk.GetSpecificity(), atol=tolerance)


def test_staple_of_equal_masks_is_that_mask() -> None:
    mask = readers(1)[0]
    weights, _ = by_staple([mask, mask])
    assert np.array_equal(weights >= 0.5, mask == 1)


@pytest.mark.parametrize("value", [0, 1])
def test_staple_of_masks_that_all_say_one_thing_says_it_too(value: int) -> None:
    masks = [np.full(SHAPE, value, np.uint8)] * 2
    assert (by_staple(masks)[0] == value).all()


def test_a_majority_of_two_is_what_both_mark_and_of_three_what_two_mark() -> None:
    assert consensus.majority(2).tolist() == [False, False, False, True]
    assert consensus.majority(3).tolist() == [False, False, False, True, False, True, True, True]


def test_the_written_majority_equals_the_sum_of_votes(tmp_path: Path) -> None:
    masks = readers(3)
    sources = [Slices(mask) for mask in masks]
    consensus.write_consensus(tmp_path / "m.h5", sources, Geometry(SHAPE, (1, 1, 1)), consensus.majority(3))
    with SliceFileReader(tmp_path / "m.h5") as written:
        assert np.array_equal(written.read_all(), (sum(mask.astype(int) for mask in masks) >= 2).astype(np.uint8))


@pytest.mark.parametrize("count", [1, 9])
def test_too_few_and_too_many_masks_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="two to 8 masks"):
        consensus.count_patterns([Slices(np.zeros(SHAPE, np.uint8))] * count)
