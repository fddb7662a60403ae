"""The training loop: it learns, keeps the best, goes on where it was interrupted, and says when it diverges."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from tests.spineml.tiny_models import TINY

pytestmark = pytest.mark.tensorflow


def squares(step: int) -> tuple[np.ndarray, np.ndarray]:
    """Bright squares whose mask is the square."""
    rng = np.random.default_rng(step)
    mask = np.zeros((4, 32, 32), np.float32)
    for one in mask:
        y, x = rng.integers(2, 18, 2)
        one[y : y + 12, x : x + 12] = 1
    image = 0.2 + 0.6 * mask + rng.normal(0, 0.05, mask.shape)
    return image[..., np.newaxis].astype(np.float32), np.stack([mask, np.ones_like(mask)], axis=-1)


def fresh():  # type: ignore[no-untyped-def]
    import keras

    from spineml.model import unet

    keras.utils.set_random_seed(3)
    return unet.build(TINY)


def weights_of(model) -> list[np.ndarray]:  # type: ignore[no-untyped-def]
    return [np.asarray(variable) for variable in model.variables]


def test_it_learns_a_square(tmp_path: Path) -> None:
    from spineml.learning import loop as train

    result = train.run(fresh(), squares, train.TrainingPlan(steps=60, evaluate_every=20), keep_in=tmp_path)
    losses = [each.loss for each in result.curve]
    assert result.steps == 60
    assert losses[2] < 0.6 * losses[0]
    assert result.as_json()["steps"] == 60


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    from spineml.learning import loop as train

    first, again = fresh(), fresh()
    for model, name in ((first, "a"), (again, "b")):
        train.run(model, squares, train.TrainingPlan(steps=5), keep_in=tmp_path / name)
    assert all(np.allclose(a, b, atol=1e-4) for a, b in zip(weights_of(first), weights_of(again), strict=True))


def test_an_interrupted_run_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    from spineml.learning import loop as train

    plan = train.TrainingPlan(steps=8, keep_every=2)
    whole, parts, steps = fresh(), fresh(), []
    train.run(whole, squares, plan, keep_in=tmp_path / "whole")
    asked = itertools.count()
    train.run(parts, squares, plan, keep_in=tmp_path / "parts", hooks=train.Hooks(should_stop=lambda: next(asked) == 4))

    def counted(step: int) -> tuple[np.ndarray, np.ndarray]:
        steps.append(step)
        return squares(step)

    resumed = fresh()
    result = train.run(resumed, counted, plan, keep_in=tmp_path / "parts")
    assert result.steps == 8
    assert min(steps) == 4
    assert all(np.allclose(a, b, atol=1e-4) for a, b in zip(weights_of(whole), weights_of(resumed), strict=True))


def test_the_best_weights_are_kept_when_later_ones_are_worse(tmp_path: Path) -> None:
    from spineml.learning import loop as train

    scores = iter([0.5, 0.9, 0.3, 0.2])
    result = train.run(
        fresh(),
        squares,
        train.TrainingPlan(steps=6, evaluate_every=2),
        keep_in=tmp_path,
        hooks=train.Hooks(evaluate=lambda model: next(scores)),
    )
    assert (result.best_score, result.best_step) == (0.9, 4)
    best = fresh()
    train.restore_kept(best, tmp_path)
    again = fresh()
    train.run(again, squares, train.TrainingPlan(steps=6), keep_in=tmp_path / "again")
    assert not all(np.allclose(a, b) for a, b in zip(weights_of(best), weights_of(again), strict=True))


def test_without_a_run_there_are_no_best_weights(tmp_path: Path) -> None:
    from spineml.learning import loop as train

    with pytest.raises(FileNotFoundError, match="no trained weights"):
        train.restore_kept(fresh(), tmp_path)


def test_a_loss_that_is_no_number_stops_with_a_reason(tmp_path: Path) -> None:
    from spineml.learning import loop as train

    def broken(step: int) -> tuple[np.ndarray, np.ndarray]:
        image, target = squares(step)
        return image * np.nan if step == 3 else image, target

    with pytest.raises(train.TrainingDiverged, match="learning rate"):
        train.run(fresh(), broken, train.TrainingPlan(steps=6, keep_every=1), keep_in=tmp_path)
    resumed = train.run(fresh(), squares, train.TrainingPlan(steps=4), keep_in=tmp_path)
    assert resumed.steps == 4


def test_a_time_limit_ends_the_run(tmp_path: Path) -> None:
    from spineml.learning import loop as train

    plan = train.TrainingPlan(steps=10**6, seconds=0.01)
    assert train.run(fresh(), squares, plan, keep_in=tmp_path).steps < 10


def test_the_rate_warms_up_and_falls_to_nothing() -> None:
    from spineml.learning import loop as train

    plan = train.TrainingPlan(learning_rate=1.0, warm_up=0.1)
    rates = [train.learning_rate(share, plan) for share in (0.0, 0.05, 0.1, 0.55, 1.0)]
    assert rates == pytest.approx([0.01, 0.5, 1.0, 0.5, 0.0], abs=1e-6)
