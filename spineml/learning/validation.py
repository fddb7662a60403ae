"""Judging weights on whole slices of labelled patients, as a segmentation would see them, and choosing a threshold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from spineml.learning import label_counts
from spineml.learning.dataset_file import DatasetReader, Entry
from spineml.learning.label_counts import ClassArray, Table
from spineml.metrics.confusion import Confusion, PatientRates, patient_rates
from spineml.model import unet
from spineml.model.postprocess import Postprocess
from spineml.model.preprocess import Preprocess
from spineml.model.runtime import class_answer_in_box
from spineml.tasks.classes import Classes
from spineml.volumes.volume import HounsfieldArray, LabelArray

import tensorflow as tf  # isort: skip

FloatArray = npt.NDArray[np.float32]
# From a slice and its spacing (y, x) in mm, None when unknown, to probabilities on its own grid. Of a network for
# several structures they are ``(y, x, 2)``: the probability of any, and the class of the likeliest one.
Probabilities = Callable[[HounsfieldArray, tuple[float, float] | None], FloatArray]
THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
DICE_TO_GIVE = 0.003
WHILE_TRAINING = 0.5
# Validation looks at no more slices than this, spread evenly over each series.
MAX_SLICES = 120
SAMPLES = 4


@dataclass(frozen=True)
class Sample:
    """One validation slice with what the network makes of it: uint8 label maps ``(y, x)``, and their Dice, the mean of
    the labels where there are several."""

    entry: Entry
    z: int
    hu: HounsfieldArray
    reference: LabelArray
    predicted: LabelArray
    dice: float


def probabilities(model: keras.Model, preprocess: Preprocess) -> Probabilities:
    """The present weights of ``model`` as a function; it follows when they change."""
    if model.output_shape[-1] > 1:
        return _class_probabilities(model, preprocess)
    graph = tf.function(lambda image: tf.sigmoid(model(image, training=False)), reduce_retracing=True)

    def segment(hu: HounsfieldArray, spacing: tuple[float, float] | None) -> FloatArray:
        canvas, placement = preprocess.prepare(hu, spacing)
        probability = graph(tf.constant(canvas[np.newaxis, ..., np.newaxis])).numpy()[0, ..., 0]
        return preprocess.restore(probability, placement)

    return segment


def _class_probabilities(model: keras.Model, preprocess: Preprocess) -> Probabilities:
    """As `probabilities`, of a network for several structures, which is enlarged as when it segments."""
    head = keras.Model(model.input, model.get_layer(unet.HEAD).output)
    signature = [tf.TensorSpec((1, None, None, 1), tf.float32)]
    graph = tf.function(
        lambda image: class_answer_in_box(head(image, training=False), tf.shape(image)[1:3]), input_signature=signature
    )

    def segment(hu: HounsfieldArray, spacing: tuple[float, float] | None) -> FloatArray:
        canvas, placement = preprocess.prepare(hu, spacing)
        answer = graph(tf.constant(canvas[np.newaxis, ..., np.newaxis])).numpy()[0]
        probability = preprocess.restore(answer[..., 0], placement)
        return np.stack([probability, preprocess.restore_labels(answer[..., 2].astype(np.uint8), placement)], axis=-1)

    return segment


@dataclass(frozen=True)
class Judged:
    """``rates`` at the best ``threshold``. Where the task has several labels they are the means of the labels,
    ``together`` are those of all labels as one, and ``labels`` has a row for each label."""

    threshold: float
    rates: PatientRates
    together: PatientRates | None = None
    labels: Sequence[dict[str, Any]] = ()


class Validation:
    """Judges ``network`` on ``slices`` of the data set, by default those of its validation patients.

    Where the task has several labels, the rates of a patient are the means of its labels (`label_counts`).
    """

    def __init__(
        self,
        reader: DatasetReader,
        network: Probabilities,
        post: Postprocess,
        slices: Sequence[tuple[Entry, int]] | None = None,
    ) -> None:
        self._reader, self._network, self._post = reader, network, post
        self._classes = Classes(reader.task)
        self.slices = spread(reader.in_split("validation"), MAX_SLICES) if slices is None else slices

    def dice(self) -> float | None:
        """Mean of the patients' Dice, each patient's pixels pooled; None without patients with spine."""
        rates = self.rates(WHILE_TRAINING)
        return rates.dice if rates else None

    def rates(self, threshold: float) -> PatientRates | None:
        return self._rates(self.tables(threshold)[threshold])

    def best_threshold(self) -> tuple[float, PatientRates | None]:
        """The `best_threshold` of `THRESHOLDS` with its rates; 0.5 without patients with spine."""
        judged = self.best()
        return (judged.threshold, judged.rates) if judged else (WHILE_TRAINING, None)

    def best(self) -> Judged | None:
        """The `best_threshold` of `THRESHOLDS` and all that was found at it; None without patients with any mask."""
        tables = self.tables(*THRESHOLDS)
        rates = {level: found for level in THRESHOLDS if (found := self._rates(tables[level]))}
        if not rates:
            return None
        best = best_threshold({level: found.dice for level, found in rates.items()})
        if self._classes.is_single:
            return Judged(best, rates[best])
        of_patients = list(tables[best].values())
        together = patient_rates(label_counts.whole(table) for table in of_patients)
        return Judged(best, rates[best], together, label_counts.label_rows(of_patients, self._classes.labels))

    def _rates(self, tables: Mapping[str, Table]) -> PatientRates | None:
        if self._classes.is_single:
            return patient_rates(label_counts.whole(table) for table in tables.values())
        return label_counts.patient_means(tables.values())

    def counts(self, *thresholds: float) -> dict[float, dict[str, Confusion]]:
        """The pixels of each patient, pooled, at each threshold; all labels together."""
        return {
            level: {patient: label_counts.whole(table) for patient, table in tables.items()}
            for level, tables in self.tables(*thresholds).items()
        }

    def tables(self, *thresholds: float) -> dict[float, dict[str, Table]]:
        """The pixels of each patient by their classes, pooled, at each threshold."""
        classes = len(self._classes.values)
        tables: dict[float, dict[str, Table]] = {level: defaultdict(_no_table(classes)) for level in thresholds}
        for entry, z in self.slices:
            hu, mask = self._reader.read(entry.index, z)
            reference, answer = self._encoded(mask), self._network(hu, entry.pixel_spacing)
            for level in thresholds:
                found = self._marked(answer, level, entry)
                tables[level][entry.patient] += label_counts.table_of(reference, found, classes)
        return tables

    def _encoded(self, mask: LabelArray) -> ClassArray:
        return (mask > 0).view(np.uint8) if self._classes.is_single else self._classes.encode(mask)

    def _marked(self, answer: FloatArray, threshold: float, entry: Entry) -> ClassArray:
        """The classes that the network's answer stands for."""
        post = replace(self._post, threshold=threshold)
        if answer.ndim == 2:
            return post.apply(answer, entry.pixel_spacing)
        return answer[..., 1].astype(np.uint8) * post.apply(answer[..., 0], entry.pixel_spacing)

    def samples(self) -> list[Sample]:
        """A few slices with spine, always the same ones, with the present prediction."""
        with_spine = [(entry, z) for entry, z in self.slices if entry.areas_px[z]]
        places = np.linspace(0, len(with_spine) - 1, min(SAMPLES, len(with_spine))).round().astype(int)
        return [self._sample(*with_spine[place]) for place in sorted(set(places.tolist()))]

    def _sample(self, entry: Entry, z: int) -> Sample:
        hu, mask = self._reader.read(entry.index, z)
        found = self._marked(self._network(hu, entry.pixel_spacing), WHILE_TRAINING, entry)
        table = label_counts.table_of(self._encoded(mask), found, len(self._classes.values))
        means = None if self._classes.is_single else label_counts.mean_of_labels(table)
        dice = means[0] if means else label_counts.whole(table).dice
        return Sample(entry, z, hu, mask, self._classes.decode(found), dice)


def _no_table(classes: int) -> Callable[[], Table]:
    return lambda: np.zeros((classes, classes), np.int64)


def best_threshold(dice: Mapping[float, float]) -> float:
    """The highest threshold whose Dice is next to the best: a false region is worse to correct than a thin edge."""
    best = max(dice.values())
    return max(level for level, found in dice.items() if best - found < DICE_TO_GIVE)


def spread(entries: Sequence[Entry], most: int) -> list[tuple[Entry, int]]:
    """Up to ``most`` slices, about as many of each series, evenly along z."""
    share = max(1, most // max(len(entries), 1))
    return [
        (entry, z)
        for entry in entries
        for z in sorted({round(place) for place in np.linspace(0, entry.shape[0] - 1, min(entry.shape[0], share))})
    ]
