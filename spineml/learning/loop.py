"""The training loop: deterministic batches by step, time- or step-bound cosine schedule, resumable.

`run` is the whole method: make a batch, do a step, report, evaluate now and then, keep the best and the last state.
"""

from __future__ import annotations

import errno
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from spineml.errors import SpineError
from spineml.learning import losses
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
    without a better score.
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
    """Where the run ended; ``best_score`` is the highest evaluation, None without one. ``curve`` is of this process."""

    steps: int = 0
    seconds: float = 0.0
    best_score: float | None = None
    best_step: int | None = None
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
        The result; ``keep_in`` holds the last state, for resuming, and the best weights (`restore_best`).

    Raises:
        TrainingDiverged: the loss became NaN or infinite.
        DeviceTooSmall: a step does not fit into memory.
        OSError: the state cannot be written, as when the disk is full; what was kept before stays.
    """
    keras.utils.set_random_seed(plan.seed)
    hooks = hooks or Hooks()
    stepper = _Stepper(model, plan)
    keeper = _Keeper(keep_in, model, stepper)
    result = keeper.restore()
    clock = _Clock(plan, result.seconds)
    recent: list[Step] = []
    for step, batch in _ahead(batches, result.steps, plan):
        share = clock.share(step)
        result.stopped = hooks.should_stop()
        if share >= 1 or result.stopped or result.without_gain(plan):
            break
        rate = learning_rate(share, plan)
        loss, dice = stepper.step(batch, rate)
        result.steps, result.seconds = step + 1, clock.seconds
        recent.append(Step(result.steps, loss, dice, rate, result.seconds))
        hooks.on_step(recent[-1])
        if result.steps % plan.evaluate_every == 0:
            keeper.judge(hooks, result, recent)
        if result.steps % plan.keep_every == 0:
            keeper.keep(result)
    if recent and not result.stopped:
        keeper.judge(hooks, result, recent)
    keeper.keep(result)
    return result


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


def restore_best(model: keras.Model, keep_in: Path) -> None:
    """Copy the best weights of the run that kept them into ``model``.

    Raises:
        FileNotFoundError: no run has kept any there.
    """
    if _best(keep_in, model).restore_or_initialize() is None:
        raise FileNotFoundError(f"no trained weights in {keep_in}")


def has_best(keep_in: Path) -> bool:
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


def _ahead(batches: BatchSource, first: int, plan: TrainingPlan) -> Iterator[tuple[int, Batch]]:
    """The batches in order of their step, made by tf.data's threads beside the network, a few ahead."""

    def make(step: Any) -> tuple[FloatArray, FloatArray]:
        return batches(int(step))

    def load(step: Any) -> Any:
        images, targets = tf.numpy_function(make, [step], (tf.float32, tf.float32), stateful=False)
        return step, images, targets

    pipeline = tf.data.Dataset.range(first, plan.steps)
    pipeline = pipeline.map(load, num_parallel_calls=plan.workers, deterministic=True).prefetch(plan.workers)
    for step, images, targets in pipeline:
        yield int(step), (images, targets)


class _Stepper:
    """One compiled gradient step; shapes seen before run the graph they were traced with."""

    def __init__(self, model: keras.Model, plan: TrainingPlan) -> None:
        self.optimizer = _optimiser(plan)
        self.optimizer.build(model.trainable_variables)
        self._model, self._loss = model, losses.BY_NAME[plan.loss]
        self._strategy = tf.distribute.get_strategy()
        self._replicas = int(self._strategy.num_replicas_in_sync)
        # XLA pays on a GPU; on a CPU it was measured to be slower than oneDNN's kernels.
        compiled = bool(tf.config.list_physical_devices("GPU")) and self._replicas == 1
        self._graph = tf.function(self._compute if self._replicas == 1 else self._on_each, jit_compile=compiled or None)

    def _compute(self, images: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = self._model(images, training=True)
            loss = self._loss(targets, logits)
            scaled = self.optimizer.scale_loss(loss / self._replicas)  # the optimizer adds up what replicas found
        gradients = tape.gradient(scaled, self._model.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self._model.trainable_variables, strict=True))
        return loss, losses.soft_dice(targets, logits)

    def _on_each(self, images: Any, targets: Any) -> Any:
        found = self._strategy.run(self._compute, args=(images, targets))
        return tuple(self._strategy.reduce("MEAN", each, axis=None) for each in found)

    def step(self, batch: Batch, rate: float) -> tuple[float, float]:
        """Loss and Dice of the batch before its step; with several GPUs each takes its share of the batch."""
        self.optimizer.learning_rate.assign(rate)
        try:
            loss, dice = (float(value) for value in self._graph(*(self._shared(array) for array in batch)))
        except tf.errors.ResourceExhaustedError as error:
            raise DeviceTooSmall from error
        if not math.isfinite(loss):
            raise TrainingDiverged(
                message("The loss became {loss}. Try a lower learning rate, or check the masks.", loss=loss)
            )
        return loss, dice

    def _shared(self, array: Any) -> Any:
        tensor = tf.convert_to_tensor(array)
        if self._replicas == 1:
            return tensor
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tensor[context.replica_id_in_sync_group :: self._replicas]
        )


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
    """State on disk: the last (weights, optimizer, step) for resuming, the best weights for the model file."""

    def __init__(self, folder: Path, model: keras.Model, stepper: _Stepper) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._model, self._best = model, _best(folder, model)
        # Steps, seconds, best score and its step; the score is -inf before the first evaluation.
        self._numbers = tf.Variable([0.0, 0.0, -math.inf, 0.0], dtype=tf.float64)
        state = tf.train.Checkpoint(model=model, optimizer=stepper.optimizer, numbers=self._numbers)
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
            result.best_score, result.best_step = score, result.steps
            _save(self._best, result.steps)
        progress = _progress(result, score, recent)
        recent.clear()
        result.curve.append(progress)
        hooks.on_progress(progress)

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
