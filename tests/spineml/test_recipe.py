"""What the default model is fed: the public CT as a frozen set, and painted label maps, in their shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from scripts.default_model.recipe import SHARES, VERTEBRAE, WHOLE_BODY, freeze, sources
from scripts.default_model.synthetic import SOFT, SPINE, Anatomy
from scripts.default_model.training_data import LabelledSeries, Split
from spineml.learning.dataset_file import DatasetReader
from spineml.volumes.volume import Geometry


def series(source: str, patient: str, split: Split = "train", *, full_field: bool = True) -> LabelledSeries:
    mask = np.zeros((4, 50, 50), np.uint8)
    mask[1:3, 20:30, 20:30] = 1
    hu = np.where(mask > 0, 600, 0).astype(np.int16)
    geometry = Geometry((4, 50, 50), (2.0, 0.8, 0.8))
    return LabelledSeries(source, patient, patient, split, hu, mask, geometry, full_field)


def anatomies() -> list[Anatomy]:
    classes = np.full((2, 40, 40), SOFT, np.uint8)
    classes[:, 15:25, 15:25] = SPINE
    return [Anatomy("body", classes, (1.0, 1.0), True), Anatomy("crop", classes, (1.0, 1.0), False)]


PUBLIC = [series("tcga", "a"), series("tcga", "b", "test"), series("verse", "v", full_field=False)]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[DatasetReader]:
    with DatasetReader(freeze(PUBLIC, tmp_path / "data.h5", lambda one: one.split)) as opened:
        yield opened


def test_the_public_ct_is_frozen_as_a_data_set_that_knows_its_crops_and_its_images(reader: DatasetReader) -> None:
    assert [(one.patient, one.split, one.full_field) for one in reader.entries] == [
        ("a", "train", True),
        ("b", "test", True),
        ("v", "train", False),
    ]
    assert [one.pixel_hash for one in reader.entries] == [one.pixel_hash for one in PUBLIC]
    assert reader.facts["fingerprint"]


def drawn(reader: DatasetReader, anatomies: Sequence[Anatomy]) -> dict[float, list[tuple[bool, bool]]]:
    """By share: whether each example is a full field, and whether it shows spine."""
    rng = np.random.default_rng(1)
    found = {}
    for source in sources(reader, anatomies, 0.8):
        examples = [source.draw(rng) for _ in range(20)]
        found[source.share] = [(one.full_field, bool(one.mask.any())) for one in examples]
    return found


def test_each_source_has_its_share_and_what_is_not_there_is_left_out(reader: DatasetReader) -> None:
    assert set(drawn(reader, anatomies())) == {SHARES[name] for name in ("tcga", "verse", WHOLE_BODY, VERTEBRAE)}
    assert set(drawn(reader, [])) == {SHARES["tcga"], SHARES["verse"]}


def test_a_crop_shows_only_slices_whose_vertebrae_are_labelled(reader: DatasetReader) -> None:
    assert set(drawn(reader, [])[SHARES["verse"]]) == {(False, True)}


def test_painted_slices_show_spine_in_bodies_and_in_crops(reader: DatasetReader) -> None:
    found = drawn(reader, anatomies())
    assert set(found[SHARES[WHOLE_BODY]]) == {(True, True)}
    assert set(found[SHARES[VERTEBRAE]]) == {(False, True)}
