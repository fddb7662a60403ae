"""What the comparison page shows of labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spineml.message import Message, message
from spineml.metrics.label_agreement import LabelAgreement, mean_of_labels
from spineml.metrics.overlap import Comparison
from spineml.tasks.task import Label, Task


@dataclass(frozen=True)
class LabelRow:
    """A label that either mask has; ``only`` says so where just one has it."""

    label: Label
    values: dict[str, float | None]
    only: Message | None


@dataclass(frozen=True)
class LabelFigures:
    """The labels of a comparison in the task's order, their means, and the labels that neither mask has."""

    counted: Sequence[LabelRow]
    means: dict[str, float | None]
    absent: Sequence[Label]


def label_figures(comparison: Comparison, task: Task) -> LabelFigures | None:
    """None for a task with a single label, which is the whole."""
    if not comparison.labels:
        return None
    found = {one.value: one for one in comparison.labels}
    return LabelFigures(
        [
            LabelRow(label, found[label.value].values(), _only(found[label.value]))
            for label in task.labels
            if label.value in found and found[label.value].counts
        ],
        mean_of_labels(comparison.labels),
        [label for label in task.labels if label.value in found and not found[label.value].counts],
    )


def _only(one: LabelAgreement) -> Message | None:
    counts = one.confusion
    if counts.tp + counts.fn == 0:
        return message("only in the compared mask")
    return message("only in the reference") if counts.tp + counts.fp == 0 else None
