"""What changed between two states of a task, in sentences; and labels as people type them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spineml.message import Message, message
from spineml.tasks.files import short_of
from spineml.tasks.shipped import NEIGHBOURS
from spineml.tasks.task import ANATOMY, MAX_VALUE, Code, Label, Task, TaskRejected, clean

CODES = ("category", "type", "modifier")


def label_given(given: Mapping[str, Any], known: Label | None = None) -> Label:
    """The label that somebody describes: without a short name or a colour it gets one, without codes it keeps those of
    the ``known`` label of its value.

    Raises:
        TaskRejected: with what is wrong.
    """
    value, name = given["value"], clean(given["name"])
    if not name:
        raise TaskRejected(message("The label with the value {value} has no name.", value=str(value)))
    short = clean(given.get("short") or "") or short_of(name) or str(value)
    colour = (given.get("colour") or "").strip().lower() or (known.colour if known else _colour(value))
    codes = {part: _code(given[part]) if part in given else _known_code(known, part) for part in CODES}
    return Label(value, name, short, colour, **codes)


def _colour(value: Any) -> str:
    return NEIGHBOURS[(value - 1) % len(NEIGHBOURS)] if isinstance(value, int) else NEIGHBOURS[0]


def _code(given: Mapping[str, Any] | None) -> Code | None:
    return Code(given["value"], given["scheme"], given["meaning"]) if given else None


def _known_code(known: Label | None, part: str) -> Code | None:
    if known is not None:
        code: Code | None = getattr(known, part)
        return code
    return ANATOMY if part == "category" else None


def next_value(taken: Iterable[int]) -> int | None:
    """A value that is free, above the highest where there is one; None where all 255 are taken."""
    known = set(taken)
    above = max(known, default=0) + 1
    free = range(1, MAX_VALUE + 1)
    return above if above in free else next((value for value in free if value not in known), None)


def changes_between(before: Task, after: Task) -> list[Message]:
    """What is different, a sentence each; none where nothing is."""
    found: list[Message] = []
    if before.name != after.name:
        found.append(message("The task is now called “{name}”.", name=after.name))
    old, new = ({label.value: label for label in task.labels} for task in (before, after))
    for value in [*old, *(one for one in new if one not in old)]:
        found += _label_changes(value, old.get(value), new.get(value))
    kept = [
        [label.value for label in task.labels if label.value in old.keys() & new.keys()] for task in (before, after)
    ]
    if kept[0] != kept[1]:
        found.append(message("The labels are in another order."))
    return found


def _label_changes(value: int, before: Label | None, after: Label | None) -> Sequence[Message]:
    if before is None and after is not None:
        return [message("Label {value}, “{name}”, was added.", value=value, name=after.name)]
    if before is not None and after is None:
        return [message("Label {value}, “{name}”, was removed.", value=value, name=before.name)]
    if before is None or after is None:
        return []
    found = []
    if before.name != after.name:
        found.append(message("Label {value}, “{old}”, is now “{new}”.", value=value, old=before.name, new=after.name))
    if before.short != after.short:
        found.append(message("The short name of “{name}” is now “{short}”.", name=after.name, short=after.short))
    if before.colour != after.colour:
        found.append(message("The colour of “{name}” is now {colour}.", name=after.name, colour=after.colour))
    if any(getattr(before, part) != getattr(after, part) for part in CODES):
        found.append(message("The codes of “{name}” were changed.", name=after.name))
    return found
