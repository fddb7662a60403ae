"""The form that changes a task: rows of labels as they are typed, and two people's changes brought together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from django.http import QueryDict

from spineml.errors import SpineError
from spineml.message import message
from spineml.tasks.task import LEFT, RIGHT, Label, TaskRejected, clean
from training.structures.labels import label_given

SIDES = {"left": LEFT, "right": RIGHT}
KEPT = "kept"


@dataclass(frozen=True)
class TypedLabel:
    """One row of the form, as it was typed. ``side``: left, right, empty, or “kept” for a modifier that is neither."""

    value: str
    name: str
    short: str
    colour: str
    code: str
    meaning: str
    side: str

    @classmethod
    def of(cls, label: Label) -> Self:
        """The row of a label."""
        code = label.type
        sides = [side for side, code in SIDES.items() if label.modifier == code]
        side = sides[0] if sides else KEPT if label.modifier else ""
        value, meaning = (code.value, code.meaning) if code else ("", "")
        return cls(str(label.value), label.name, label.short, label.colour, value, meaning, side)

    @property
    def is_empty(self) -> bool:
        """Whether nobody wrote anything: such a row is no label."""
        return not (self.name.strip() or self.short.strip() or self.code.strip())

    def label(self, known: Label | None) -> Label:
        """The label that is meant.

        Raises:
            TaskRejected: with what is wrong.
        """
        value = self.value.strip()
        if not (value.isascii() and value.isdigit() and len(value) <= 9):
            raise TaskRejected(
                message(
                    "“{name}” has the value “{value}”. Values are whole numbers from 1 to 255.",
                    name=clean(self.name) or "?",
                    value=value,
                )
            )
        given: dict[str, Any] = {"value": int(value), "name": self.name, "short": self.short, "colour": self.colour}
        given["type"] = self._type(known)
        if self.side != KEPT:
            side = SIDES.get(self.side)
            given["modifier"] = vars(side) if side else None
        return label_given(given, known)

    def _type(self, known: Label | None) -> dict[str, str] | None:
        code = self.code.strip()
        if not code:
            return None
        before = known.type if known and known.type and known.type.value == code else None
        scheme = before.scheme if before else "SCT"
        return {"value": code, "scheme": scheme, "meaning": clean(self.meaning) or clean(self.name)}


def rows_typed(sent: QueryDict) -> list[TypedLabel]:
    """The rows of a sent form; those to remove, and those where nothing was written, are left out."""
    names = [field.name for field in fields(TypedLabel)]
    columns = [sent.getlist(f"label_{name}") for name in names]
    removed = set(sent.getlist("remove"))
    rows = [TypedLabel(*row) for row in zip(*columns, strict=False)]
    return [row for row in rows if not row.is_empty and row.value.strip() not in removed]


def labels_typed(rows: Iterable[TypedLabel], known: Sequence[Label]) -> tuple[Label, ...]:
    """The labels that rows describe; codes that the form does not show stay as they are ``known``.

    Raises:
        TaskRejected: with what is wrong.
    """
    before = {str(label.value): label for label in known}
    return tuple(row.label(before.get(row.value.strip())) for row in rows)


def as_base(labels: Iterable[Label]) -> str:
    """The labels that a form was made from, for its hidden field."""
    return json.dumps([label.to_json() for label in labels])


def base_of(sent: str, otherwise: Sequence[Label]) -> Sequence[Label]:
    """What `as_base` wrote, or ``otherwise`` where somebody sent something else."""
    try:
        return tuple(Label.from_json(one) for one in json.loads(sent))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, SpineError):
        return otherwise


def brought_together(base: Sequence[Label], typed: Sequence[Label], current: Sequence[Label]) -> list[Label]:
    """The labels with both people's changes since ``base``: where both changed one thing, ``typed`` wins."""
    bases, theirs = ({label.value: label for label in labels} for labels in (base, current))
    mine = {label.value for label in typed}
    kept = [
        _together(bases.get(label.value), label, theirs.get(label.value))
        for label in typed
        if label.value in theirs or bases.get(label.value) != label
    ]
    return kept + [label for label in current if label.value not in bases and label.value not in mine]


def _together(base: Label | None, typed: Label, current: Label | None) -> Label:
    if base is None or current is None:
        return typed
    chosen: Mapping[str, Any] = {
        field.name: getattr(typed if getattr(typed, field.name) != getattr(base, field.name) else current, field.name)
        for field in fields(Label)
    }
    return Label(**chosen)
