"""How well a segmentation agrees with the labelled slices of a data set, per source, named by how it averages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spineml.learning.dataset_file import DatasetReader, Entry
from spineml.metrics.confusion import NOTHING, Confusion, PatientRates, confusion, mean_of, patient_rates
from spineml.volumes.volume import HounsfieldArray, LabelArray

Segment = Callable[[HounsfieldArray, tuple[float, float] | None], npt.NDArray[Any]]
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


@dataclass(frozen=True)
class Score:
    """One source. ``image_dice`` is the mean over slices where either mask marks anything, as the 2020 paper averages.

    ``false_slices`` of ``empty_slices`` without any vertebra got a mask, ``false_mm2`` in the mean over all of them.
    """

    source: str
    rates: PatientRates
    slices: int
    image_dice: float
    empty_slices: int
    false_slices: int
    false_mm2: float

    def as_json(self) -> dict[str, Any]:
        values = {**vars(self.rates), **{name: value for name, value in vars(self).items() if name != "rates"}}
        rounded = {name: round(v, 4) if isinstance(v, float) else v for name, v in values.items()}
        return {name: None if v != v else v for name, v in rounded.items()}  # noqa: PLR0124  (NaN is not JSON)


def score(source: str, reader: DatasetReader, entries: Iterable[Entry], segment: Segment) -> Score:
    """Segment every slice of ``entries`` and compare it with its mask."""
    patients: dict[str, Confusion] = defaultdict(lambda: NOTHING)
    images: list[Confusion] = []
    false_areas: list[float] = []
    for entry in entries:
        for z in range(entry.shape[0]):
            hu, mask = reader.read(entry.index, z)
            counts = confusion(mask > 0, segment(hu, entry.pixel_spacing) > 0)
            images.append(counts)
            patients[entry.patient] += counts
            if not mask.any():
                false_areas.append(counts.fp * entry.spacing[1] * entry.spacing[2])
    nan = float("nan")
    return Score(
        source=source,
        rates=patient_rates(patients.values()) or PatientRates(0, nan, nan, nan, nan),
        slices=len(images),
        image_dice=nan if (dice := mean_of(one.dice for one in images if not one.both_empty)) is None else dice,
        empty_slices=len(false_areas),
        false_slices=int(np.count_nonzero(false_areas)),
        false_mm2=mean_of(false_areas) or 0.0,
    )


def scores_by_source(reader: DatasetReader, split: str, segment: Segment) -> list[Score]:
    """One score for each source, a volume of its own counting as a source."""
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in reader.in_split(split):
        source = entry.groups.get("source", "")
        groups[source if source in {"tcga", "verse"} else entry.key.partition("-")[2]].append(entry)
    return [score(name, reader, members, segment) for name, members in groups.items()]


def threshold_baseline(level_hu: float) -> Segment:
    """What needs no learning: everything above ``level_hu``, its largest component in the slice, pinholes filled."""

    def segment(hu: HounsfieldArray, spacing: tuple[float, float] | None) -> LabelArray:
        parts, count = ndimage.label(hu > level_hu)
        if count == 0:
            return np.zeros(hu.shape, np.uint8)
        sizes = np.bincount(parts.ravel())
        sizes[0] = 0
        largest = parts == sizes.argmax()
        holes, _ = ndimage.label(ndimage.binary_fill_holes(largest) & ~largest)
        areas = np.bincount(holes.ravel()) * (spacing[0] * spacing[1] if spacing else 1.0)
        small = areas <= 12.0
        small[0] = False
        mask: LabelArray = (largest | small[holes]).astype(np.uint8)
        return mask

    return segment


def best_baseline(reader: DatasetReader, entries: Sequence[Entry]) -> int:
    """The level in HU at which the baseline does best on ``entries`` (of training patients)."""

    def dice(level: int) -> float:
        return score("baseline", reader, entries, threshold_baseline(level)).rates.dice

    return max(BASELINE_CANDIDATES_HU, key=dice)


def as_table(rows: Mapping[str, Sequence[Score]]) -> str:
    """Markdown: for each source one row per method, so that they can be compared line by line."""
    lines = [
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
    ]
    for same_source in zip(*rows.values(), strict=True):
        for method, one in zip(rows, same_source, strict=True):
            rates = one.rates
            lines.append(
                f"| {one.source} | {method} | {rates.patients} | {one.slices} | {rates.dice:.3f} "
                f"| {rates.worst_dice:.3f} | {rates.precision:.3f} | {rates.sensitivity:.3f} | {one.image_dice:.3f} "
                f"| {one.false_slices} of {one.empty_slices} ({one.false_mm2:.0f} mm2) |"
            )
    return "\n".join(lines)
