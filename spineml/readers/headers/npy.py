"""The header of a NumPy file (.npy), read by its grammar: nothing in it is evaluated, and objects are never loaded.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html: magic, version, length, and a Python literal
``{'descr': '<i2', 'fortran_order': False, 'shape': (3, 10, 12), }``, which is read here as these three entries alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from spineml.message import message
from spineml.readers.mapped_series import wrong_type
from spineml.readers.series import FileNotUsed

NPY_MAGIC = b"\x93NUMPY"
HEADER_BYTES = 10_000
MAX_AXES = 32
MAX_DIGITS = 18
KINDS = "biufc"
# Of what structured, text and time arrays consist; all but objects ("O") only lack a use here.
OTHER_KINDS = "SUVMma"
DIGITS = frozenset("0123456789")


@dataclass(frozen=True)
class NpyHeader:
    """Plain numbers in an array of ``shape``, from byte ``offset`` on."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    order: Literal["C", "F"]


def is_npy(start: bytes) -> bool:
    return start.startswith(NPY_MAGIC)


def read_npy_header(path: Path) -> NpyHeader:
    """Read the header of a file.

    Raises:
        FileNotUsed: damaged, or an array of something else than numbers.
    """
    with path.open("rb") as stream:
        head = stream.read(HEADER_BYTES + 12)
    if len(head) < 12 or not is_npy(head) or head[6] not in (1, 2, 3):
        raise damaged()
    wide = head[6] > 1
    start = 12 if wide else 10
    length = int.from_bytes(head[8:start], "little")
    if length > HEADER_BYTES or len(head) < start + length:
        raise damaged()
    entries = _Literal(head[start : start + length].decode("latin-1")).entries()
    shape, order = entries["shape"], entries["fortran_order"]
    if not isinstance(shape, tuple) or not isinstance(order, bool) or len(shape) > MAX_AXES:
        raise damaged()
    return NpyHeader(shape, _dtype(entries["descr"]), start + length, "F" if order else "C")


def damaged() -> FileNotUsed:
    return FileNotUsed("damaged-npy", message("The NumPy header is damaged. Save the array again."))


def _dtype(descr: object) -> np.dtype[Any]:
    """``<i2`` and the like.

    Raises:
        FileNotUsed: it is no plain number.
    """
    if not isinstance(descr, str):
        raise wrong_type("several fields")
    kind, size = descr.lstrip("<>|=")[:1], descr.lstrip("<>|=")[1:]
    if kind == "O":
        reason = message(
            "The file contains Python objects, which are never loaded because they can run code. Save plain numbers."
        )
        raise FileNotUsed("pickled-objects", reason)
    if kind and kind in OTHER_KINDS:
        raise wrong_type(descr[:20])
    usable = kind and kind in KINDS and len(descr) <= 4 and size in ("1", "2", "4", "8", "16")
    try:
        found = np.dtype(descr) if usable else None
    except TypeError as error:
        raise damaged() from error
    if found is None:
        raise damaged()
    return found


class _Literal:
    """The dictionary of a header: names and texts in quotes, True, False, whole numbers, and one tuple of them.

    It is read from left to right, each character once. A list stands for the fields of a structured array and is
    skipped up to its end.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

    def entries(self) -> dict[str, object]:
        """``descr``, ``fortran_order`` and ``shape``, each once.

        Raises:
            FileNotUsed: it is not such a dictionary.
        """
        found: dict[str, object] = {}
        self._expect("{")
        while not self._skip("}"):
            name = self._quoted()
            self._expect(":")
            if name in found:
                raise damaged()
            found[name] = self._value()
            if not self._skip(","):
                self._expect("}")
                break
        if found.keys() != {"descr", "fortran_order", "shape"} or self._text[self._place :].strip():
            raise damaged()
        return found

    def _value(self) -> object:
        character = self._peek()
        if character in "'\"":
            return self._quoted()
        if character == "(":
            return self._tuple()
        if character == "[":
            return self._list()
        for text, value in (("True", True), ("False", False)):
            if self._text.startswith(text, self._place):
                self._place += len(text)
                return value
        raise damaged()

    def _tuple(self) -> tuple[int, ...]:
        self._expect("(")
        sizes: list[int] = []
        while not self._skip(")"):
            sizes.append(self._whole())
            if not self._skip(","):
                self._expect(")")
                break
        return tuple(sizes)

    def _list(self) -> list[object]:
        """Whether one of the fields is an object does not matter: none is read."""
        end = self._text.rfind("]")
        if end < self._place:
            raise damaged()
        self._place = end + 1
        return []

    def _whole(self) -> int:
        self._peek()
        start = self._place
        while self._text[self._place : self._place + 1] in DIGITS:
            self._place += 1
        digits = self._text[start : self._place]
        if self._text.startswith("L", self._place):  # Python 2 wrote long integers so
            self._place += 1
        if not digits or len(digits) > MAX_DIGITS:
            raise damaged()
        return int(digits)

    def _quoted(self) -> str:
        quote = self._peek()
        end = self._text.find(quote, self._place + 1) if quote in "'\"" else -1
        if end < 0:
            raise damaged()
        text = self._text[self._place + 1 : end]
        self._place = end + 1
        return text

    def _peek(self) -> str:
        """The next character that is no blank.

        Raises:
            FileNotUsed: there is none.
        """
        while self._text[self._place : self._place + 1] in (" ", "\t", "\r", "\n"):
            self._place += 1
        if self._place >= len(self._text):
            raise damaged()
        return self._text[self._place]

    def _skip(self, character: str) -> bool:
        if self._peek() != character:
            return False
        self._place += 1
        return True

    def _expect(self, character: str) -> None:
        if not self._skip(character):
            raise damaged()
