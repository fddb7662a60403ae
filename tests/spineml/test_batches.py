"""Batches: a pure function of seed and step, crops and whole slices, drawn from the sources in their shares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from spineml.learning.augment import Example
from spineml.learning.batches import Batches, DatasetSlices, NothingToLearn, Source, whole_slices
from spineml.learning.dataset_file import DatasetReader, DatasetWriter, SeriesFacts
from spineml.model.preprocess import Preprocess
from tests.spineml.learning_data import settings, write_dataset


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[DatasetReader]:
    with DatasetReader(write_dataset(tmp_path / "data.h5")) as opened:
        yield opened


def batches(reader: DatasetReader, **changes: object) -> Batches:
    slices = DatasetSlices(reader, reader.in_split("train"), 0.8)
    return Batches([Source(1.0, slices)], settings(**changes), Preprocess())


def test_a_step_s_batch_depends_on_seed_and_step_alone(reader: DatasetReader) -> None:
    first, again = batches(reader), batches(reader)
    again(0)  # another order of asking
    for one, two in zip(first(7), again(7), strict=True):
        assert np.array_equal(one, two)
    assert not np.array_equal(batches(reader, seed=2)(7)[0], first(7)[0])


def test_batches_are_crops_or_whole_slices(reader: DatasetReader) -> None:
    shapes = [batches(reader)(step)[0].shape for step in range(60)]
    assert set(shapes) == {(4, 32, 32, 1), (1, 128, 128, 1)}
    assert 6 <= shapes.count((1, 128, 128, 1)) <= 30


@pytest.mark.parametrize(
    ("crop", "batch", "expected"),
    [(256, 8, (2, 512)), (512, 8, (8, 512)), (1024, 2, (2, 1024)), (320, 1, (1, 512)), (128, 8, (1, 512))],
)
def test_a_batch_of_whole_slices_has_about_as_many_pixels_as_one_of_crops(
    crop: int, batch: int, expected: tuple[int, int]
) -> None:
    assert whole_slices(settings(crop_size=crop, batch_size=batch)) == expected


def test_sources_come_up_in_their_shares() -> None:
    def of(value: float) -> Source:
        image = np.full((40, 40), value, np.float32)
        return Source(value, lambda rng: Example(image, np.ones((40, 40), np.uint8), (0.8, 0.8)))

    chosen = Batches([of(1.0), of(3.0)], settings(augmentation=[]), Preprocess(450, 1500))
    brighter = [image.max() for step in range(40) for image in chosen(step)[0]]
    assert 0.6 < np.mean(np.array(brighter) > min(brighter)) < 0.9


def test_patients_come_up_equally_often_whatever_the_number_of_their_slices(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "data.h5") as writer:
        for patient, depth in (("long", 9), ("short", 1)):
            facts = SeriesFacts(patient, patient, "train", "", "", (depth, 8, 8), (1.0, 1.0, 1.0))
            value = 1 if patient == "long" else 2
            slices = [(np.full((8, 8), value, np.int16), np.ones((8, 8), np.uint8)) for _ in range(depth)]
            writer.add(facts, slices)
    with DatasetReader(tmp_path / "data.h5") as reader:
        draw, rng = DatasetSlices(reader, reader.entries, 0.8), np.random.default_rng(1)
        values = [draw(rng).hu[0, 0] for _ in range(200)]
    assert 70 < values.count(2) < 130


def test_without_any_spine_there_is_nothing_to_learn(tmp_path: Path) -> None:
    path = write_dataset(tmp_path / "data.h5", spine=False)
    with DatasetReader(path) as reader, pytest.raises(NothingToLearn, match="all empty"):
        batches(reader)
