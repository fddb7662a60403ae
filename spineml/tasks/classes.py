"""The classes that a network tells apart for a task: the background, then the labels by their values.

Their order is that of the values, whatever the order in which people read the labels: with values 1, 2, 3 and so on a
class is its value, as in the label maps that most networks are trained on.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from spineml.errors import MaskRejected
from spineml.message import message
from spineml.tasks.level_names import words
from spineml.tasks.shipped import SPINE_CT
from spineml.tasks.task import LEFT, MAX_VALUE, RIGHT, Label, Task

BACKGROUND = "background"
SIDES = ("left", "right")


class ValuesOutsideTask(MaskRejected):
    """The mask has values that are not labels of its task. Correct the mask, or choose its task."""

    code = "values-outside-task"


@dataclass(frozen=True)
class Classes:
    """The classes of ``task``; index 0 is the background."""

    task: Task = SPINE_CT

    @cached_property
    def labels(self) -> tuple[Label, ...]:
        """The labels by ascending value: class ``n`` is label ``n - 1`` of these."""
        return tuple(sorted(self.task.labels, key=lambda label: label.value))

    @property
    def is_single(self) -> bool:
        """One structure: a network has one output, and masks for it may have soft edges."""
        return len(self.labels) == 1

    @property
    def outputs(self) -> int:
        """`Architecture.classes` of a network for this task."""
        return 1 if self.is_single else len(self.labels) + 1

    @property
    def names(self) -> tuple[str, ...]:
        """`ModelSpec.classes`; the one structure of spine-ct is called "spine", as in files from before tasks."""
        if self.task.slug == SPINE_CT.slug:
            return BACKGROUND, "spine"
        return BACKGROUND, *(label.name for label in self.labels)

    @property
    def values(self) -> tuple[int, ...]:
        """`ModelSpec.values`."""
        return 0, *(label.value for label in self.labels)

    @cached_property
    def mirrored(self) -> tuple[int, ...]:
        """The class that each becomes in a mirror: left and right of a pair change places.

        A pair are two labels whose names differ in nothing but the words left and right, or else the only two of one
        type with the modifiers Left and Right (SNOMED CT).
        """
        found = list(range(len(self.labels) + 1))
        for key_of in (_by_name, _by_code):
            sides: dict[tuple[str, str], list[int]] = defaultdict(list)
            for index, label in enumerate(self.labels, 1):
                if found[index] == index and (key := key_of(label)):
                    sides[key].append(index)
            for (what, side), left in sides.items():
                right = sides.get((what, "right"), [])
                if side == "left" and len(left) == len(right) == 1:
                    found[left[0]], found[right[0]] = right[0], left[0]
        return tuple(found)

    @cached_property
    def _of_value(self) -> npt.NDArray[np.int16]:
        table = np.full(MAX_VALUE + 1, -1, np.int16)
        table[list(self.values)] = range(len(self.values))
        return table

    def encode(self, labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The classes, uint8, of a label map of the task, of the same shape.

        Raises:
            ValuesOutsideTask: a value is not a label of the task.
        """
        classes = self._of_value[labels]
        if classes.size and classes.min() < 0:
            unknown = np.unique(labels[classes < 0]).tolist()
            raise ValuesOutsideTask(
                message(
                    "The mask has values that {task} has no labels for: {values}.",
                    task=self.task.name,
                    values=", ".join(map(str, unknown[:12])),
                )
            )
        return classes.astype(np.uint8)

    def decode(self, classes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The label map, uint8, of classes 0 to `labels`, of the same shape."""
        return np.array(self.values, np.uint8)[classes]


def _by_name(label: Label) -> tuple[str, str] | None:
    """What the label is one of two of, and its side."""
    found = words(label.name).split()
    sides = [word for word in found if word in SIDES]
    return (" ".join(sorted({*found} - {*SIDES})), sides[0]) if len(sides) == 1 else None


def _by_code(label: Label) -> tuple[str, str] | None:
    if label.type is None or label.modifier is None:
        return None
    for code, side in ((LEFT, "left"), (RIGHT, "right")):
        if (label.modifier.scheme, label.modifier.value) == (code.scheme, code.value):
            return f"{label.type.scheme} {label.type.value}", side
    return None
