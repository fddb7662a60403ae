"""Training by Keras' own ``fit``: deterministic batches by step, time- or step-bound cosine schedule, resumable.

`run` feeds ``fit`` one batch a step through tf.data. What ``fit`` lacks are its callbacks here: the learning rate by
step or time, each step's loss, evaluation now and then, the best and the last weights on disk, and an end on request.
"""

from __future__ import annotations

import errno
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt

from spineml.errors import SpineError
from spineml.learning import class_losses, losses
from spineml.message import message

import tensorflow as tf  # isort: skip

FloatArray = npt.NDArray[np.float32]
Batch = tuple[FloatArray, FloatArray]
BatchSource = Callable[[int], Batch]


class DeviceTooSmall(SpineError):
    """The network and its batch do not fit into the memory of this machine. Choose a smaller batch or smaller crops."""

    code = "device-too-small"


class TrainingDiverged(SpineError):
    """The loss is no longer a number; the last saved weights are from before."""

    code = "training-diverged"


@dataclass(frozen=True)
class TrainingPlan:
    """The parameters of one training run.

    ``steps`` bounds the run; with ``seconds`` it ends, fully annealed, after that much time at the latest.
    ``evaluate_every`` and ``keep_every`` are in steps; with ``patience`` the run ends after so many evaluations
    without a better score. ``keep`` says which weights a run that came to its end leaves, those with the best score
    or the last ones; one that was stopped leaves the best so far.
    """

    steps: int = 2000
    seconds: float | None = None
    learning_rate: float = 5e-3
    warm_up: float = 0.08
    weight_decay: float = 1e-4
    clip_norm: float = 1.0
    seed: int = 2020
    evaluate_every: int = 100
    keep_every: int = 200
    workers: int = 2
    loss: str = "bce-dice"
    optimiser: str = "adamw"
    schedule: str = "cosine"
    patience: int = 0
    precision: str = "float32"
    keep: Literal["best", "last"] = "best"


@dataclass(frozen=True)
class Progress:
    """What an evaluation tells its listener: ``loss`` is the mean since the last one, ``score`` may be None.

    ``losses`` are those of the steps since then, ``dice`` the mean of the probabilities' Dice in their batches.
    """

    step: int
    loss: float
    seconds: float
    score: float | None = None
    dice: float | None = None
    learning_rate: float = 0.0
    losses: tuple[float, ...] = ()


@dataclass(frozen=True)
class Step:
    """One step that is done: ``loss`` and ``dice`` of its batch."""

    step: int
    loss: float
    dice: float
    learning_rate: float
    seconds: float


@dataclass
class TrainingResult:
    """Where the run ended; ``best_score`` is that of the weights it leaves, None without one. ``curve`` is of this
    process."""

    steps: int = 0
    seconds: float = 0.0
    best_score: float | None = None
    best_step: int | None = None
    last_score: float | None = None
    stopped: bool = False
    curve: list[Progress] = field(default_factory=list)

    def without_gain(self, plan: TrainingPlan) -> bool:
        """True when the last ``plan.patience`` evaluations brought no better score."""
        if not plan.patience or self.best_step is None:
            return False
        return self.steps - self.best_step >= plan.patience * plan.evaluate_every

    def as_json(self) -> dict[str, Any]:
        """For a model's spec: where it ended, and the curve as (step, loss, score)."""
        curve = [(each.step, round(each.loss, 4), each.score and round(each.score, 4)) for each in self.curve]
        return {"steps": self.steps, "best_step": self.best_step, "best_score": self.best_score, "curve": curve}


@dataclass(frozen=True)
class Hooks:
    """What a run calls: ``evaluate`` scores the present weights (higher is better), ``should_stop`` is asked before
    each step; a run that was stopped is not judged once more."""

    evaluate: Callable[[keras.Model], float | None] | None = None
    on_progress: Callable[[Progress], None] = lambda progress: None
    should_stop: Callable[[], bool] = lambda: False
    on_step: Callable[[Step], None] = lambda step: None


def run(
    model: keras.Model, batches: BatchSource, plan: TrainingPlan, *, keep_in: Path, hooks: Hooks | None = None
) -> TrainingResult:
    """Train ``model`` in place; continues where a run that kept its state in ``keep_in`` ended.

    Args:
        batches: the batch of a step, a pure function of the step: images ``(n, h, w, 1)`` and targets
            ``(n, h, w, 2)`` (`spineml.learning.losses`). Called from threads ahead of the network.

    Returns:
        The result; ``keep_in`` holds the last state, for resuming, and the weights it leaves (`restore_kept`).

    Raises:
        TrainingDiverged: the loss became NaN or infinite.
        DeviceTooSmall: a step does not fit into memory.
        OSError: the state cannot be written, as when the disk is full; what was kept before stays.
    """
    keras.utils.set_random_seed(plan.seed)
    hooks = hooks or Hooks()
    network = _compiled(model, plan)
    keeper = _Keeper(keep_in, model, network.optimizer)
    result = keeper.restore()
    run_of = _Run(plan, hooks, keeper, result)
    if not run_of.is_over():
        try:
            network.fit(_batches(batches, result.steps, plan), shuffle=False, verbose=0, callbacks=[run_of])
        except tf.errors.ResourceExhaustedError as error:
            raise DeviceTooSmall from error
    run_of.end()
    return result


def _compiled(model: keras.Model, plan: TrainingPlan) -> keras.Model:
    """A network of the same layers to train, so that ``model`` itself gets no optimizer and none is kept with it.

    Keras compiles with XLA on one GPU and not on a CPU, where XLA was measured to be slower than oneDNN's kernels.
    """
    network = keras.Model(model.inputs, model.outputs, name="training")
    known = losses if model.output_shape[-1] == 1 else class_losses
    network.compile(optimizer=_optimiser(plan), loss=known.BY_NAME[plan.loss], metrics=[known.soft_dice])
    network.optimizer.build(network.trainable_variables)
    return network


class _Run(keras.callbacks.Callback):  # type: ignore[misc]
    """What happens around the steps of one `run`."""

    def __init__(self, plan: TrainingPlan, hooks: Hooks, keeper: _Keeper, result: TrainingResult) -> None:
        super().__init__()
        self._plan, self._hooks, self._keeper, self._result = plan, hooks, keeper, result
        self._clock = _Clock(plan, result.seconds)
        self._recent: list[Step] = []
        self._rate = 0.0

    def is_over(self) -> bool:
        """True when no further step is to be done; asks the listener."""
        self._result.stopped = self._hooks.should_stop()
        done = self._clock.share(self._result.steps) >= 1 or self._result.without_gain(self._plan)
        return done or self._result.stopped

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._rate = learning_rate(min(self._clock.share(self._result.steps), 1.0), self._plan)
        self.model.optimizer.learning_rate.assign(self._rate)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        loss, dice = (float((logs or {})[name]) for name in ("loss", "soft_dice"))
        if not math.isfinite(loss):
            raise TrainingDiverged(
                message("The loss became {loss}. Try a lower learning rate, or check the masks.", loss=loss)
            )
        self.model.reset_metrics()  # Keras reports means since the last reset: those of each batch are wanted
        result, plan = self._result, self._plan
        result.steps, result.seconds = result.steps + 1, self._clock.seconds
        self._recent.append(Step(result.steps, loss, dice, self._rate, result.seconds))
        self._hooks.on_step(self._recent[-1])
        if result.steps % plan.evaluate_every == 0:
            self._keeper.judge(self._hooks, result, self._recent)
        if result.steps % plan.keep_every == 0:
            self._keeper.keep(result)
        self.model.stop_training = self.is_over()

    def end(self) -> None:
        """Judge what was not judged yet, unless the run was stopped, and keep the last state."""
        if self._recent and not self._result.stopped:
            self._keeper.judge(self._hooks, self._result, self._recent)
        if self._plan.keep == "last" and self._clock.share(self._result.steps) >= 1:
            self._keeper.leave(self._result, self._result.last_score)
        self._keeper.keep(self._result)


class _Clock:
    """How far the run is: by steps, or by time where that is further. Time before a restart counts."""

    def __init__(self, plan: TrainingPlan, seconds_before: float) -> None:
        self._plan, self._zero = plan, time.monotonic() - seconds_before

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._zero

    def share(self, step: int) -> float:
        by_time = self.seconds / self._plan.seconds if self._plan.seconds else 0.0
        return max(step / self._plan.steps, by_time)


def restore_kept(model: keras.Model, keep_in: Path) -> None:
    """Copy the weights that a run left into ``model``.

    Raises:
        FileNotFoundError: no run has kept any there.
    """
    if _best(keep_in, model).restore_or_initialize() is None:
        raise FileNotFoundError(f"no trained weights in {keep_in}")


def has_kept(keep_in: Path) -> bool:
    """True when a run has kept weights there."""
    return tf.train.latest_checkpoint(str(keep_in / "best")) is not None


def _best(folder: Path, model: keras.Model) -> tf.train.CheckpointManager:
    return tf.train.CheckpointManager(tf.train.Checkpoint(model=model), str(folder / "best"), max_to_keep=1)


def learning_rate(share: float, plan: TrainingPlan) -> float:
    """Linear warm-up, then a cosine down to zero, or as ``plan.schedule`` says; ``share`` of the run is 0..1.

    "steps" goes down to a tenth after 60 % and to a hundredth after 85 %.
    """
    if share < plan.warm_up:
        return plan.learning_rate * max(share / plan.warm_up, 0.01)
    if plan.schedule == "constant":
        return plan.learning_rate
    if plan.schedule == "steps":
        return plan.learning_rate * (1.0 if share < 0.6 else 0.1 if share < 0.85 else 0.01)
    angle = (share - plan.warm_up) / (1 - plan.warm_up) * math.pi
    return plan.learning_rate * 0.5 * (1 + math.cos(angle))


def _batches(batches: BatchSource, first: int, plan: TrainingPlan) -> tf.data.Dataset:
    """The batches in order of their step, made by tf.data's threads beside the network, a few ahead."""

    def make(step: Any) -> tuple[FloatArray, FloatArray]:
        return batches(int(step))

    def load(step: Any) -> Any:
        images, targets = tf.numpy_function(make, [step], (tf.float32, tf.float32), stateful=False)
        images.set_shape((None, None, None, 1))
        targets.set_shape((None, None, None, 2))
        return images, targets

    pipeline = tf.data.Dataset.range(first, plan.steps)
    return pipeline.map(load, num_parallel_calls=plan.workers, deterministic=True).prefetch(plan.workers)


def _optimiser(plan: TrainingPlan) -> keras.optimizers.Optimizer:
    """With half precision the loss is scaled, so that small gradients do not vanish."""
    chosen = _plain_optimiser(plan)
    return keras.optimizers.LossScaleOptimizer(chosen) if plan.precision == "mixed_float16" else chosen


def _plain_optimiser(plan: TrainingPlan) -> keras.optimizers.Optimizer:
    common: dict[str, Any] = {"learning_rate": plan.learning_rate, "global_clipnorm": plan.clip_norm}
    if plan.optimiser == "adam":
        return keras.optimizers.Adam(**common)
    if plan.optimiser == "sgd":
        return keras.optimizers.SGD(momentum=0.9, nesterov=True, **common)
    adamw = keras.optimizers.AdamW(weight_decay=plan.weight_decay, **common)
    adamw.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return adamw


class _Keeper:
    """State on disk: the last (weights, optimizer, step) for resuming, and the weights that the run leaves."""

    def __init__(self, folder: Path, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._model, self._best = model, _best(folder, model)
        # Steps, seconds, best score and its step; the score is -inf before the first evaluation.
        self._numbers = tf.Variable([0.0, 0.0, -math.inf, 0.0], dtype=tf.float64)
        state = tf.train.Checkpoint(model=model, optimizer=optimizer, numbers=self._numbers)
        self._manager = tf.train.CheckpointManager(state, str(folder / "last"), max_to_keep=2)

    def restore(self) -> TrainingResult:
        """Where the kept run ended; an empty result when nothing was kept."""
        if self._manager.restore_or_initialize() is None:
            return TrainingResult()
        steps, seconds, best, best_step = (float(value) for value in self._numbers.numpy())
        known = math.isfinite(best)
        return TrainingResult(int(steps), seconds, best if known else None, int(best_step) or None)

    def judge(self, hooks: Hooks, result: TrainingResult, recent: list[Step]) -> None:
        """Score the weights, keep them when they are the best, and report; without a score the latest are the best."""
        score = hooks.evaluate(self._model) if hooks.evaluate else None
        if score is None or result.best_score is None or score > result.best_score:
            self.leave(result, score)
        result.last_score = score
        progress = _progress(result, score, recent)
        recent.clear()
        result.curve.append(progress)
        hooks.on_progress(progress)

    def leave(self, result: TrainingResult, score: float | None) -> None:
        """The present weights are those that the run leaves."""
        result.best_score, result.best_step = score, result.steps
        _save(self._best, result.steps)

    def keep(self, result: TrainingResult) -> None:
        best = -math.inf if result.best_score is None else result.best_score
        self._numbers.assign([result.steps, result.seconds, best, result.best_step or 0])
        _save(self._manager, result.steps)


def _save(manager: tf.train.CheckpointManager, step: int) -> None:
    """TensorFlow has errors of its own for a full disk."""
    try:
        manager.save(step)
    except tf.errors.OpError as error:
        raise OSError(errno.EIO, "a checkpoint could not be written") from error


def _progress(result: TrainingResult, score: float | None, recent: Sequence[Step]) -> Progress:
    return Progress(
        result.steps,
        float(np.mean([each.loss for each in recent])) if recent else math.nan,
        result.seconds,
        score,
        float(np.mean([each.dice for each in recent])) if recent else None,
        recent[-1].learning_rate if recent else 0.0,
        tuple(each.loss for each in recent),
    )
