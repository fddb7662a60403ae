"""The one writer of CSV: text that a spreadsheet would take for a formula stays text, numbers stay numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# What Excel, LibreOffice and Google Sheets begin a formula with, the wide forms of East Asian keyboards included.
FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20\t\r\n")
NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
# A semicolon or a tab separates cells where a spreadsheet is set to it: each keeps the cell in one piece.
QUOTED = frozenset(',;\t"\r\n')


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The rows as CSV (RFC 4180 with ``\\n``), the header first; None is an empty cell."""
    return "".join(",".join(map(csv_cell, row)) + "\n" for row in (header, *rows))


def csv_cell(value: object) -> str:
    """One cell as it is written. Text that begins like a formula, after spaces too, has ``'`` before it."""
    text = "" if value is None else str(value)
    if not isinstance(value, int | float) and text.lstrip(" \u00a0").startswith(FORMULA) and not NUMBER.fullmatch(text):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if QUOTED.intersection(text) else text
