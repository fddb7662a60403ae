"""What is told to a person: an English sentence with named gaps, and what fills them.

The library, workers and stored rows do not know who will read: they keep the text and its values, and gettext makes the
sentence when it is shown, in the language of the reader. Values are never translated, save those that are messages.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

Json = dict[str, Any]

_GAP = re.compile(r"\{(\w+)\}")
_SEVERAL = re.compile(r"\{0\}(?: \{\d+\})+")
# What PostgreSQL and UTF-8 refuse: NUL and lone surrogates, as file names and headers may hold them.
NOT_TEXT = re.compile("[\x00\ud800-\udfff]")
# Names of files and texts out of headers are as long as whoever sends them likes.
MAX_VALUE = 200


class Message(str):
    """The English sentence, filled in; ``text`` has its ``{gaps}``, ``values`` what stands in them.

    As a string it serves where only English is read, such as in logs.
    """

    __slots__ = ("text", "values")
    text: str
    values: Mapping[str, Any]

    def __new__(cls, text: str, values: Mapping[str, Any] | None = None) -> Self:
        values = dict(values or {})
        made = super().__new__(cls, _fill(text, values, str))
        made.text, made.values = text, values
        return made

    def __getnewargs__(self) -> tuple[str, Mapping[str, Any]]:  # type: ignore[override]
        return self.text, self.values

    def in_words(self, translate: Callable[[str], str]) -> str:
        """The sentence, with ``translate`` applied to its text and to those of the messages in its gaps."""
        return _fill(translate(self.text), self.values, lambda inner: inner.in_words(translate))

    @property
    def sentences(self) -> list[Message]:
        """Each of several sentences; none of an empty message."""
        if _SEVERAL.fullmatch(self.text):
            return [verbatim(one) for one in self.values.values()]
        return [self] if self else []

    def to_json(self) -> Json:
        """``{"text", "values"}``; a message in a gap is written likewise."""
        return {"text": self.text, "values": dump(self.values)}

    @classmethod
    def from_json(cls, stored: Json | str | None) -> Message:
        """What `to_json` wrote; a plain sentence, as older rows hold it, becomes a message without values."""
        if isinstance(stored, Message):
            return stored
        if not isinstance(stored, dict):
            return cls(stored or "")
        return cls(stored.get("text", ""), load(stored.get("values", {})))


def message(text: str, /, **values: Any) -> Message:
    """A message. ``text`` is a literal, so that it can be collected for translation; its gaps are plain ``{names}``.

    Args:
        text: English, a whole sentence or a term.
        values: for each gap a str, int, float, bool, None, a message (which is translated), or a list of these. Text is
            cut at 200 characters; what cannot be stored as text is replaced.
    """
    return Message(text, {name: _clean(value) for name, value in values.items()})


def message_of(kind: type[BaseException]) -> Message:
    """The docstring of an error class, which says what a person reads, as a message."""
    return Message(" ".join((kind.__doc__ or "").split()))


def verbatim(text: str) -> Message:
    """``text`` as a message: unchanged if it is one, else text that nobody translates."""
    if isinstance(text, Message):
        return text
    return message("{text}", text=text) if text else Message("")


def sentences(several: Sequence[str]) -> Message:
    """Several sentences as one message, each still a message of its own (`Message.sentences`)."""
    parts = [verbatim(one) for one in several if one]
    if len(parts) == 1:
        return parts[0]
    names = [str(number) for number in range(len(parts))]
    return Message(" ".join(f"{{{name}}}" for name in names), dict(zip(names, parts, strict=True)))


def _clean(value: Any) -> Any:
    if isinstance(value, Message) or value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)  # JSON has no other numbers
    if isinstance(value, list | tuple):
        return [_clean(one) for one in value]
    return shortened(NOT_TEXT.sub("\ufffd", str(value)))


def _fill(text: str, values: Mapping[str, Any], show: Callable[[Message], str]) -> str:
    def shown(value: Any) -> str:
        if isinstance(value, Message):
            return show(value)
        if isinstance(value, list | tuple):
            return ", ".join(map(shown, value))
        return str(value)

    return _GAP.sub(lambda gap: shown(values[gap[1]]) if gap[1] in values else gap[0], text)


def shortened(text: str, longest: int = MAX_VALUE) -> str:
    """At most ``longest`` characters of foreign text; a mark says that it was cut."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def dump(value: Any) -> Any:
    """``value``, any JSON in which messages stand, with each of them as `Message.to_json` writes it."""
    if isinstance(value, Message):
        return value.to_json()
    if isinstance(value, Mapping):
        return {name: dump(one) for name, one in value.items()}
    return [dump(one) for one in value] if isinstance(value, list | tuple) else value


def load(value: Any) -> Any:
    """What `dump` wrote, with the messages in it."""
    if isinstance(value, dict):
        if value.keys() == {"text", "values"}:
            return Message.from_json(value)
        return {name: load(one) for name, one in value.items()}
    return [load(one) for one in value] if isinstance(value, list) else value


def messages_to_json(several: Sequence[str]) -> list[Json]:
    """Several sentences, as they are stored."""
    return [verbatim(one).to_json() for one in several]


def messages_from_json(stored: Sequence[Json | str] | None) -> list[Message]:
    """What `messages_to_json` wrote, or a list of plain sentences."""
    return [Message.from_json(one) for one in stored or ()]
