"""Judging weights on whole slices of labelled patients, as a segmentation would see them, and choosing a threshold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np
import numpy.typing as npt

from spineml.learning.dataset_file import DatasetReader, Entry
from spineml.metrics.confusion import NOTHING, Confusion, PatientRates, confusion, patient_rates
from spineml.model.postprocess import Postprocess
from spineml.model.preprocess import Preprocess
from spineml.volumes.volume import HounsfieldArray, LabelArray

import tensorflow as tf  # isort: skip

FloatArray = npt.NDArray[np.float32]
# From a slice and its spacing (y, x) in mm, None when unknown, to probabilities on its own grid.
Probabilities = Callable[[HounsfieldArray, tuple[float, float] | None], FloatArray]
THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
DICE_TO_GIVE = 0.003
WHILE_TRAINING = 0.5
# Validation looks at no more slices than this, spread evenly over each series.
MAX_SLICES = 120
SAMPLES = 4


@dataclass(frozen=True)
class Sample:
    """One validation slice with what the network makes of it, uint8 masks ``(y, x)``."""

    entry: Entry
    z: int
    hu: HounsfieldArray
    reference: LabelArray
    predicted: LabelArray
    dice: float


def probabilities(model: keras.Model, preprocess: Preprocess) -> Probabilities:
    """The present weights of ``model`` as a function; it follows when they change."""
    graph = tf.function(lambda image: tf.sigmoid(model(image, training=False)), reduce_retracing=True)

    def segment(hu: HounsfieldArray, spacing: tuple[float, float] | None) -> FloatArray:
        canvas, placement = preprocess.prepare(hu, spacing)
        probability = graph(tf.constant(canvas[np.newaxis, ..., np.newaxis])).numpy()[0, ..., 0]
        return preprocess.restore(probability, placement)

    return segment


class Validation:
    """Judges ``network`` on ``slices`` of the data set, by default those of its validation patients."""

    def __init__(
        self,
        reader: DatasetReader,
        network: Probabilities,
        post: Postprocess,
        slices: Sequence[tuple[Entry, int]] | None = None,
    ) -> None:
        self._reader, self._network, self._post = reader, network, post
        self.slices = spread(reader.in_split("validation"), MAX_SLICES) if slices is None else slices

    def dice(self) -> float | None:
        """Mean of the patients' Dice, each patient's pixels pooled; None without patients with spine."""
        rates = self.rates(WHILE_TRAINING)
        return rates.dice if rates else None

    def rates(self, threshold: float) -> PatientRates | None:
        return patient_rates(self.counts(threshold)[threshold].values())

    def best_threshold(self) -> tuple[float, PatientRates | None]:
        """The `best_threshold` of `THRESHOLDS` with its rates; 0.5 without patients with spine."""
        counts = self.counts(*THRESHOLDS)
        rates = {level: found for level in THRESHOLDS if (found := patient_rates(counts[level].values()))}
        if not rates:
            return WHILE_TRAINING, None
        best = best_threshold({level: found.dice for level, found in rates.items()})
        return best, rates[best]

    def counts(self, *thresholds: float) -> dict[float, dict[str, Confusion]]:
        """The pixels of each patient, pooled, at each threshold."""
        counts: dict[float, dict[str, Confusion]] = {level: defaultdict(lambda: NOTHING) for level in thresholds}
        for entry, z in self.slices:
            hu, mask = self._reader.read(entry.index, z)
            probability = self._network(hu, entry.pixel_spacing)
            for level in thresholds:
                found = replace(self._post, threshold=level).apply(probability, entry.pixel_spacing)
                counts[level][entry.patient] += confusion(mask > 0, found > 0)
        return counts

    def samples(self) -> list[Sample]:
        """A few slices with spine, always the same ones, with the present prediction."""
        with_spine = [(entry, z) for entry, z in self.slices if entry.areas_px[z]]
        places = np.linspace(0, len(with_spine) - 1, min(SAMPLES, len(with_spine))).round().astype(int)
        return [self._sample(*with_spine[place]) for place in sorted(set(places.tolist()))]

    def _sample(self, entry: Entry, z: int) -> Sample:
        hu, mask = self._reader.read(entry.index, z)
        post = replace(self._post, threshold=WHILE_TRAINING)
        found = post.apply(self._network(hu, entry.pixel_spacing), entry.pixel_spacing)
        return Sample(entry, z, hu, mask, found, confusion(mask > 0, found > 0).dice)


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
