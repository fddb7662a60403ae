"""From a frozen data set and settings to a trained model file: what a training run does, without any database.

`fit` reads single slices of the data set's HDF5 through tf.data, so its memory does not grow with the set. Killed and
called again with the same folder it goes on from its last checkpoint; the same seed gives the same curve.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from spineml.errors import SpineError
from spineml.learning import loop
from spineml.learning.augment import Example, crop, usual
from spineml.learning.dataset_file import DatasetReader, Entry
from spineml.learning.settings import TrainingSettings
from spineml.metrics.overlap import Confusion, confusion
from spineml.model import model_file, unet
from spineml.model.model_file import ModelSpec, TrainingRecord
from spineml.model.preprocess import Preprocess
from spineml.volumes.volume import HounsfieldArray, LabelArray

import tensorflow as tf  # isort: skip

FloatArray = npt.NDArray[np.float32]
THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)
WHILE_TRAINING = 0.5
# Validation while training looks at no more slices than this, spread evenly over each patient.
MAX_VALIDATION_SLICES = 120
SAMPLES = 4
NOTHING = Confusion(0, 0, 0, 0)


class NothingToLearn(SpineError):
    """The training masks of this data set are all empty. Create a data set with approved masks that mark spine."""

    code = "nothing-to-learn"


@dataclass(frozen=True)
class Sample:
    """One validation slice with what the network makes of it, uint8 masks ``(y, x)``."""

    entry: Entry
    z: int
    hu: HounsfieldArray
    reference: LabelArray
    predicted: LabelArray
    dice: float


@dataclass(frozen=True)
class Epoch:
    """One epoch that is done; ``number`` counts from 1. ``samples`` every few epochs."""

    number: int
    progress: loop.Progress
    samples: Sequence[Sample] = ()


@dataclass(frozen=True)
class Listener:
    """What `fit` tells and asks; all are called in its own thread."""

    on_epoch: Callable[[Epoch], None] = lambda epoch: None
    on_step: Callable[[loop.Step, int], None] = lambda step, steps: None
    should_stop: Callable[[], bool] = lambda: False


@dataclass
class Job:
    """What is to be trained: ``base`` is the file of the version to start from, None to start from scratch."""

    reader: DatasetReader
    settings: TrainingSettings
    base: Path | None = None
    base_sha256: str | None = None
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """``stopped`` is True when the listener asked to stop; the best weights so far are kept all the same."""

    steps: int
    epochs: int
    best_epoch: int | None
    best_dice: float | None
    stopped: bool


def fit(job: Job, *, keep_in: Path, listener: Listener | None = None) -> Outcome:
    """Train, keeping checkpoints in ``keep_in``; `write` then makes the model file of the best weights.

    Raises:
        NothingToLearn: no training image shows spine.
        TrainingDiverged: the loss became NaN; the best weights before it are kept.
        ModelFileRejected: the base cannot be used.
    """
    listener = listener or Listener()
    batches = DatasetBatches(job.reader, job.settings, _preprocess(job))
    every = batches.steps_per_epoch
    with _strategy().scope():
        model = _network(job)
        validation = Validation(job, model)
        plan = _plan(job.settings, every)

        def tell(progress: loop.Progress) -> None:
            number = math.ceil(progress.step / every)
            shown = number % job.settings.sample_every == 0 or number == 1
            listener.on_epoch(Epoch(number, progress, validation.samples() if shown else ()))

        hooks = loop.Hooks(
            evaluate=lambda _: validation.dice(),
            on_progress=tell,
            should_stop=listener.should_stop,
            on_step=lambda step: listener.on_step(step, plan.steps),
        )
        result = loop.run(model, batches, plan, keep_in=keep_in, hooks=hooks)
    best = result.best_step and math.ceil(result.best_step / every)
    return Outcome(result.steps, math.ceil(result.steps / every), best, result.best_score, result.stopped)


def write(job: Job, path: Path, *, keep_in: Path) -> ModelSpec:
    """Write the best weights that `fit` kept as a model file at ``path``, which appears whole or not at all.

    The threshold is the one with the best Dice on the validation patients.

    Raises:
        FileNotFoundError: nothing was kept.
        OSError: the file cannot be written.
    """
    model = _network(job)
    loop.restore_best(model, keep_in)
    validation = Validation(job, model)
    threshold, rows = validation.best_threshold()
    base = model_file.inspect(job.base) if job.base else None
    entries = [*job.reader.in_split("train"), *job.reader.in_split("validation")]
    known = base.data.pixel_hashes if base else frozenset()
    spec = ModelSpec(
        architecture=job.settings.architecture_on(base.architecture if base else None),
        preprocess=_preprocess(job),
        name=path.stem,
        parent_sha256=job.base_sha256,
        data=TrainingRecord(
            sources=tuple(sorted({group for entry in entries for group in entry.groups.values() if group})),
            patients=len({entry.patient for entry in entries}) + (base.data.patients if base else 0),
            pixel_hashes=known | frozenset(entry.pixel_hash for entry in entries),
        ),
        training={"settings": job.settings.as_json(), **job.notes},
        metrics={"validation": rows} if rows else {},
        software=model_file.software_versions(),
        fingerprint=dict(job.reader.facts.get("fingerprint", {})),
    )
    spec = replace(spec, postprocess=replace((base or spec).postprocess, threshold=threshold))
    model_file.save(model, spec, path)
    return spec


class DatasetBatches:
    """Draws the batch of a step from the training split: the same seed and step always give the same batch.

    Patients come up equally often, whatever the number of their slices.
    """

    def __init__(self, reader: DatasetReader, settings: TrainingSettings, preprocess: Preprocess) -> None:
        self._reader, self._settings, self._preprocess = reader, settings, preprocess
        self._augmentation = usual(settings.augmentation)
        self._patients: dict[str, list[tuple[Entry, int]]] = defaultdict(list)
        self._spine: dict[str, list[tuple[Entry, int]]] = defaultdict(list)
        for entry in reader.in_split("train"):
            self._patients[entry.patient] += [(entry, z) for z in range(entry.shape[0])]
            self._spine[entry.patient] += [(entry, z) for z in entry.spine_slices]
        self._spine = {patient: slices for patient, slices in self._spine.items() if slices}
        if not self._spine:
            raise NothingToLearn

    @property
    def steps_per_epoch(self) -> int:
        """An epoch shows as many crops as there are training slices with spine."""
        images = sum(len(slices) for slices in self._spine.values())
        return max(1, math.ceil(images / self._settings.batch_size))

    def __call__(self, step: int) -> tuple[FloatArray, FloatArray]:
        """Images ``(batch, size, size, 1)`` in 0..1 and targets ``(batch, size, size, 2)`` (`losses`)."""
        rng = np.random.default_rng((self._settings.seed, step))
        pairs = [self._crop(rng) for _ in range(self._settings.batch_size)]
        images, targets = zip(*pairs, strict=True)
        return np.stack(images), np.stack(targets)

    def _crop(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        of = self._spine if rng.random() < self._settings.spine_share else self._patients
        slices = of[sorted(of)[rng.integers(len(of))]]
        entry, z = slices[rng.integers(len(slices))]
        hu, mask = self._reader.read(entry.index, z)
        spacing = entry.pixel_spacing or (1.0, 1.0)
        example = Example(hu.astype(np.float32), mask, spacing)
        return crop(example, self._settings.crop_size, self._preprocess, self._augmentation, rng)


class Validation:
    """Judges the present weights on whole slices of the validation patients, as a segmentation would see them."""

    def __init__(self, job: Job, model: keras.Model) -> None:
        self._reader, self._preprocess = job.reader, _preprocess(job)
        self._post = _postprocess(job)
        self._graph = tf.function(lambda image: tf.sigmoid(model(image, training=False)), reduce_retracing=True)
        self._slices = _spread(job.reader.in_split("validation"), MAX_VALIDATION_SLICES)

    def dice(self) -> float | None:
        """Mean of the patients' Dice, each patient's pixels pooled; None without validation patients with spine."""
        dice, _, _ = self._rates(WHILE_TRAINING)[WHILE_TRAINING]
        return dice

    def best_threshold(self) -> tuple[float, list[dict[str, Any]]]:
        """The threshold with the best Dice, and its figures as a row for the spec; 0.5 without validation patients."""
        rates = self._rates(*THRESHOLDS)
        if rates[WHILE_TRAINING][0] is None:
            return WHILE_TRAINING, []
        best = max(rates, key=lambda level: (rates[level][0], -abs(level - WHILE_TRAINING)))
        dice, precision, sensitivity = rates[best]
        patients = len({entry.patient for entry, _ in self._slices})
        row = {"source": "validation", "patients": patients, "slices": len(self._slices), "dice": dice}
        return best, [row | {"precision": precision, "sensitivity": sensitivity}]

    def samples(self) -> list[Sample]:
        """A few slices with spine, always the same ones, with the present prediction."""
        with_spine = [(entry, z) for entry, z in self._slices if entry.areas_px[z]]
        places = np.linspace(0, len(with_spine) - 1, min(SAMPLES, len(with_spine))).round().astype(int)
        return [self._sample(*with_spine[place]) for place in sorted(set(places.tolist()))]

    def _sample(self, entry: Entry, z: int) -> Sample:
        hu, mask = self._reader.read(entry.index, z)
        found = replace(self._post, threshold=WHILE_TRAINING).apply(self._probability(entry, hu), entry.pixel_spacing)
        return Sample(entry, z, hu, mask, found, confusion(mask > 0, found > 0).dice)

    def _rates(self, *thresholds: float) -> dict[float, tuple[float | None, float | None, float | None]]:
        """Dice, precision and sensitivity at each threshold, means of patients."""
        counts: dict[float, dict[str, Confusion]] = {level: defaultdict(lambda: NOTHING) for level in thresholds}
        for entry, z in self._slices:
            hu, mask = self._reader.read(entry.index, z)
            probability = self._probability(entry, hu)
            for level in thresholds:
                found = replace(self._post, threshold=level).apply(probability, entry.pixel_spacing)
                counts[level][entry.patient] += confusion(mask > 0, found > 0)
        return {level: _means(list(patients.values())) for level, patients in counts.items()}

    def _probability(self, entry: Entry, hu: HounsfieldArray) -> FloatArray:
        canvas, placement = self._preprocess.prepare(hu, entry.pixel_spacing)
        probability = self._graph(tf.constant(canvas[np.newaxis, ..., np.newaxis])).numpy()[0, ..., 0]
        return self._preprocess.restore(probability, placement)


def _means(found: Sequence[Confusion]) -> tuple[float | None, float | None, float | None]:
    with_spine = [one for one in found if one.tp + one.fn]
    if not with_spine:
        return None, None, None
    rates = [(one.dice, one.precision or 0.0, one.sensitivity or 0.0) for one in with_spine]
    dice, precision, sensitivity = (float(value) for value in np.mean(rates, axis=0))
    return dice, precision, sensitivity


def _spread(entries: Sequence[Entry], most: int) -> list[tuple[Entry, int]]:
    """Up to ``most`` slices, about as many of each series, evenly along z."""
    share = max(1, most // max(len(entries), 1))
    return [
        (entry, z)
        for entry in entries
        for z in sorted({round(place) for place in np.linspace(0, entry.shape[0] - 1, min(entry.shape[0], share))})
    ]


def _network(job: Job) -> keras.Model:
    """Fresh weights, or those of the base where it has the same architecture.

    Raises:
        ModelFileRejected: the base was changed after it was registered.
    """
    keras.utils.set_random_seed(job.settings.seed)
    if job.base is None:
        return unet.build(job.settings.architecture, dtype_policy=job.settings.precision)
    model_file.check_hash(job.base, job.base_sha256)
    spec, weights = model_file.read(job.base)
    architecture = job.settings.architecture_on(spec.architecture)
    model = unet.build(architecture, dtype_policy=job.settings.precision)
    for name, variable in unet.named_weights(model).items():
        variable.assign(weights[name])
    return model


def _preprocess(job: Job) -> Preprocess:
    return job.settings.preprocess(model_file.inspect(job.base).preprocess if job.base else None)


def _postprocess(job: Job) -> Any:
    return (model_file.inspect(job.base) if job.base else ModelSpec(job.settings.architecture)).postprocess


def _plan(settings: TrainingSettings, steps_per_epoch: int) -> loop.TrainingPlan:
    return loop.TrainingPlan(
        steps=settings.epochs * steps_per_epoch,
        learning_rate=settings.learning_rate,
        seed=settings.seed,
        evaluate_every=steps_per_epoch,
        keep_every=steps_per_epoch,
        loss=settings.loss,
        optimiser=settings.optimiser,
        schedule=settings.schedule,
        patience=settings.patience,
        precision=settings.precision,
    )


def _strategy() -> Any:
    """All GPUs of this machine together when there are several; else what TensorFlow does by itself."""
    gpus = tf.config.list_physical_devices("GPU")
    return tf.distribute.MirroredStrategy() if len(gpus) > 1 else tf.distribute.get_strategy()
