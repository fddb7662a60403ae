"""How well readers agree with each other and with a model, and whether the model lies inside human variation.

One series gives figures for each pair of its masks (`PairFigures`); `summarised` turns those of many series into means
with intervals over patients, Bland-Altman figures of volumes, and the answer about human variation. Dice, HD95 and the
mean surface distance are those of ``spineml.metrics.overlap`` over the whole volume.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any, Literal

from spineml.metrics.bootstrap import (
    FEWEST_PATIENTS,
    PatientBootstrap,
    bland_altman,
    few_patients,
    paired_difference,
    spread,
)
from spineml.metrics.confusion import NOTHING, Confusion
from spineml.metrics.overlap import Comparison, compare
from spineml.metrics.volume_and_area import volume_ml
from spineml.volumes.volume import Geometry, SliceSource

Verdict = Literal["inside", "outside", "unclear", "too-few"]
MODEL = "model"
FIGURES: tuple[tuple[str, Literal["low", "high"]], ...] = (
    ("dice", "low"),
    ("hd95_mm", "high"),
    ("mean_surface_mm", "high"),
    ("kappa", "low"),
)


@dataclass(frozen=True)
class PairFigures:
    """The agreement of two masks of one series, named by who made them (``MODEL`` for a model).

    Distances are None where a mask is empty or the series states no spacing; volumes are None without a spacing;
    ``kappa`` is None where both masks mark all slices, or none. ``label_dice`` has the labels (value as text) that
    either mask has, of a task with several; all else is of any label against any.
    """

    first: str
    second: str
    dice: float
    hd95_mm: float | None
    mean_surface_mm: float | None
    kappa: float | None
    first_ml: float | None
    second_ml: float | None
    label_dice: dict[str, float] = field(default_factory=dict)

    @property
    def judged_dice(self) -> float:
        """What readers are judged by: the mean of the labels where the task has several, else the Dice."""
        return fmean(self.label_dice.values()) if self.label_dice else self.dice

    @property
    def with_model(self) -> bool:
        return MODEL in (self.first, self.second)

    def as_json(self) -> dict[str, Any]:
        plain = asdict(self)
        if not self.label_dice:
            del plain["label_dice"]
        return plain

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> PairFigures:
        return cls(**values)


def pair_figures(
    names: tuple[str, str],
    masks: tuple[SliceSource, SliceSource],
    geometry: Geometry,
    progress: Callable[[int, int], None] | None = None,
    values: Sequence[int] = (),
) -> PairFigures:
    """Compare two masks of one series slice by slice; ``progress`` gets (slices done, all), ``values`` are the labels
    of a task with several.

    Raises:
        ValueError: the masks do not have the geometry's slices.
    """
    compared = compare(masks[0], masks[1], geometry, progress, values)
    whole, in_mm = compared.pooled, compared.unit == "mm"
    counts = whole.confusion
    return PairFigures(
        *names,
        dice=counts.dice,
        hd95_mm=whole.surface.hd95_mm if in_mm else None,
        mean_surface_mm=whole.surface.mean_mm if in_mm else None,
        kappa=kappa(slice_table(compared)),
        first_ml=volume_ml(counts.tp + counts.fn, geometry),
        second_ml=volume_ml(counts.tp + counts.fp, geometry),
        label_dice={str(one.value): one.dice for one in compared.labels if one.dice is not None},
    )


def slice_table(compared: Comparison) -> Confusion:
    """How many slices both masks mark (tp), only the second (fp), only the first (fn), and neither (tn)."""
    table = NOTHING
    for image in compared.images:
        counts = image.confusion
        first, second = counts.tp + counts.fn > 0, counts.tp + counts.fp > 0
        table += Confusion(
            int(first and second), int(second and not first), int(first and not second), int(not first and not second)
        )
    return table


def kappa(table: Confusion) -> float | None:
    """Cohen's kappa of a 2 x 2 table (Educational and Psychological Measurement 20(1), 1960).

    None where chance alone would always agree, because both raters gave one and the same answer to everything.
    """
    total = table.tp + table.fp + table.fn + table.tn
    observed = (table.tp + table.tn) * total
    by_chance = (table.tp + table.fn) * (table.tp + table.fp) + (table.fp + table.tn) * (table.fn + table.tn)
    return (observed - by_chance) / (total**2 - by_chance) if total**2 != by_chance else None


# --- many series ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class SeriesFigures:
    """The pairs of one series. ``patient`` is any text that is equal for series of one patient.

    ``from_model`` says that a reader started from the model's mask or took it over: such a Dice flatters the model.
    """

    patient: str
    pairs: tuple[PairFigures, ...]
    from_model: bool = False

    @property
    def between_readers(self) -> list[PairFigures]:
        return [pair for pair in self.pairs if not pair.with_model]

    @property
    def with_model(self) -> list[PairFigures]:
        return [pair for pair in self.pairs if pair.with_model]


def summarised(series: Sequence[SeriesFigures], *, margin: float) -> dict[str, Any]:
    """Figures of a project as plain values: ``readers`` and ``model`` (spreads and Bland-Altman), and ``variation``.

    Args:
        margin: by how much Dice a model may agree less with readers than these do with each other.
    """
    return {
        "series": len(series),
        "patients": len({one.patient for one in series}),
        "readers": _group([(one.patient, one.between_readers) for one in series]),
        "model": _group([(one.patient, one.with_model) for one in series]),
        "variation": variation(series, margin=margin),
    }


def _group(series: Sequence[tuple[str, list[PairFigures]]]) -> dict[str, Any] | None:
    pairs = [pair for _, found in series for pair in found]
    if not pairs:
        return None
    numbers = {patient: n for n, patient in enumerate(sorted({patient for patient, found in series if found}))}
    owners = [numbers[patient] for patient, found in series for _ in found]
    bootstrap = PatientBootstrap(len(numbers))
    spreads = {
        name: spread([getattr(pair, name) for pair in pairs], owners, bootstrap, worst=worst) for name, worst in FIGURES
    }
    return {
        "pairs": len(pairs),
        "patients": len(numbers),
        "spreads": {name: one.as_json() if one else None for name, one in spreads.items()},
        "volumes": _volumes(pairs, owners),
        **_labels(pairs, owners, bootstrap),
    }


def _labels(pairs: Sequence[PairFigures], owners: Sequence[int], bootstrap: PatientBootstrap) -> dict[str, Any]:
    """Dice of each label (by value) and mean of the labels; nothing for a task with one."""
    values = sorted({value for pair in pairs for value in pair.label_dice}, key=int)
    if not values:
        return {}
    columns = {value: [pair.label_dice.get(value) for pair in pairs] for value in values}
    spreads = {value: spread(column, owners, bootstrap, worst="low") for value, column in columns.items()}
    means = spread([pair.judged_dice if pair.label_dice else None for pair in pairs], owners, bootstrap, worst="low")
    return {
        "labels": {value: one.as_json() if one else None for value, one in spreads.items()},
        "mean_of_labels": means.as_json() if means else None,
    }


def _volumes(pairs: Sequence[PairFigures], owners: Sequence[int]) -> dict[str, Any] | None:
    """Bland-Altman figures of the second volume minus the first, with the points of their plot.

    The pairs of one patient (of several readers or series) count as one patient.
    """
    known = [
        (one.first_ml, one.second_ml, owner)
        for one, owner in zip(pairs, owners, strict=True)
        if one.first_ml is not None and one.second_ml is not None
    ]
    figures = bland_altman(*([one[place] for one in known] for place in range(3)))
    if figures is None:
        return None
    points = [[(first + second) / 2, second - first] for first, second, _owner in known]
    return {"figures": figures.as_json(), "points": points}


def variation(series: Sequence[SeriesFigures], *, margin: float) -> dict[str, Any] | None:
    """Is the model inside human variation? None where no series has both kinds of pairs.

    For each patient: the mean Dice of model and reader, minus the mean Dice of reader and reader. The model is
    "inside" when the whole 95 % interval of the mean difference lies above ``-margin`` (a non-inferiority question:
    Piaggio et al., JAMA 308(24), 2012), "outside" when it lies below, "unclear" when it holds ``-margin``, and
    "too-few" with fewer than ten patients, whatever the figures are.
    """
    by_patient: dict[str, list[SeriesFigures]] = defaultdict(list)
    for one in series:
        if one.between_readers and one.with_model:
            by_patient[one.patient].append(one)
    if not by_patient:
        return None
    model = [fmean(_mean_dice(one.with_model) for one in found) for found in by_patient.values()]
    readers = [fmean(_mean_dice(one.between_readers) for one in found) for found in by_patient.values()]
    difference = paired_difference(model, readers)
    low, high = difference.interval.as_json() if difference.interval else (None, None)
    return {
        "verdict": verdict(len(by_patient), low, high, margin),
        "margin": margin,
        "patients": len(by_patient),
        "fewest": FEWEST_PATIENTS,
        "series": sum(len(found) for found in by_patient.values()),
        "from_model": sum(one.from_model for found in by_patient.values() for one in found),
        "model_dice": fmean(model),
        "readers_dice": fmean(readers),
        "difference": difference.as_json(),
    }


def _mean_dice(pairs: Sequence[PairFigures]) -> float:
    return fmean(pair.judged_dice for pair in pairs)


def verdict(patients: int, low: float | None, high: float | None, margin: float) -> Verdict:
    """What an interval of the difference says about the margin."""
    if few_patients(patients) or low is None or high is None:
        return "too-few"
    if low >= -margin:
        return "inside"
    return "outside" if high < -margin else "unclear"
