"""From a frozen data set and settings to a trained model file: what a training run does, without any database.

The recipe is that of the shipped model, whose scripts call this module: crops with some whole slices between them,
statistics of the batch normalisation settled on whole slices, and the highest threshold next to the best Dice.

`fit` reads single slices of the data set's HDF5 through tf.data, so its memory does not grow with the set. Killed and
called again with the same folder it goes on from its last checkpoint; the same seed gives the same curve.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from spineml.learning import loop
from spineml.learning.batches import Batches, DatasetSlices, Source, whole_slices
from spineml.learning.dataset_file import DatasetReader
from spineml.learning.settings import TrainingSettings
from spineml.learning.validation import WHILE_TRAINING, Judged, Sample, Validation, probabilities
from spineml.model import batch_norm_statistics, model_file, unet
from spineml.model.model_file import ModelSpec, TrainingRecord, Weights
from spineml.model.postprocess import Postprocess
from spineml.tasks.classes import Classes

SETTLING_BATCHES = 120
# Chosen on the validation patients of the shipped model: 12 left specks, 30 took tips of spinous processes.
TIDYING = Postprocess(smallest_part_mm2=20.0)


@dataclass(frozen=True)
class Epoch:
    """One epoch that is done; ``number`` counts from 1. ``samples`` every few epochs."""

    number: int
    progress: loop.Progress
    samples: Sequence[Sample] = ()


@dataclass(frozen=True)
class Listener:
    """What `fit` reports and asks; all are called in its own thread."""

    on_epoch: Callable[[Epoch], None] = lambda epoch: None
    on_step: Callable[[loop.Step, int], None] = lambda step, steps: None
    should_stop: Callable[[], bool] = lambda: False


@dataclass
class Job:
    """What is to be trained.

    Args:
        base: the file of the version to start from, None to start from scratch; read once, when it is first needed.
        sources: where the examples come from, the training slices of the data set when there are none.
        steps: ends the run after so many steps instead of the epochs of the settings.
        seconds: ends the run, fully annealed, after this time at the latest.
        postprocess: instead of that of the base.
    """

    reader: DatasetReader
    settings: TrainingSettings
    base: Path | None = None
    base_sha256: str | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    sources: Sequence[Source] = ()
    steps: int | None = None
    seconds: float | None = None
    postprocess: Postprocess | None = None

    @cached_property
    def start(self) -> tuple[ModelSpec, Weights | None]:
        """What the training begins with, changed to the settings and the task; without weights from scratch.

        A base that tells other structures apart gives all its weights but those of the last layer, which starts anew.

        Raises:
            ModelFileRejected: the base cannot be used, or was changed after it was registered.
        """
        settings = self.settings
        if self.base is None:
            fresh = ModelSpec(settings.architecture, settings.preprocess(), self.postprocess or TIDYING)
            return self._for_task(fresh), None
        model_file.check_hash(self.base, self.base_sha256)
        spec, weights = model_file.read(self.base)
        changed = replace(
            spec,
            architecture=settings.architecture_on(spec.architecture),
            preprocess=settings.preprocess(spec.preprocess),
            postprocess=self.postprocess or spec.postprocess,
        )
        classes = Classes(self.reader.task)
        if (spec.task, spec.values) == (classes.task.slug, classes.values):
            return changed, weights
        kept = {name: values for name, values in weights.items() if not name.startswith(f"{unet.HEAD}/")}
        return self._for_task(changed), kept

    @property
    def is_transfer(self) -> bool:
        """True when the base tells other structures apart than the data set has."""
        weights = self.start[1]
        return weights is not None and f"{unet.HEAD}/kernel" not in weights

    def _for_task(self, spec: ModelSpec) -> ModelSpec:
        classes = Classes(self.reader.task)
        return replace(
            spec,
            architecture=replace(spec.architecture, classes=classes.outputs),
            task=classes.task.slug,
            classes=classes.names,
            values=classes.values,
        )

    def network(self) -> keras.Model:
        """Fresh weights, or those of the base as far as it has them."""
        keras.utils.set_random_seed(self.settings.seed)
        spec, weights = self.start
        model = unet.build(spec.architecture, dtype_policy=self.settings.precision)
        for name, variable in unet.named_weights(model).items():
            if weights is not None and name in weights:
                variable.assign(weights[name])
        return model

    def batches(self, **changes: Any) -> Batches:
        """Raises NothingToLearn when no training image shows spine."""
        sources = self.sources or [Source(1.0, self._slices())]
        return Batches(sources, self.settings, self.start[0].preprocess, **changes)

    def _slices(self) -> DatasetSlices:
        return DatasetSlices(self.reader, self.reader.in_split("train"), self.settings.spine_share)

    def validation(self, model: keras.Model) -> Validation:
        spec = self.start[0]
        return Validation(self.reader, probabilities(model, spec.preprocess), spec.postprocess)

    @property
    def steps_per_epoch(self) -> int:
        """An epoch shows as many crops as there are training slices with spine."""
        images = sum(len(entry.spine_slices) for entry in self.reader.in_split("train"))
        return max(1, math.ceil(images / self.settings.batch_size))


@dataclass(frozen=True)
class Outcome:
    """``stopped`` is True when the listener asked to stop; ``kept_epoch`` and ``kept_dice`` are of the kept weights."""

    steps: int
    epochs: int
    kept_epoch: int | None
    kept_dice: float | None
    stopped: bool


def fit(job: Job, *, keep_in: Path, listener: Listener | None = None) -> Outcome:
    """Train, keeping checkpoints in ``keep_in``; `write` then makes the model file of the kept weights.

    Those are the last ones, or the best by their Dice on the validation patients where the run may end early or its
    rate does not fall.

    Raises:
        NothingToLearn: no training image shows spine.
        TrainingDiverged: the loss became NaN; the weights kept before it stay.
        ModelFileRejected: the base cannot be used.
    """
    listener = listener or Listener()
    batches, every, plan = job.batches(), job.steps_per_epoch, _plan(job)
    with _strategy(job.settings).scope():
        model = job.network()
        validation = job.validation(model)

        def report(progress: loop.Progress) -> None:
            number = math.ceil(progress.step / every)
            shown = number % job.settings.sample_every == 0 or number == 1
            listener.on_epoch(Epoch(number, progress, validation.samples() if shown else ()))

        hooks = loop.Hooks(
            evaluate=lambda _: validation.dice(),
            on_progress=report,
            should_stop=listener.should_stop,
            on_step=lambda step: listener.on_step(step, plan.steps),
        )
        result = loop.run(model, batches, plan, keep_in=keep_in, hooks=hooks)
    kept = result.best_step and math.ceil(result.best_step / every)
    return Outcome(result.steps, math.ceil(result.steps / every), kept, result.best_score, result.stopped)


def write(job: Job, path: Path, *, keep_in: Path) -> ModelSpec:
    """Write the weights that `fit` kept as a model file at ``path``, which appears whole or not at all.

    Raises:
        FileNotFoundError: nothing was kept.
        OSError: the file cannot be written.
    """
    model, spec = finished(job, keep_in=keep_in)
    spec = replace(spec, name=path.stem)
    model_file.save(model, spec, path)
    return spec


def finished(job: Job, *, keep_in: Path) -> tuple[keras.Model, ModelSpec]:
    """The weights that `fit` kept, with the statistics of normalisation from whole slices, and the spec to ship.

    The threshold is the one for the validation patients.

    Raises:
        FileNotFoundError: nothing was kept.
    """
    model = job.network()
    loop.restore_kept(model, keep_in)
    whole = job.batches(whole_share=1.0)
    batch_norm_statistics.settle(model, (whole(step)[0] for step in range(SETTLING_BATCHES)))
    return model, _spec(job, job.validation(model))


def _spec(job: Job, validation: Validation) -> ModelSpec:
    judged = validation.best()
    threshold = judged.threshold if judged else WHILE_TRAINING
    start, _ = job.start
    from_base = start.data
    entries = [*job.reader.in_split("train"), *job.reader.in_split("validation")]
    own = frozenset(entry.pixel_hash for entry in entries)
    new = {entry.patient for entry in entries if entry.pixel_hash not in from_base.pixel_hashes}
    return replace(
        start,
        postprocess=replace(start.postprocess, threshold=threshold),
        parent_sha256=job.base_sha256,
        data=TrainingRecord(
            sources=tuple(sorted({group for entry in entries for group in entry.groups.values() if group})),
            patients=len(new) + from_base.patients,
            pixel_hashes=from_base.pixel_hashes | own,
        ),
        training={**_of_labels(job), "settings": job.settings.as_json(), **job.notes},
        metrics={"validation": [_row(judged, len(validation.slices))]} if judged else {},
        software=model_file.software_versions(),
        card={},
        fingerprint=dict(job.reader.facts.get("fingerprint", {})),
    )


def _row(judged: Judged, slices: int) -> dict[str, Any]:
    """The figures of the validation patients; for several labels the means of the labels, all as one, and each."""
    row = {"source": "validation", "slices": slices, **asdict(judged.rates)}
    if judged.together is None:
        return row
    return row | {"mean_of": "labels", "together": asdict(judged.together), "labels": list(judged.labels)}


def _of_labels(job: Job) -> dict[str, Any]:
    """What a training for several labels adds to its record: in how many training series each of them was seen, and
    what the base gave."""
    found: dict[str, Any] = {"transferred": "all but the last layer"} if job.is_transfer else {}
    counts = Counter(value for entry in job.reader.in_split("train") for value in entry.label_slices)
    if counts:
        found["series_of_label"] = {str(value): counts[value] for value in sorted(counts)}
    return found


def _plan(job: Job) -> loop.TrainingPlan:
    settings, every = job.settings, job.steps_per_epoch
    to_its_end = settings.patience == 0 and settings.schedule != "constant"
    return loop.TrainingPlan(
        steps=job.steps or settings.epochs * every,
        seconds=job.seconds,
        learning_rate=settings.learning_rate,
        seed=settings.seed,
        evaluate_every=every,
        keep_every=every,
        loss=settings.loss,
        optimiser=settings.optimiser,
        schedule=settings.schedule,
        patience=settings.patience,
        precision=settings.precision,
        keep="last" if to_its_end else "best",
    )


def _strategy(settings: TrainingSettings) -> Any:
    """The GPUs of this machine together when there are several, as many as a batch has images for; else what
    TensorFlow does by itself."""
    images = min(settings.batch_size, whole_slices(settings)[0])
    gpus = [f"GPU:{number}" for number in range(len(tf.config.list_physical_devices("GPU")))][:images]
    return tf.distribute.MirroredStrategy(gpus) if len(gpus) > 1 else tf.distribute.get_strategy()
