"""Results as plain JSON, both ways; whatever comes back is text that can be stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Any, TypeVar

from spineml.message import NOT_TEXT, Message

MESSAGE_KEYS = {"text", "values"}
T = TypeVar("T")


def as_plain(value: Any) -> Any:
    """``value`` of dataclasses, messages, dates, tuples and plain values, as JSON has it."""
    if isinstance(value, Message):
        return value.to_json()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): as_plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(one) for one in value]
    return value


def from_plain(value: Any) -> Any:
    """What `as_plain` made, with messages again and without what cannot be stored as text."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [from_plain(one) for one in value]
    if isinstance(value, dict):
        values = {storable(key): from_plain(one) for key, one in value.items()}
        if set(values) == MESSAGE_KEYS and isinstance(values["text"], str) and isinstance(values["values"], dict):
            return Message(values["text"], values["values"])
        return values
    return value


def storable(text: str) -> str:
    """``text`` with each character that a database refuses replaced by the one that stands for it (U+FFFD)."""
    return NOT_TEXT.sub("\ufffd", text) if NOT_TEXT.search(text) else text


def values_of(record: Any) -> dict[str, Any]:
    """The fields of a flat dataclass."""
    return {field.name: as_plain(getattr(record, field.name)) for field in fields(record)}


def record_of(kind: type[T], values: Mapping[str, Any]) -> T:
    """The flat dataclass that `values_of` was given."""
    return kind(**{field.name: _field(field, values[field.name]) for field in fields(kind)})  # type: ignore[arg-type]


def _field(field: Any, value: Any) -> Any:
    stated = str(field.type)
    if isinstance(value, list) and stated.startswith("tuple"):
        return tuple(value)
    if isinstance(value, str) and stated.startswith("date"):
        return date.fromisoformat(value)
    return value
