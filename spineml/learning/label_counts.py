"""Counting pixels of several labels at once, and their rates: of each label, and their means.

A table has a row for each class of the reference and a column for each of the prediction, int64 ``(classes, classes)``
with the background first. A label that neither has is not counted; one that only one of them has counts with 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spineml.metrics.confusion import Confusion, PatientRates
from spineml.tasks.task import Label

Table = npt.NDArray[np.int64]
ClassArray = npt.NDArray[np.uint8]


def table_of(reference: ClassArray, predicted: ClassArray, classes: int) -> Table:
    """The pixels of each pair of classes, of two arrays of one shape."""
    pairs = reference.ravel().astype(np.intp) * classes + predicted.ravel()
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def whole(table: Table) -> Confusion:
    """All labels together against the background."""
    tn, fp, fn = int(table[0, 0]), int(table[0, 1:].sum()), int(table[1:, 0].sum())
    return Confusion(int(table.sum()) - tn - fp - fn, fp, fn, tn)


def of_label(table: Table, number: int) -> Confusion:
    """The label of class ``number`` against everything else."""
    tp = int(table[number, number])
    fp, fn = int(table[:, number].sum()) - tp, int(table[number].sum()) - tp
    return Confusion(tp, fp, fn, int(table.sum()) - tp - fp - fn)


def mean_of_labels(table: Table) -> tuple[float, float, float] | None:
    """The means of Dice, precision and sensitivity over the labels that either has; None where neither has any."""
    found = [one for number in range(1, len(table)) if not (one := of_label(table, number)).both_empty]
    if not found:
        return None
    rates = [(one.dice, one.precision or 0.0, one.sensitivity or 0.0) for one in found]
    dice, precision, sensitivity = (math.fsum(column) / len(found) for column in zip(*rates, strict=True))
    return dice, precision, sensitivity


def patient_means(tables: Iterable[Table]) -> PatientRates | None:
    """As `spineml.metrics.confusion.patient_rates`, each patient's rates being the means of the labels."""
    rates = [mean for table in tables if table[1:].any() and (mean := mean_of_labels(table))]
    if not rates:
        return None
    dice, precision, sensitivity = (math.fsum(column) / len(rates) for column in zip(*rates, strict=True))
    return PatientRates(len(rates), dice, min(one[0] for one in rates), precision, sensitivity)


def label_rows(tables: Sequence[Table], labels: Sequence[Label]) -> list[dict[str, Any]]:
    """For each label that any patient has: how many have it in either mask, and the mean of their Dice."""
    rows = []
    for number, label in enumerate(labels, 1):
        found = [one.dice for table in tables if not (one := of_label(table, number)).both_empty]
        if found:
            mean = math.fsum(found) / len(found)
            rows.append({"value": label.value, "name": label.name, "patients": len(found), "dice": mean})
    return rows
