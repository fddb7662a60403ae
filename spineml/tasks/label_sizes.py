"""The labels of one mask with their sizes: rows for pages and REST, and files for spreadsheets and programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from spineml.csv_text import csv_text
from spineml.tasks.task import Code, Label, Task

LABEL_COLUMNS: Final = ("value", "name", "short", "colour", "category", "type", "modifier")
SIZE_COLUMNS: Final = ("voxels", "volume_ml", "first_slice", "last_slice", "slices", "x_mm", "y_mm", "z_mm")


@dataclass(frozen=True)
class LabelSize:
    """A label that a mask has: pixels ``areas_px`` of the slices ``first_slice`` to ``last_slice`` (from 0).

    ``volume_ml`` and ``centroid_mm`` (LPS) are None without a known spacing; the centroid also for masks that were made
    before it was measured.
    """

    label: Label
    voxels: int
    volume_ml: float | None
    first_slice: int
    last_slice: int
    areas_px: Sequence[int]
    centroid_mm: Sequence[float] | None

    @property
    def slices(self) -> int:
        """The number of slices that have it."""
        return sum(1 for area in self.areas_px if area)

    def area_on(self, z: int) -> int:
        """Its pixels on slice ``z``."""
        return self.areas_px[z - self.first_slice] if self.first_slice <= z <= self.last_slice else 0

    @property
    def code(self) -> Code | None:
        """What it is: the type of its codes."""
        return self.label.type


def label_sizes(task: Task, rows: Iterable[Mapping[str, Any]]) -> list[LabelSize]:
    """The labels of a mask of ``task`` in the order of the task; ``rows`` are `LabelSummary.as_row`."""
    by_value = {row["value"]: row for row in rows}
    return [_size(label, by_value[label.value]) for label in task.labels if label.value in by_value]


def label_csv(sizes: Iterable[LabelSize]) -> str:
    """A row for each label: names, colour, codes (``SCT 66794005 L1 vertebra``), sizes; slices from 1, LPS mm."""
    return csv_text(LABEL_COLUMNS + SIZE_COLUMNS, map(_cells, sizes))


def label_json(task: Task, sizes: Iterable[LabelSize]) -> str:
    """The same as JSON, with the codes apart; slices from 0."""
    labels = [one.label.to_json() | _plain(one) for one in sizes]
    return json.dumps({"task": task.slug, "name": task.name, "labels": labels}, ensure_ascii=False, indent=1) + "\n"


def code_text(code: Code | None) -> str:
    """``SCT 66794005 L1 vertebra``; empty without a code."""
    return f"{code.scheme} {code.value} {code.meaning}" if code else ""


def label_cells(label: Label) -> list[object]:
    """What `LABEL_COLUMNS` names."""
    codes = (label.category, label.type, label.modifier)
    return [label.value, label.name, label.short, label.colour, *(code_text(code) for code in codes)]


def _size(label: Label, row: Mapping[str, Any]) -> LabelSize:
    return LabelSize(label, row["voxels"], row["ml"], row["first"], row["last"], row["areas"], row["centroid"])


def _cells(one: LabelSize) -> list[object]:
    volume = None if one.volume_ml is None else round(one.volume_ml, 3)
    place = [None] * 3 if one.centroid_mm is None else [round(part, 2) for part in one.centroid_mm]
    slices = [one.first_slice + 1, one.last_slice + 1, one.slices]
    return [*label_cells(one.label), one.voxels, volume, *slices, *place]


def _plain(one: LabelSize) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if name != "label"}
