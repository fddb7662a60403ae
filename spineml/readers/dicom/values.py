"""Values of a DICOM data set, read forgivingly from the bytes that were sent.

A value of the wrong kind (two where one belongs, a unit behind a number, a comma for a point, another VR) is read for
what it says; what says nothing is as if it were absent. Nothing here raises on account of a value.
"""

from __future__ import annotations

import math
import re
import struct
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

# Each part is bounded and no two can match the same text: linear in its length.
_NUMBER = re.compile(
    r"([+-]?(?:\d{1,30}(?:[.,]\d{0,30})?|[.,]\d{1,30})(?:[eE][+-]?\d{1,3})?)[ ]{0,4}[A-Za-zµ°]{0,8}\.?"
)
LONGEST_NUMBER = 80
LONGEST_VALUE = 64 * 1024
BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q", "OW": "H", "OF": "f"}
PADDING = " \0\r\n\t"


def sequence_of(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; none where it is absent, empty or no sequence."""
    try:
        items = dataset.get(keyword)
    except Exception:  # noqa: BLE001 - whatever pydicom raises on what is no sequence
        return []
    if items is None or isinstance(items, str | bytes | int | float):
        return []
    return [item for item in items if isinstance(item, Dataset)]


def values_of(dataset: Dataset, keyword: str) -> list[Any]:
    """All values of an attribute that hold something: text (Latin-1) without padding, or numbers of a binary VR."""
    tag = tag_for_keyword(keyword)
    item: Any = dataset.get_item(tag) if tag is not None else None
    if item is None or item.value is None:
        return []
    if isinstance(item, RawDataElement):
        return _from_bytes(item.value[:LONGEST_VALUE], _vr(item.VR, keyword), item.is_little_endian)
    value = item.value
    parts = [value] if isinstance(value, str | bytes | int | float) or not hasattr(value, "__iter__") else list(value)
    return [part for part in parts if str(part).strip(PADDING)]


def _vr(stated: str | None, keyword: str) -> str:
    vr = str(dictionary_VR(keyword)) if stated in (None, "UN") else str(stated)
    return vr.split(" ")[0]


def _from_bytes(raw: bytes, vr: str, little_endian: bool) -> list[Any]:
    if vr == "AT" and len(raw) % 4 == 0:
        parts = struct.unpack(f"{'<' if little_endian else '>'}{len(raw) // 2}H", raw)
        return [group << 16 | element for group, element in zip(parts[::2], parts[1::2], strict=True)]
    code = BINARY.get(vr)
    if code and raw and len(raw) % struct.calcsize(code) == 0:
        count = len(raw) // struct.calcsize(code)
        return list(struct.unpack(f"{'<' if little_endian else '>'}{count}{code}", raw))
    texts = (part.strip(PADDING) for part in raw.decode("latin-1").split("\\"))
    return [text for text in texts if text]


def bytes_of(dataset: Dataset, keyword: str) -> bytes:
    """The value as it was sent, for text whose character set is judged elsewhere; empty where it is no text."""
    tag = tag_for_keyword(keyword)
    item: Any = dataset.get_item(tag) if tag is not None else None
    if item is None or item.value is None:
        return b""
    if isinstance(item, RawDataElement):
        return bytes(item.value[:LONGEST_VALUE])
    return str(item.value).encode("utf-8", "replace")[:LONGEST_VALUE]


def code_of(dataset: Dataset, keyword: str) -> str:
    """The values of an attribute in capitals as one text, joined by backslashes as DICOM writes them."""
    return "\\".join(" ".join(str(value).split()).upper() for value in values_of(dataset, keyword))


def uid_of(dataset: Dataset, keyword: str) -> str:
    """The first value as a UID."""
    values = values_of(dataset, keyword)
    return str(values[0]).strip(PADDING)[:64] if values else ""


def parsed(value: Any) -> float | None:
    """A number, from a number or from text with a comma, a unit or padding; None for anything else and for NaN."""
    if isinstance(value, str | bytes):
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        found = _NUMBER.fullmatch(text.strip(PADDING)) if len(text) <= LONGEST_NUMBER else None
        if found is None:
            return None
        value = found[1].replace(",", ".")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def numbers_of(dataset: Dataset, keyword: str) -> list[float | None]:
    """Each value as a number, None for one that is none."""
    return [parsed(value) for value in values_of(dataset, keyword)]


def number_of(dataset: Dataset, keyword: str) -> float | None:
    """The first value as a number; None where there is none."""
    numbers = numbers_of(dataset, keyword)
    return numbers[0] if numbers else None


def whole_of(dataset: Dataset, keyword: str, default: int) -> int:
    """The first value as a whole number, or ``default``."""
    number = number_of(dataset, keyword)
    return int(number) if number is not None and abs(number) < 2**53 else default
