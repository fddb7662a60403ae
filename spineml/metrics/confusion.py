"""Pixels of two masks counted: true positive (tp), false positive (fp), false negative (fn), true negative (tn).

- Dice = 2 tp / (2 tp + fp + fn) (Dice, Ecology 26(3), 1945); IoU = tp / (tp + fp + fn) (Jaccard 1912).
- sensitivity (recall) = tp / (tp + fn), precision = tp / (tp + fp), specificity = tn / (tn + fp).
- F1 = harmonic mean of precision and sensitivity. For two binary masks it *is* the Dice coefficient. Both are given,
  by name, because papers report both: in Kim et al. (Healthc Inform Res 26(1), 2020) they differ, since F1 is taken
  there from the images' average precision and recall (``Comparison.f1_of_means``), and Dice is averaged itself.

An undefined value is None.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from spineml.volumes.outline import BoolArray

COUNTS = ("tp", "fp", "fn", "tn")
RATES = ("dice", "sensitivity", "precision", "specificity", "f1", "iou")


@dataclass(frozen=True)
class Confusion:
    """Counts of pixels. Two empty masks agree: Dice, F1 and IoU are then 1 by definition; a rate whose denominator
    is 0 is otherwise None."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def dice(self) -> float:
        return 1.0 if self.both_empty else 2 * self.tp / (2 * self.tp + self.fp + self.fn)

    @property
    def sensitivity(self) -> float | None:
        """Also called recall or true positive rate."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def precision(self) -> float | None:
        """Also called positive predictive value."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def specificity(self) -> float | None:
        return _ratio(self.tn, self.tn + self.fp)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and sensitivity; 0 where one of them is undefined or both are 0."""
        return 1.0 if self.both_empty else harmonic(self.precision, self.sensitivity)

    @property
    def iou(self) -> float:
        return 1.0 if self.both_empty else self.tp / (self.tp + self.fp + self.fn)

    @property
    def both_empty(self) -> bool:
        return self.tp + self.fp + self.fn == 0

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)


NOTHING = Confusion(0, 0, 0, 0)


@dataclass(frozen=True)
class PatientRates:
    """Means over ``patients``, each patient's pixels pooled; ``worst_dice`` is that of the patient with the lowest."""

    patients: int
    dice: float
    worst_dice: float
    precision: float
    sensitivity: float


def patient_rates(pooled: Iterable[Confusion]) -> PatientRates | None:
    """The rates of patients from the pooled counts of each; those without spine are left out, None without any other.

    A patient with spine of which nothing was found counts with a precision of 0.
    """
    found = [one for one in pooled if one.tp + one.fn]
    if not found:
        return None
    rates = [(one.dice, one.precision or 0.0, one.sensitivity or 0.0) for one in found]
    dice, precision, sensitivity = (math.fsum(column) / len(found) for column in zip(*rates, strict=True))
    return PatientRates(len(found), dice, min(one.dice for one in found), precision, sensitivity)


def confusion(reference: BoolArray, predicted: BoolArray) -> Confusion:
    """Count the pixels of two boolean masks of the same shape, of any number of axes.

    Raises:
        ValueError: the shapes differ.
    """
    if reference.shape != predicted.shape:
        raise ValueError(f"the masks are {reference.shape} and {predicted.shape}")
    tp = int(np.count_nonzero(reference & predicted))
    fp = int(np.count_nonzero(predicted)) - tp
    fn = int(np.count_nonzero(reference)) - tp
    return Confusion(tp, fp, fn, reference.size - tp - fp - fn)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def harmonic(first: float | None, second: float | None) -> float:
    return 2 * first * second / (first + second) if first and second else 0.0


def mean_of(values: Iterable[float | None]) -> float | None:
    """The mean of what is defined, or None."""
    defined = [value for value in values if value is not None]
    return math.fsum(defined) / len(defined) if defined else None
