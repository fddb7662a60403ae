"""From HU to the canvas and back onto the slice's own grid."""

from __future__ import annotations

import numpy as np
import pytest

from spineml.model.preprocess import Preprocess

PREPROCESS = Preprocess()


def random_slice(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-1024, 3000, shape).astype(np.int16)


@pytest.mark.parametrize("shape", [(512, 512), (511, 300), (1, 1), (256, 257), (37, 384)])
def test_restore_is_the_exact_inverse_without_resampling(shape: tuple[int, int]) -> None:
    canvas, placement = PREPROCESS.prepare(random_slice(shape), (0.7, 0.7))
    assert placement.scaled == shape
    marked = np.random.default_rng(1).random(placement.canvas, np.float32)
    back = PREPROCESS.restore(marked, placement)
    again = np.zeros_like(marked)
    top, left = placement.offset
    again[top : top + shape[0], left : left + shape[1]] = back
    assert np.array_equal(back, marked[top : top + shape[0], left : left + shape[1]])
    assert back.shape == shape
    assert canvas.shape == placement.canvas


def test_the_window_maps_to_256_steps_from_0_to_1() -> None:
    hu = np.array([[-2000, -300, 450, 1200, 3000]], np.int16)
    canvas, placement = PREPROCESS.prepare(hu, None)
    grey = PREPROCESS.restore(canvas, placement)[0]
    assert grey == pytest.approx([0, 0, 128 / 255, 1, 1], abs=1e-6)


def test_padding_is_air() -> None:
    canvas, _ = PREPROCESS.prepare(np.full((10, 10), 3000, np.int16), None)
    assert canvas.sum() == pytest.approx(100)


@pytest.mark.parametrize(
    ("shape", "spacing", "scaled", "side"),
    [
        ((512, 512), (0.7, 0.7), (512, 512), 512),  # ordinary CT is left alone
        ((512, 512), (0.3, 0.3), (256, 256), 256),  # fine reconstructions are brought to 0.6 mm
        ((100, 100), (3.0, 3.0), (300, 300), 384),  # coarse ones to 1 mm
        ((100, 37), (1.0, 3.0), (100, 111), 256),  # sagittal acquisitions become isotropic
        ((512, 512), (0.995, 0.995), (512, 512), 512),
        ((512, 512), (1.3, 1.3), (512, 512), 512),  # a wide field must fit: coarser than 1 mm
        ((1024, 1024), (0.35, 0.35), (512, 512), 512),
        ((512, 512), None, (512, 512), 512),
        ((300, 200), None, (300, 200), 384),  # unknown spacing keeps its pixels
        ((2048, 1024), None, (512, 256), 512),  # unless they exceed the canvas
    ],
)
def test_a_slice_is_placed_by_its_spacing(
    shape: tuple[int, int], spacing: tuple[float, float] | None, scaled: tuple[int, int], side: int
) -> None:
    placement = PREPROCESS.place(shape, spacing)
    assert (placement.scaled, placement.canvas) == (scaled, (side, side))


def test_resampling_keeps_a_disc_where_it_was() -> None:
    y, x = np.mgrid[:300, :200]
    disc = (y - 120) ** 2 + (x - 90) ** 2 < 40**2
    canvas, placement = PREPROCESS.prepare(np.where(disc, 1200, -300).astype(np.int16), (0.4, 0.5))
    back = PREPROCESS.restore(canvas, placement) > 0.5
    assert 2 * (back & disc).sum() / (back.sum() + disc.sum()) > 0.985


def test_parameters_survive_json() -> None:
    preprocess = Preprocess(window_centre=40, window_width=400, spacing_mm=(0.5, 2.0), canvases=(512,))
    assert Preprocess.from_json(preprocess.as_json()) == preprocess


@pytest.mark.parametrize(
    "changes",
    [
        {"window_width": 0},
        {"window_width": float("nan")},
        {"spacing_mm": [1.0, 0.5]},
        {"canvases": []},
        {"canvases": [500]},
        {"canvases": [10**6]},  # an attack on memory
        {"canvases": [512, 256]},
    ],
)
def test_impossible_parameters_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"window|Received"):
        Preprocess.from_json({**PREPROCESS.as_json(), **changes})
