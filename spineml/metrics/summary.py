"""The figures of an evaluation, each named by how it averages: per image, per patient, pooled.

- *per image*: every slice that either mask marks counts once.
- *per patient*: each patient's pixels are pooled, then every patient counts once. The figure to compare versions by.
- *pooled*: the counts of all slices together; distances over all surface elements of all series.

Intervals are 95 % by bootstrap over patients (`spineml.metrics.bootstrap`), also where images are averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spineml.metrics.bootstrap import (
    DRAWS,
    SEED,
    BlandAltman,
    Interval,
    PatientBootstrap,
    Spread,
    Worst,
    bland_altman,
    interval_as_json,
    spread,
)
from spineml.metrics.confusion import COUNTS, NOTHING, RATES, Confusion
from spineml.metrics.evaluation import (
    BIN_MM,
    DIFFERENCES,
    MEASURES,
    QUANTITIES,
    STEPS,
    ImageRow,
    PatientRow,
    Probabilities,
    SeriesRow,
    Sizes,
    SurfacePool,
    Unit,
    patients_of,
)
from spineml.metrics.label_summary import LabelsSummary, summarise_labels
from spineml.metrics.surface_distance import DISTANCES, HAUSDORFF_PERCENTILE

LEVEL_BINS = 10
WORST = 10
SCOPES = ("image", "patient")
# What Kim et al. 2020 (Healthc Inform Res 26(1):61-67) give for their 14 test images; recall they do not give.
PAPER = {"dice": 0.904, "precision": 0.9681, "f1_of_means": 0.9164}

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pooled:
    """A figure of all slices together; no interval where none is defined (HD95, total differences)."""

    value: float | None
    interval: Interval | None

    def as_json(self) -> dict[str, Any]:
        return {"value": self.value, **interval_as_json(self.interval)}


@dataclass(frozen=True)
class Curve:
    """Precision and recall (pooled) and Dice (mean of patients) of the bare probability at each threshold.

    ``best`` is the threshold of the highest Dice, on a validation split; None on any other, where choosing it would
    fit the version to the data it is judged by.
    """

    thresholds: tuple[float, ...]
    precision: tuple[float | None, ...]
    recall: tuple[float | None, ...]
    dice: tuple[float, ...]
    best: float | None


@dataclass(frozen=True)
class Level:
    """Dice of the marked images between two relative heights of their series (0 lowest slice, 1 highest)."""

    low: float
    high: float
    images: int
    mean: float | None


@dataclass(frozen=True)
class WorstImage:
    """A marked image among those with the lowest Dice."""

    key: str
    z: int
    dice: float


@dataclass(frozen=True)
class Summary:
    """All figures of some series. Dicts go by the names in `evaluation.MEASURES`; lengths are in ``unit``.

    Series without a spacing are left out of lengths when others have one. ``false_images`` of ``empty_images`` without
    spine were given a mask. All of it is of any label against any; ``by_label`` has each label of a task with several.
    """

    unit: Unit
    patients: int
    series: int
    images: int
    marked_images: int
    empty_images: int
    false_images: int
    per_image: dict[str, Spread | None]
    per_patient: dict[str, Spread | None]
    pooled: dict[str, Pooled]
    counts: Confusion
    f1_of_means: float | None
    agreement: dict[str, dict[str, BlandAltman | None]]
    curve: Curve | None
    levels: tuple[Level, ...]
    worst: tuple[WorstImage, ...]
    by_label: LabelsSummary | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values for the row of the run and the API."""
        plain = ("unit", "patients", "series", "images", "marked_images", "empty_images", "false_images", "f1_of_means")
        return {
            **{name: getattr(self, name) for name in plain},
            "counts": {name: getattr(self.counts, name) for name in COUNTS},
            "per_image": _as_json(self.per_image),
            "per_patient": _as_json(self.per_patient),
            "pooled": _as_json(self.pooled),
            "agreement": {scope: _as_json(found) for scope, found in self.agreement.items()},
            "curve": asdict(self.curve) if self.curve else None,
            "levels": [asdict(level) for level in self.levels],
            "worst": [asdict(image) for image in self.worst],
            **(self.by_label.as_json() if self.by_label else {}),
        }


def summarise(
    rows: Sequence[SeriesRow], *, suggest_threshold: bool = False, draws: int = DRAWS, seed: int = SEED
) -> Summary:
    """Average ``rows`` in the three ways. ``suggest_threshold`` on a validation split only.

    Raises:
        ValueError: there are no rows.
    """
    if not rows:
        raise ValueError("there is no series to summarise")
    unit: Unit = "mm" if any(row.unit == "mm" for row in rows) else "px"
    patients = patients_of(rows)
    bootstrap = PatientBootstrap(len(patients), draws=draws, seed=seed)
    owner = {patient.patient: index for index, patient in enumerate(patients)}
    images = [(row, image) for row in rows for image in row.marked]
    marked = [patient for patient in patients if not patient.confusion.both_empty]
    image_values = [_in_unit(row.image_values(image), row.unit, unit) for row, image in images]
    patient_values = [_in_unit(one.values(), one.series[0].unit, unit) for one in marked]
    image_owners = [owner[row.identity.patient] for row, _ in images]
    per_image = _spreads(image_values, image_owners, bootstrap)
    empty = [image.confusion for row in rows for image in row.images if not image.confusion.tp + image.confusion.fn]
    return Summary(
        unit=unit,
        patients=len(patients),
        series=len(rows),
        images=sum(len(row.images) for row in rows),
        marked_images=len(images),
        empty_images=len(empty),
        false_images=sum(1 for counts in empty if counts.fp),
        per_image=per_image,
        per_patient=_spreads(patient_values, [owner[one.patient] for one in marked], bootstrap),
        pooled=_pooled(rows, patients, unit, bootstrap),
        counts=sum((row.confusion for row in rows), NOTHING),
        f1_of_means=_f1_of_means(per_image),
        agreement={
            "image": _agreement([row.image_sizes(image) for row, image in images], image_owners),
            "patient": _agreement([one.sizes() for one in marked], range(len(marked))),
        },
        curve=_curve(patients, suggest_threshold=suggest_threshold),
        levels=_levels([image for _, image in images]),
        worst=worst_images(rows),
        by_label=summarise_labels(patients, unit, bootstrap),
    )


def worst_images(rows: Sequence[SeriesRow], count: int = WORST) -> tuple[WorstImage, ...]:
    """The marked images with the lowest Dice, the worst first."""
    found = [WorstImage(row.identity.key, image.z, image.confusion.dice) for row in rows for image in row.marked]
    return tuple(sorted(found, key=lambda one: (one.dice, one.key, one.z))[:count])


def paired_sizes(rows: Sequence[Sizes], quantity: str) -> tuple[list[float], list[float]]:
    """(reference, predicted) of those rows that have the quantity."""
    pairs = [pair for row in rows if (pair := row[quantity]) is not None]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _in_unit(values: dict[str, float | None], of_row: Unit, unit: Unit) -> dict[str, float | None]:
    """Lengths in pixels are not averaged with millimetres."""
    return values if of_row == unit else {**values, **dict.fromkeys(DISTANCES)}


def _spreads(
    values: Sequence[dict[str, float | None]], owners: Sequence[int], bootstrap: PatientBootstrap
) -> dict[str, Spread | None]:
    found: dict[str, Spread | None] = {}
    for name in MEASURES:
        column = [row[name] for row in values]
        found[name] = spread(column, owners, bootstrap, worst=worst_of(name))
    return found


def worst_of(name: str) -> Worst:
    """Which end of a measure is the bad one."""
    if name in DISTANCES:
        return "high"
    return "far" if name in DIFFERENCES else "low"


def _f1_of_means(per_image: dict[str, Spread | None]) -> float | None:
    precision, recall = per_image["precision"], per_image["sensitivity"]
    if precision is None or recall is None:
        return None
    total = precision.mean + recall.mean
    return 2 * precision.mean * recall.mean / total if total else 0.0


# --- pooled -----------------------------------------------------------------------------------------------------------
def _pooled(
    rows: Sequence[SeriesRow], patients: Sequence[PatientRow], unit: Unit, bootstrap: PatientBootstrap
) -> dict[str, Pooled]:
    counts = sum((row.confusion for row in rows), NOTHING)
    terms = _ratio_terms([patient.confusion for patient in patients])
    found = {name: Pooled(getattr(counts, name), bootstrap.ratio_interval(*terms[name])) for name in RATES}
    found |= _pooled_distances(patients, unit, bootstrap)
    for name in QUANTITIES:
        reference, predicted = paired_sizes([row.image_sizes(image) for row in rows for image in row.marked], name)
        found[f"{name}_difference"] = Pooled(sum(predicted) - sum(reference) if reference else None, None)
    return found


def _ratio_terms(counts: Sequence[Confusion]) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Every rate as (numerators, denominators) of the patients: pooled, it is the ratio of their sums."""
    tp, fp, fn, tn = (np.array([getattr(one, name) for one in counts], float) for name in COUNTS)
    overlap = (2 * tp, 2 * tp + fp + fn)
    return {
        "dice": overlap,
        "sensitivity": (tp, tp + fn),
        "precision": (tp, tp + fp),
        "specificity": (tn, tn + fp),
        "f1": overlap,
        "iou": (tp, tp + fp + fn),
    }


def _pooled_distances(patients: Sequence[PatientRow], unit: Unit, bootstrap: PatientBootstrap) -> dict[str, Pooled]:
    pools = [[one.pool for one in patient.series if one.pool and one.unit == unit] for patient in patients]
    totals = np.array([sum(pool.total for pool in own) for own in pools], float)
    elements = np.array([sum(pool.elements for pool in own) for own in pools], float)
    everything = [pool for own in pools for pool in own]
    if not everything:
        return dict.fromkeys(DISTANCES, Pooled(None, None))
    return {
        "hd95": Pooled(_pooled_hd95(everything), None),
        "mean_surface_distance": Pooled(
            float(totals.sum() / elements.sum()), bootstrap.ratio_interval(totals, elements)
        ),
    }


def _pooled_hd95(pools: Sequence[SurfacePool]) -> float:
    """The larger of the two directed 95th percentiles over all surface elements, to half a bin."""
    worst = 0.0
    for direction in ("forth", "back"):
        counts = np.zeros(max(len(getattr(pool, direction)) for pool in pools), np.int64)
        for pool in pools:
            own = getattr(pool, direction)
            counts[: len(own)] += own
        below = np.cumsum(counts)
        worst = max(worst, BIN_MM * float(np.searchsorted(below, HAUSDORFF_PERCENTILE / 100 * below[-1])))
    return worst


# --- agreement, curve, levels -----------------------------------------------------------------------------------------
def _agreement(rows: Sequence[Sizes], owners: Sequence[int]) -> dict[str, BlandAltman | None]:
    """``owners``: of which patient each row is."""
    found = {}
    for name in QUANTITIES:
        known = [owner for row, owner in zip(rows, owners, strict=True) if row[name] is not None]
        found[name] = bland_altman(*paired_sizes(rows, name), known)
    return found


def _curve(patients: Sequence[PatientRow], *, suggest_threshold: bool) -> Curve | None:
    known = [[one.probabilities for one in patient.series if one.probabilities] for patient in patients]
    counted = [sum(own, Probabilities.none()) for own in known if own]
    if not counted:
        return None
    # (patients, thresholds): pixels at or above each threshold.
    tp = np.array([one.spine[::-1].cumsum()[::-1] for one in counted], float)
    fp = np.array([one.other[::-1].cumsum()[::-1] for one in counted], float)
    spine = np.array([one.spine.sum() for one in counted], float)[:, None]
    marked = tp + fp + spine
    each = np.divide(2 * tp, marked, out=np.ones_like(tp), where=marked > 0)
    dice = each[spine[:, 0] > 0].mean(axis=0) if (spine > 0).any() else each.mean(axis=0)
    thresholds = np.arange(STEPS + 1) / STEPS
    inner = slice(1, STEPS)  # 0 and 1 are no thresholds of a model
    best = float(thresholds[inner][dice[inner].argmax()]) if suggest_threshold and spine.any() else None
    return Curve(
        tuple(thresholds.tolist()),
        _ratios(tp.sum(axis=0), (tp + fp).sum(axis=0)),
        _ratios(tp.sum(axis=0), np.full(STEPS + 1, spine.sum())),
        tuple(dice.tolist()),
        best,
    )


def _ratios(part: FloatArray, whole: FloatArray) -> tuple[float | None, ...]:
    return tuple(float(a / b) if b else None for a, b in zip(part, whole, strict=True))


def _levels(images: Sequence[ImageRow]) -> tuple[Level, ...]:
    edges = np.linspace(0, 1, LEVEL_BINS + 1)
    places = np.clip((np.array([image.level for image in images]) * LEVEL_BINS).astype(int), 0, LEVEL_BINS - 1)
    dice = np.array([image.confusion.dice for image in images])
    found = []
    for index in range(LEVEL_BINS):
        inside = dice[places == index]
        mean = float(inside.mean()) if len(inside) else None
        found.append(Level(float(edges[index]), float(edges[index + 1]), len(inside), mean))
    return tuple(found)


def _as_json(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value.as_json() if value is not None else None for name, value in found.items()}
