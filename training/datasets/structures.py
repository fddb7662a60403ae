"""Masks as a data set's task sees them: its own, and those of other tasks that relations merge into it."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from registry.models import Task, TaskRelation
from spineml.tasks.task import Label, Merge
from spineml.volumes.volume import LabelArray
from training.models import Split
from training.splits.selectors import NO_SPLIT

SPLITS = (*Split.values, NO_SPLIT)
Rows = Sequence[Mapping[str, Any]]  # `Annotation.labels`


def merges_into(task_id: str) -> dict[str, Merge]:
    """How masks of other tasks become masks of this one, by the slug of the other."""
    found = TaskRelation.objects.filter(target=task_id).order_by("source")
    return {relation.source_id: relation.definition for relation in found}


def teaching_tasks(task_id: str) -> list[str]:
    """The slugs of the tasks whose masks a data set of this one takes, its own first."""
    return [task_id, *merges_into(task_id)]


def merged(labels: LabelArray, merge: Merge | None) -> LabelArray:
    """A slice in values of the data set's task; without ``merge`` it is already."""
    if merge is None:
        return labels
    table: npt.NDArray[np.uint8] = np.frombuffer(merge.table(), np.uint8)
    return table[labels]


# --- how much of each label -------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class LabelSize:
    """One label of a mask: the pixels of its slices by z, and its volume in ml (None without a known spacing)."""

    areas: Mapping[int, int]
    ml: float | None


def label_sizes(rows: Rows, merge: Merge | None = None) -> dict[int, LabelSize]:
    """The labels of a mask by value of the data set's task: those that become one are added up."""
    areas: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    volumes: dict[int, list[float | None]] = defaultdict(list)
    for row in rows:
        value = merge.values.get(row["value"], 0) if merge else row["value"]
        if value:
            volumes[value].append(row["ml"])
            for z, area in enumerate(row["areas"], start=row["first"]):
                if area:
                    areas[value][z] += area
    return {value: LabelSize(areas[value], _sum(volumes[value])) for value in sorted(areas)}


def _sum(volumes: Sequence[float | None]) -> float | None:
    known = [ml for ml in volumes if ml is not None]
    return sum(known) if len(known) == len(volumes) else None


def slices_marked(sizes: Mapping[int, LabelSize]) -> int:
    """How many slices have any of the labels."""
    return len({z for size in sizes.values() for z in size.areas})


@dataclass
class LabelCount:
    """How often a split has a label. ``ml`` leaves out masks without a known spacing."""

    patients: int = 0
    series: int = 0
    images: int = 0
    ml: float = 0.0


@dataclass(frozen=True)
class LabelCounts:
    """A label of the data set's task with what each split has of it, by the name of the split."""

    value: int
    name: str
    short: str
    colour: str
    splits: dict[str, LabelCount]

    @property
    def patients(self) -> int:
        return sum(one.patients for one in self.splits.values())

    @property
    def ml(self) -> float:
        return sum(one.ml for one in self.splits.values())

    def as_json(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in ("value", "name", "short", "colour")}
        return {**plain, "splits": {name: vars(one) for name, one in self.splits.items()}}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        splits = {name: LabelCount(**counts) for name, counts in stored["splits"].items()}
        return cls(**{**stored, "splits": splits})


Counted = tuple[str, uuid.UUID, str, Rows]  # split, patient, task of the mask, its labels


def count_labels(task: Task, masks: Iterable[Counted], splits: Iterable[str]) -> list[LabelCounts]:
    """What ``splits`` have of each label of ``task``, in the order of its labels."""
    merges = merges_into(task.slug)
    counts: dict[tuple[int, str], LabelCount] = defaultdict(LabelCount)
    patients: dict[tuple[int, str], set[uuid.UUID]] = defaultdict(set)
    for split, patient, of_task, rows in masks:
        for value, size in label_sizes(rows, merges.get(of_task)).items():
            count = counts[value, split]
            patients[value, split].add(patient)
            count.series += 1
            count.images += len(size.areas)
            count.ml += size.ml or 0.0
    for key, who in patients.items():
        counts[key].patients = len(who)
    names = list(splits)
    return [_counts_of(label, {name: counts[label.value, name] for name in names}) for label in task.definition.labels]


def _counts_of(label: Label, splits: dict[str, LabelCount]) -> LabelCounts:
    return LabelCounts(label.value, label.name, label.short, label.colour, splits)
