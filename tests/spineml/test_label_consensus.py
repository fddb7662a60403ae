"""One label map out of several: against counting by hand, and against ITK's STAPLE label by label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from spineml.masks import consensus, label_consensus
from spineml.volumes.canonical_file import SliceFileReader
from spineml.volumes.volume import Geometry
from tests.spineml.test_consensus import SHAPE, Slices, readers

VALUES = (3, 20, 255)


def maps(count: int) -> list[np.ndarray]:
    """A block of two labels as ``count`` readers see it, each with errors of their own; they disagree on labels too."""
    random = np.random.default_rng(3)
    made = []
    for marked in readers(count):
        labels = np.where(np.arange(SHAPE[2]) < 24, 3, 20).astype(np.uint8) * marked
        swapped = random.random(SHAPE) < 0.05
        labels[swapped & (labels > 0)] = 255
        made.append(labels)
    return made


def written(folder: Path, sources: list[np.ndarray], scores: label_consensus.Scores) -> np.ndarray:
    path = folder / "made.h5"
    label_consensus.write_consensus(path, [Slices(one) for one in sources], Geometry(SHAPE, (1, 1, 1)), scores)
    with SliceFileReader(path) as reader:
        return reader.read_all()


def counts(sources: list[np.ndarray], values: tuple[int, ...] = VALUES) -> label_consensus.Counts:
    return label_consensus.count_votes([Slices(one) for one in sources], values)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_majority_is_the_label_that_more_than_half_have(tmp_path: Path, count: int) -> None:
    sources = maps(count)
    expected = np.zeros(SHAPE, np.uint8)
    for value in VALUES:
        expected[sum((one == value).astype(int) for one in sources) * 2 > count] = value
    assert np.array_equal(written(tmp_path, sources, label_consensus.majority(count, VALUES)), expected)


def test_staple_of_each_label_is_that_of_itk(tmp_path: Path) -> None:
    sources = maps(4)
    found = label_consensus.staple(counts(sources))
    result = written(tmp_path, sources, found)
    likelihoods = {}
    for value in VALUES:
        itk = SimpleITK.STAPLEImageFilter()
        itk.SetForegroundValue(value)
        itk.SetMaximumIterations(1000)
        images = [SimpleITK.GetImageFromArray(one) for one in sources]
        likelihoods[value] = SimpleITK.GetArrayFromImage(itk.Execute(images))
    best = np.array(VALUES, np.uint8)[np.argmax(list(likelihoods.values()), axis=0)]
    highest = np.max(list(likelihoods.values()), axis=0)
    expected = np.where(highest >= 0.5, best, 0)
    assert (result == expected).mean() > 0.9999


def test_of_a_single_label_everything_is_as_for_masks(tmp_path: Path) -> None:
    sources = readers(3)
    votes = counts(sources, (1,))
    assert np.array_equal(votes[1], consensus.count_patterns([Slices(one) for one in sources]))
    path = tmp_path / "mask.h5"
    rules = (
        (label_consensus.majority(3, (1,)), consensus.majority(3)),
        (label_consensus.union(votes), consensus.union(3)),
        (label_consensus.staple(votes), consensus.staple(votes[1]).chosen),
    )
    for scores, chosen in rules:
        consensus.write_consensus(path, [Slices(one) for one in sources], Geometry(SHAPE, (1, 1, 1)), chosen)
        with SliceFileReader(path) as reader:
            assert np.array_equal(written(tmp_path, sources, scores), reader.read_all())


def test_a_union_has_what_any_marks_with_the_label_of_most_and_of_equals_the_one_with_more_voxels(
    tmp_path: Path,
) -> None:
    one, two, three = np.zeros((3, *SHAPE), np.uint8)
    one[0, 0, :4] = 3
    two[0, 0, :4] = [20, 20, 0, 255]
    three[0, 0, :4] = [20, 0, 0, 0]
    three[2, 5, :30] = 20  # 20 has more voxels than 3, 255 fewer
    result = written(tmp_path, [one, two, three], label_consensus.union(counts([one, two, three])))
    # two of three; equal, 20 is larger; one alone; equal, 3 is larger than 255
    assert result[0, 0, :4].tolist() == [20, 20, 3, 3]
    assert (result[2, 5, :30] == 20).all()


def test_a_label_that_nobody_marks_is_never_chosen(tmp_path: Path) -> None:
    empty = [np.zeros(SHAPE, np.uint8)] * 3
    for scores in (label_consensus.staple(counts(empty)), label_consensus.union(counts(empty))):
        assert not written(tmp_path, empty, scores).any()


@pytest.mark.parametrize("count", [1, 9])
def test_too_few_and_too_many_maps_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="two to 8 masks"):
        counts([np.zeros(SHAPE, np.uint8)] * count)
