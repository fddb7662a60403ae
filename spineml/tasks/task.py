"""What a mask names: a task is an ordered list of labels, each a structure with its value, colour and coded meaning.

Values are those that a label map stores (0 is the background). Codes are those of a DICOM segmentation: category, type
and, for one of a pair, the side as a modifier (DICOM PS3.3 C.8.20.2).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from spineml.errors import SpineError
from spineml.message import Message, message

MAX_VALUE = 255
# A DICOM SegmentLabel (LO) holds 64 characters, a code meaning as many, a code value 16.
MAX_NAME = 64
MAX_SHORT = 8
MAX_CODE = 16
MAX_SLUG = 32
SLUG = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
COLOUR = re.compile(r"#[0-9a-f]{6}")


class TaskRejected(SpineError):
    """The task cannot be used. Check its labels and try again."""

    code = "task-rejected"


def clean(text: str) -> str:
    """One line in the form NFC, without spaces at its ends and without control characters."""
    plain = "".join(" " if unicodedata.category(one) in {"Cc", "Zl", "Zp"} else one for one in text)
    return " ".join(unicodedata.normalize("NFC", plain).split())


@dataclass(frozen=True)
class Code:
    """A coded meaning, such as SNOMED CT (``SCT``) 66794005 "L1 vertebra"."""

    value: str
    scheme: str
    meaning: str

    def __post_init__(self) -> None:
        for text, most in ((self.value, MAX_CODE), (self.scheme, MAX_CODE), (self.meaning, MAX_NAME)):
            if text != clean(text) or not 0 < len(text) <= most:
                raise TaskRejected(
                    message(
                        "“{text}” is not a valid part of a code. Use 1 to {most} characters without leading or "
                        "trailing spaces.",
                        text=text,
                        most=most,
                    )
                )


ANATOMY = Code("123037004", "SCT", "Anatomical Structure")
LEFT = Code("7771000", "SCT", "Left")
RIGHT = Code("24028007", "SCT", "Right")


@dataclass(frozen=True)
class Label:
    """One structure. ``short`` is what stands in the picture, ``colour`` is ``#rrggbb``.

    Raises:
        TaskRejected: a value outside of 1 to 255, a name that is empty or too long, or no colour.
    """

    value: int
    name: str
    short: str
    colour: str
    category: Code | None = ANATOMY
    type: Code | None = None
    modifier: Code | None = None

    def __post_init__(self) -> None:
        if type(self.value) is not int or not 1 <= self.value <= MAX_VALUE:
            raise TaskRejected(
                message("“{name}” has the value {value}. Values are 1 to 255.", name=self.name, value=str(self.value))
            )
        for text, most in ((self.name, MAX_NAME), (self.short, MAX_SHORT)):
            if text != clean(text) or not 0 < len(text) <= most:
                raise TaskRejected(
                    message(
                        "“{name}” is not a valid name. Use 1 to {most} characters on one line.", name=text, most=most
                    )
                )
        if not COLOUR.fullmatch(self.colour):
            raise TaskRejected(
                message(
                    "The colour of “{name}” is “{colour}”. Write colours as #rrggbb.",
                    colour=self.colour,
                    name=self.name,
                )
            )

    def to_json(self) -> dict[str, Any]:
        """As plain data; `from_json` reads it."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Label:
        """What `to_json` wrote.

        Raises:
            TaskRejected: see the class.
        """
        codes: dict[str, Any] = {
            name: Code(**stored[name]) if stored.get(name) else None for name in ("category", "type", "modifier")
        }
        plain: dict[str, Any] = {name: stored[name] for name in ("value", "name", "short", "colour")}
        return cls(**plain, **codes)


@dataclass(frozen=True)
class Task:
    """What is segmented: ``labels`` in the order in which people read them.

    Raises:
        TaskRejected: no label, or two of one value or name (capital and small letters are the same).
    """

    slug: str
    name: str
    labels: tuple[Label, ...]
    modality: str = "CT"

    def __post_init__(self) -> None:
        if not SLUG.fullmatch(self.slug) or len(self.slug) > MAX_SLUG:
            raise TaskRejected(
                message(
                    "The identifier “{slug}” is not valid. Use at most {most} lower-case letters, digits and hyphens.",
                    slug=self.slug,
                    most=MAX_SLUG,
                )
            )
        if not self.labels:
            raise TaskRejected(message("A task needs at least one label."))
        _refuse_repeated(((label.value, label.name) for label in self.labels), by_value=True)
        _refuse_repeated(((label.name.casefold(), label.name) for label in self.labels), by_value=False)

    @property
    def values(self) -> frozenset[int]:
        """The values of its labels, without the background."""
        return frozenset(label.value for label in self.labels)

    def label(self, value: int) -> Label:
        """The label of ``value``.

        Raises:
            KeyError: none has it.
        """
        for label in self.labels:
            if label.value == value:
                return label
        raise KeyError(value)

    def to_json(self) -> dict[str, Any]:
        """As plain data; `from_json` reads it."""
        return asdict(self) | {"labels": [label.to_json() for label in self.labels]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Task:
        """What `to_json` wrote.

        Raises:
            TaskRejected: see the class.
            KeyError, TypeError: it is not the description of a task.
        """
        labels = tuple(Label.from_json(one) for one in stored["labels"])
        return cls(str(stored["slug"]), str(stored["name"]), labels, str(stored["modality"]))


@dataclass(frozen=True)
class Merge:
    """One task made of another: each value of ``source`` becomes a value of ``target``; others become background."""

    source: str
    target: str
    values: Mapping[int, int]

    def table(self) -> bytes:
        """256 bytes: what each value becomes (``numpy.frombuffer(...)[labels]`` merges a label map)."""
        table = bytearray(MAX_VALUE + 1)
        for value, becomes in self.values.items():
            table[value] = becomes
        return bytes(table)


def _refuse_repeated(labels: Iterable[tuple[int | str, str]], *, by_value: bool) -> None:
    seen: dict[int | str, str] = {}
    for key, name in labels:
        if key in seen:
            raise TaskRejected(_same_value(seen[key], name, str(key)) if by_value else _same_name(name))
        seen[key] = name


def _same_value(one: str, other: str, value: str) -> Message:
    return message("“{one}” and “{other}” have the same value, {value}.", one=one, other=other, value=value)


def _same_name(name: str) -> Message:
    return message("Two labels are called “{name}”.", name=name)
