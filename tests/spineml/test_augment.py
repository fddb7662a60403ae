"""Training crops: reproducible, aligned, and honest about what is unknown."""

from __future__ import annotations

import numpy as np
import pytest

from spineml.learning.augment import Augmentation, Example, crop
from spineml.model.preprocess import Preprocess

PREPROCESS = Preprocess()
STILL = Augmentation(
    spacing_mm=(0.8, 0.8),
    any_angle_share=0,
    angle=0,
    stretch=0,
    shear=0,
    flip_x_share=0,
    flip_y_share=0,
    partial_field_share=0,
    blur_share=0,
    sharpen_share=0,
    thick_share=0,
    noise_share=0,
    gain=0,
    offset_hu=0,
    window_share=0,
    gamma_share=0,
)


def bright_disc(*, full_field: bool = True) -> Example:
    y, x = np.mgrid[:200, :160]
    disc = (y - 110) ** 2 + (x - 70) ** 2 < 25**2
    return Example(np.where(disc, 1200.0, -300.0).astype(np.float32), disc.astype(np.uint8), (0.8, 0.8), full_field)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_same_seed_gives_the_same_crop() -> None:
    first = crop(bright_disc(), 64, PREPROCESS, Augmentation(), rng())
    again = crop(bright_disc(), 64, PREPROCESS, Augmentation(), rng())
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_image_and_mask_stay_aligned(seed: int) -> None:
    calm = Augmentation(noise_share=0, gain=0, offset_hu=0, blur_share=0, thick_share=0, window_share=0)
    image, target = crop(bright_disc(), 96, PREPROCESS, calm, rng(seed))
    assert np.mean((image[..., 0] > 0.5) == (target[..., 0] > 0.5)) > 0.98


@pytest.mark.parametrize("seed", range(10))
def test_values_are_what_the_network_expects(seed: int) -> None:
    image, target = crop(bright_disc(), 64, PREPROCESS, Augmentation(), rng(seed))
    assert (image.shape, target.shape, image.dtype, target.dtype) == ((64, 64, 1), (64, 64, 2), np.float32, np.float32)
    assert image.min() >= 0
    assert image.max() <= 1
    assert np.allclose(image * 255, np.rint(image * 255), atol=1e-3)
    assert set(np.unique(target[..., 1])) <= {0.0, 1.0}


def test_without_changes_a_crop_shows_the_image_as_preprocessing_would() -> None:
    example = Example(bright_disc().hu, bright_disc().mask, (0.8, 0.8), full_field=False)
    image, target = crop(example, 512, PREPROCESS, STILL, rng())
    canvas, placement = PREPROCESS.prepare(example.hu.astype(np.int16), (0.8, 0.8))
    original = PREPROCESS.restore(canvas, placement)
    assert image.sum() == pytest.approx(original.sum(), rel=0.02)
    assert target[..., 0].sum() == pytest.approx(example.mask.sum(), rel=0.02)


def test_beyond_the_edge_of_a_crop_nothing_is_known() -> None:
    _, target = crop(bright_disc(full_field=False), 512, PREPROCESS, STILL, rng())
    assert target[..., 1].sum() == pytest.approx(200 * 160, rel=0.03)
    _, target = crop(bright_disc(), 512, PREPROCESS, STILL, rng())
    assert target[..., 1].all()


def test_most_crops_show_the_spine() -> None:
    seen = [crop(bright_disc(), 64, PREPROCESS, Augmentation(), rng(n))[1][..., 0].any() for n in range(60)]
    assert sum(seen) > 40


def test_a_slice_without_spine_can_be_cropped() -> None:
    example = Example(np.zeros((50, 50), np.float32), np.zeros((50, 50), np.uint8), (1.0, 1.0))
    _, target = crop(example, 32, PREPROCESS, Augmentation(), rng())
    assert not target[..., 0].any()
