"""Which labels of a task are bone of the spine: those must lie on what is bright in a CT."""

from __future__ import annotations

from typing import Final

from spineml.tasks.level_names import key_of
from spineml.tasks.shipped import LEVELS, SPINE_CT, VERTEBRAE_CT
from spineml.tasks.task import Label, Task

CODES: Final = frozenset(
    (label.type.scheme, label.type.value) for task in (SPINE_CT, VERTEBRAE_CT) for label in task.labels if label.type
)
NAMES: Final = frozenset({*LEVELS, *(key_of(label.name) for task in (SPINE_CT, VERTEBRAE_CT) for label in task.labels)})


def bone_values(task: Task) -> frozenset[int]:
    """The values of the labels that are the spine, a vertebra, the sacrum or the coccyx, by code or by name."""
    return frozenset(label.value for label in task.labels if _is_bone(label))


def _is_bone(label: Label) -> bool:
    if label.type is not None and (label.type.scheme, label.type.value) in CODES:
        return True
    return not NAMES.isdisjoint({key_of(label.name), key_of(label.short)})
