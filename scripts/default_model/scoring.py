"""How well a segmentation agrees with labelled series, per source, named by how it averages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from scripts.default_model.training_data import LabelledSeries
from spineml.metrics.overlap import Confusion, confusion
from spineml.volumes.volume import HounsfieldArray, LabelArray

Segment = Callable[[HounsfieldArray, tuple[float, float]], npt.NDArray[Any]]
BASELINE_CANDIDATES_HU = (120, 150, 180, 210, 240, 280)
COLUMNS = (
    "source",
    "method",
    "patients",
    "slices",
    "Dice (mean of patients)",
    "worst patient",
    "precision",
    "sensitivity",
    "Dice (mean of images)",
    "slices without spine given a mask",
)
NOTHING = Confusion(0, 0, 0, 0)


@dataclass(frozen=True)
class Score:
    """One source. Rates are means over its patients with spine, each patient's pixels pooled.

    ``image_dice`` is the mean over slices where either mask marks anything, as the 2020 paper averages.
    ``false_slices`` of ``empty_slices`` without any vertebra got a mask, ``false_mm2`` in the mean over all of them.
    """

    source: str
    patients: int
    slices: int
    dice: float
    worst_dice: float
    precision: float
    sensitivity: float
    image_dice: float
    empty_slices: int
    false_slices: int
    false_mm2: float

    def as_json(self) -> dict[str, Any]:
        return {name: round(v, 4) if isinstance(v, float) else v for name, v in vars(self).items()}


def score(source: str, series: Sequence[LabelledSeries], segment: Segment) -> Score:
    """Segment every slice of ``series`` and compare it with its mask."""
    patients: dict[str, Confusion] = defaultdict(lambda: NOTHING)
    images: list[float] = []
    false_areas: list[float] = []
    for one in series:
        spacing = (one.geometry.spacing[1], one.geometry.spacing[2])
        for hu, mask in zip(one.hu, one.mask, strict=True):
            counts = confusion(mask > 0, segment(hu, spacing) > 0)
            patients[one.patient] += counts
            if not counts.both_empty:
                images.append(counts.dice)
            if not mask.any():
                false_areas.append(counts.fp * one.geometry.pixel_area_mm2)
    with_spine = [counts for counts in patients.values() if counts.tp + counts.fn]
    return Score(
        source=source,
        patients=len(with_spine),
        slices=sum(len(one.hu) for one in series),
        dice=_mean([counts.dice for counts in with_spine]),
        worst_dice=min((counts.dice for counts in with_spine), default=float("nan")),
        precision=_mean([counts.precision or 0.0 for counts in with_spine]),
        sensitivity=_mean([counts.sensitivity or 0.0 for counts in with_spine]),
        image_dice=_mean(images),
        empty_slices=len(false_areas),
        false_slices=int(np.count_nonzero(false_areas)),
        false_mm2=_mean(false_areas) if false_areas else 0.0,
    )


def scores_by_source(series: Sequence[LabelledSeries], segment: Segment) -> list[Score]:
    """One score for each source, a volume of its own counting as a source."""
    groups: dict[str, list[LabelledSeries]] = defaultdict(list)
    for one in series:
        groups[one.source if one.source in {"tcga", "verse"} else one.name].append(one)
    return [score(name, members, segment) for name, members in groups.items()]


def threshold_baseline(level_hu: float) -> Segment:
    """What needs no learning: everything above ``level_hu``, its largest component in the slice, pinholes filled."""

    def segment(hu: HounsfieldArray, spacing: tuple[float, float]) -> LabelArray:
        parts, count = ndimage.label(hu > level_hu)
        if count == 0:
            return np.zeros(hu.shape, np.uint8)
        sizes = np.bincount(parts.ravel())
        sizes[0] = 0
        largest = parts == sizes.argmax()
        holes, _ = ndimage.label(ndimage.binary_fill_holes(largest) & ~largest)
        areas = np.bincount(holes.ravel()) * spacing[0] * spacing[1]
        small = areas <= 12.0
        small[0] = False
        mask: LabelArray = (largest | small[holes]).astype(np.uint8)
        return mask

    return segment


def best_baseline(series: Sequence[LabelledSeries]) -> int:
    """The level in HU at which the baseline does best on ``series`` (training patients)."""
    dice = {level: score("baseline", series, threshold_baseline(level)).dice for level in BASELINE_CANDIDATES_HU}
    return max(dice, key=lambda level: dice[level])


def as_table(rows: Mapping[str, Sequence[Score]]) -> str:
    """Markdown: for each source one row per method, so that they can be compared line by line."""
    lines = [
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
    ]
    for same_source in zip(*rows.values(), strict=True):
        for method, one in zip(rows, same_source, strict=True):
            lines.append(
                f"| {one.source} | {method} | {one.patients} | {one.slices} | {one.dice:.3f} | {one.worst_dice:.3f} "
                f"| {one.precision:.3f} | {one.sensitivity:.3f} | {one.image_dice:.3f} "
                f"| {one.false_slices} of {one.empty_slices} ({one.false_mm2:.0f} mm2) |"
            )
    return "\n".join(lines)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
