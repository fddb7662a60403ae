"""Figures per label of an evaluation: each patient counts once, with the pixels of all its series pooled.

Intervals are 95 % by bootstrap over patients, as in `spineml.metrics.summary`. A label that neither mask of a patient
has does not count for that patient (`spineml.metrics.label_agreement`). The *mean of the labels* is taken within each
patient first, over the labels that count there, then over patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spineml.metrics.bootstrap import PatientBootstrap, Spread, Worst, spread
from spineml.metrics.confusion import COUNTS, Confusion
from spineml.metrics.evaluation import PatientRow, Unit
from spineml.metrics.label_agreement import LABEL_MEASURES, mean_of_labels, pooled_labels
from spineml.metrics.surface_distance import DISTANCES

Spreads = dict[str, Spread | None]


@dataclass(frozen=True)
class LabelSummary:
    """One label: its spread over the patients in which either mask has it, and the counts of all of them."""

    value: int
    patients: int
    counts: Confusion
    per_patient: Spreads

    def as_json(self) -> dict[str, Any]:
        return {
            "value": self.value,
            "patients": self.patients,
            "counts": {name: getattr(self.counts, name) for name in COUNTS},
            "per_patient": spreads_json(self.per_patient),
        }


@dataclass(frozen=True)
class LabelsSummary:
    """Every label of the task, and the mean of the labels by measure."""

    labels: tuple[LabelSummary, ...]
    mean_of_labels: Spreads

    def as_json(self) -> dict[str, Any]:
        return {
            "labels": [one.as_json() for one in self.labels],
            "mean_of_labels": spreads_json(self.mean_of_labels),
        }


def summarise_labels(patients: Sequence[PatientRow], unit: Unit, bootstrap: PatientBootstrap) -> LabelsSummary | None:
    """None for a task with a single label. Distances of patients that are not in ``unit`` are left out."""
    by_patient = [(owner, patient, patient.labels) for owner, patient in enumerate(patients)]
    pooled = pooled_labels(labels for _, _, labels in by_patient)
    if not pooled:
        return None
    rows: dict[int, list[tuple[int, dict[str, float | None]]]] = {one.value: [] for one in pooled}
    means = []
    for owner, patient, labels in by_patient:
        same = patient.series[0].unit == unit
        for one in labels:
            if one.counts:
                rows[one.value].append((owner, _measured(one.values(), same_unit=same)))
        means.append((owner, _measured(mean_of_labels(labels), same_unit=same)))
    return LabelsSummary(
        tuple(
            LabelSummary(one.value, len(rows[one.value]), one.confusion, _spreads(rows[one.value], bootstrap))
            for one in pooled
        ),
        _spreads(means, bootstrap),
    )


def _measured(values: dict[str, float | None], *, same_unit: bool) -> dict[str, float | None]:
    return values if same_unit else {**values, **dict.fromkeys(DISTANCES)}


def _spreads(rows: Sequence[tuple[int, dict[str, float | None]]], bootstrap: PatientBootstrap) -> Spreads:
    owners = [owner for owner, _ in rows]
    return {
        name: spread([values[name] for _, values in rows], owners, bootstrap, worst=_worst(name))
        for name in LABEL_MEASURES
    }


def _worst(name: str) -> Worst:
    return "high" if name in DISTANCES else "low"


def spreads_json(found: Spreads) -> dict[str, Any]:
    """Plain values by measure."""
    return {name: value.as_json() if value is not None else None for name, value in found.items()}
