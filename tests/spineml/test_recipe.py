"""Batches: a pure function of seed and step, drawn from the sources in their shares."""

from __future__ import annotations

import numpy as np

from scripts.default_model.recipe import VERTEBRAE, WHOLE_BODY, Batches, Recipe
from scripts.default_model.synthetic import SOFT, SPINE, Anatomy
from scripts.default_model.training_data import LabelledSeries
from spineml.model.preprocess import Preprocess
from spineml.volumes.volume import Geometry

SMALL = Recipe(crop_size=32, crops=3, field_size=64, fields=1)


def series(source: str, patient: str, *, full_field: bool = True) -> LabelledSeries:
    mask = np.zeros((4, 50, 50), np.uint8)
    mask[1:3, 20:30, 20:30] = 1
    hu = np.where(mask > 0, 600, 0).astype(np.int16)
    geometry = Geometry((4, 50, 50), (2.0, 0.8, 0.8))
    return LabelledSeries(source, patient, patient, "train", hu, mask, geometry, full_field)


def anatomies() -> list[Anatomy]:
    classes = np.full((2, 40, 40), SOFT, np.uint8)
    classes[:, 15:25, 15:25] = SPINE
    return [Anatomy("body", classes, (1.0, 1.0), True), Anatomy("crop", classes, (1.0, 1.0), False)]


def batches(seed: int = 1, recipe: Recipe = SMALL) -> Batches:
    sources = [series("tcga", "a"), series("tcga", "b"), series("verse", "v", full_field=False)]
    return Batches(sources, anatomies(), Preprocess(), recipe, seed)


def test_a_step_s_batch_depends_on_seed_and_step_alone() -> None:
    first, again = batches(), batches()
    again(0)  # another order of asking
    for one, two in zip(first(7), again(7), strict=True):
        assert np.array_equal(one, two)
    assert not np.array_equal(batches(seed=2)(7)[0], first(7)[0])


def test_batches_are_small_crops_or_whole_fields() -> None:
    shapes = {batches()(step)[0].shape for step in range(30)}
    assert shapes == {(3, 32, 32, 1), (1, 64, 64, 1)}


def test_crops_of_a_crop_mark_what_is_unknown() -> None:
    only = Recipe(shares={"verse": 1.0}, crop_size=128, crops=2, field_share=0)
    _, targets = batches(recipe=only)(0)
    assert 0 < targets[..., 1].mean() < 1
    assert targets[..., 0].any()


def test_painted_slices_alone_make_batches() -> None:
    only = Recipe(shares={WHOLE_BODY: 0.5, VERTEBRAE: 0.5}, crop_size=32, crops=4, field_share=0)
    images, targets = batches(recipe=only)(3)
    assert images.shape == (4, 32, 32, 1)
    assert targets[..., 0].any()


def test_a_source_that_is_not_there_is_left_out() -> None:
    images, _ = Batches([series("tcga", "a")], [], Preprocess(), SMALL, 1)(0)
    assert np.isfinite(images).all()
