"""Which label of a task each value of a foreign label map is: proposed by code, by name, or by known numberings.

Numberings: VerSe (see `shipped`), TotalSegmentator 2 (26 S1, 27 to 50 L5 up to C1, 25 sacrum), and TotalSegmentator 1,
whose numbers MONAI's whole-body bundle uses as well (18 to 41 L5 up to C1, 92 sacrum).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from spineml.errors import MaskRejected
from spineml.message import message
from spineml.tasks.level_names import key_of
from spineml.tasks.shipped import COCCYX, LEVELS, SACRUM, verse_value
from spineml.tasks.task import Code, Label, Task

By = Literal["", "code", "name", "value", "verse", "totalsegmentator", "totalsegmentator-v1", "remembered"]
_UPWARDS: Final = [level for level in reversed(LEVELS) if level not in {"T13", "L6"}]
VERSE: Final = {verse_value(level): level for level in LEVELS} | {SACRUM: "sacrum", COCCYX: "coccyx"}
TOTALSEGMENTATOR: Final = dict(enumerate(_UPWARDS, 27)) | {25: "sacrum"}
TOTALSEGMENTATOR_1: Final = dict(enumerate(_UPWARDS, 18)) | {92: "sacrum"}
# The highest value each numbering has, of any structure.
NUMBERINGS: Final[tuple[tuple[By, Mapping[int, str], int], ...]] = (
    ("verse", VERSE, 28),
    ("totalsegmentator", TOTALSEGMENTATOR, 117),
    ("totalsegmentator-v1", TOTALSEGMENTATOR_1, 104),
)
LISTED: Final = 12


class ValuesWithoutLabel(MaskRejected):
    """The mask has values that are not labels of the task. Map each of them to a label."""

    code = "values-without-label"


class ValuesOutsideTask(MaskRejected):
    """The mask has values that are no labels of its task. Give each structure a label of the task."""

    code = "values-outside-task"


class MappingRejected(MaskRejected):
    """The mapping of values to labels cannot be used."""

    code = "mapping-rejected"


@dataclass(frozen=True)
class FoundValue:
    """A value of a label map: how many voxels have it, and what the file says of it (``colour`` as ``#rrggbb``)."""

    value: int
    voxels: int
    name: str = ""
    code: Code | None = None
    colour: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain data; `from_json` reads it."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> FoundValue:
        """What `to_json` wrote."""
        return cls(**{**stored, "code": Code(**stored["code"]) if stored["code"] else None})


@dataclass(frozen=True)
class Proposal:
    """``label`` is the label of the task that ``found`` probably is (None: unknown), ``by`` how that was found."""

    found: FoundValue
    label: Label | None
    by: By = ""


def propose(found: Sequence[FoundValue], task: Task) -> list[Proposal]:
    """A label for each value, in their order; a label is proposed for two values when both are named like it."""
    named = _by_name(task)
    numbering = (
        _numbering([one.value for one in found], task) if not any(one.name or one.code for one in found) else None
    )
    return [_proposal(one, task, named, numbering) for one in found]


def sure_mapping(found: Sequence[FoundValue], task: Task, *, by_numbers: bool = True) -> dict[int, int | None] | None:
    """The mapping where nobody needs to be asked; None where somebody does.

    That is where each value has a label by its code or name, or where the file names nothing and all values are those
    of the task itself: as this platform exports label maps.

    Args:
        by_numbers: whether the latter is enough.
    """
    proposals = propose(found, task)
    numbers = {"value", "verse"} if by_numbers else set()
    mapping: dict[int, int | None] = {}
    for one in proposals:
        same = one.label is not None and one.label.value == one.found.value
        if one.label is None or not (one.by in {"code", "name"} or (one.by in numbers and same)):
            return None
        mapping[one.found.value] = one.label.value
    return mapping


def apply(found: Sequence[FoundValue], task: Task, mapping: Mapping[int, int | None]) -> dict[int, int]:
    """The values of the task for those of the file; None in ``mapping`` says that a value is background.

    Raises:
        MappingRejected: a label that the task does not have, or a value that the file does not have.
        ValuesWithoutLabel: a value that is not in ``mapping``.
    """
    for value in mapping.values():
        if value is not None and value not in task.values:
            raise MappingRejected(message("{task} has no label with value {value}.", task=task.name, value=str(value)))
    unknown = sorted(set(mapping) - {one.value for one in found})
    if unknown:
        raise MappingRejected(
            message("The mask does not have the value {value}, which the mapping names.", value=str(unknown[0]))
        )
    missing = [one for one in found if one.value not in mapping]
    if missing:
        raise ValuesWithoutLabel(
            message(
                "Values without a label in {task}: {values}. Map each to a label or to background.",
                task=task.name,
                values=", ".join(_named(one) for one in missing[:LISTED]) + (", …" if len(missing) > LISTED else ""),
            )
        )
    return {one.value: mapping[one.value] or 0 for one in found}


def _named(one: FoundValue) -> str:
    return f"{one.value} ({one.name})" if one.name else str(one.value)


def _by_name(task: Task) -> dict[str, Label]:
    names = {key_of(label.short): label for label in task.labels}
    return names | {key_of(label.name): label for label in task.labels}


def _proposal(
    one: FoundValue, task: Task, named: Mapping[str, Label], numbering: tuple[By, Mapping[int, str]] | None
) -> Proposal:
    if one.code is not None:
        meant = {(label.type.scheme, label.type.value): label for label in task.labels if label.type}
        coded = meant.get((one.code.scheme, one.code.value))
        if coded is not None and not _shared(coded, task):
            return Proposal(one, coded, "code")
    if one.name:
        label = named.get(key_of(one.name))
        return Proposal(one, label, "name" if label else "")
    if numbering is not None:
        by, levels = numbering
        label = named.get(levels.get(one.value, ""))
        return Proposal(one, label, by if label else "")
    return Proposal(one, task.label(one.value), "value") if one.value in task.values else Proposal(one, None)


def _shared(label: Label, task: Task) -> bool:
    """Whether another label has the same code, as both of a pair have: then it does not tell which of them is meant."""
    return sum(other.type == label.type for other in task.labels) > 1


def _numbering(values: Sequence[int], task: Task) -> tuple[By, Mapping[int, str]] | None:
    """The first known numbering that has all the values, and gives most of them a label of the task.

    Numbers mean levels only to a task that has levels.
    """
    named = _by_name(task)
    if not any(level in named for level in LEVELS) or not values:
        return None
    fitting = [(by, levels) for by, levels, highest in NUMBERINGS if max(values) <= highest]
    return max(fitting, key=lambda one: sum(one[1].get(value, "") in named for value in values), default=None)
