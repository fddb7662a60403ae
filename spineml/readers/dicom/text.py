"""Text of a DICOM data set in the character set that it is really in (DICOM PS3.3 C.12.1.1.2, PS3.5 6.1).

Names of character sets are often misspelt, left out, or wrong: Korean exporters write EUC-KR under ISO_IR 100 or under
no name at all. What cannot be read for certain is no text: nothing is shown rather than wrong letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydicom.charset import TEXT_VR_DELIMS, decode_bytes
from pydicom.dataset import Dataset

from spineml.readers.dicom.encoding import quiet
from spineml.readers.dicom.values import PADDING, bytes_of, values_of

ESCAPE = b"\x1b"
BY_NUMBER = {
    "6": "ascii",
    "13": "shift_jis",
    "58": "gb18030",
    "87": "shift_jis",
    "100": "latin_1",
    "101": "iso8859_2",
    "109": "iso8859_3",
    "110": "iso8859_4",
    "126": "iso8859_7",
    "127": "iso8859_6",
    "138": "iso8859_8",
    "144": "iso8859_5",
    "148": "iso8859_9",
    "149": "cp949",
    "159": "shift_jis",
    "166": "tis_620",
    "192": "utf_8",
    "203": "iso8859_15",
}
BY_NAME = {
    "GB18030": "gb18030",
    "GBK": "gbk",
    "GB2312": "gb2312",
    "ISO202258": "gb18030",
    "ISO2022GBK": "gbk",
    "UTF8": "utf_8",
    "UNICODE": "utf_8",
    "KSX1001": "cp949",
    "KSC5601": "cp949",
    "EUCKR": "cp949",
    "CP949": "cp949",
    "MS949": "cp949",
    "UHC": "cp949",
    "SHIFTJIS": "shift_jis",
    "SJIS": "shift_jis",
    "LATIN1": "latin_1",
    "ASCII": "ascii",
}
# Which codecs an escape sequence may call for, whatever was declared.
ESCAPED = ["latin_1", "euc_kr", "iso2022_jp", "iso2022_jp_2", "shift_jis", "iso_ir_58"]
_HANGUL_RUN = re.compile(rb"(?:[\xb0-\xc8][\xa1-\xfe])+")


def text_in(dataset: Dataset, keyword: str, limit: int = 64) -> str:
    """The text of an attribute in one line, at most ``limit`` characters; empty where it cannot be read."""
    text = decoded(bytes_of(dataset, keyword), charsets_of(dataset))
    return " ".join(part for part in text.replace("\0", " ").split() if part.isprintable())[:limit]


def charsets_of(dataset: Dataset) -> list[str]:
    """Python's names of the declared character sets; unknown ones are left out."""
    found = (_codec(str(value)) for value in values_of(dataset, "SpecificCharacterSet"))
    return [codec for codec in found if codec]


def _codec(declared: str) -> str:
    plain = "".join(letter for letter in declared.upper()[:64] if letter.isalnum())
    if plain in BY_NAME:
        return BY_NAME[plain]
    head, _, number = plain.rpartition("IR")
    return BY_NUMBER.get(number.lstrip("0"), "") if head.startswith("ISO") else ""


def decoded(raw: bytes, charsets: list[str]) -> str:
    """``raw`` as text: as declared, or as it was evidently meant; empty where nothing certain can be said."""
    raw = raw.strip(PADDING.encode())
    if ESCAPE in raw:
        return _escaped(raw, charsets)
    if raw.isascii():
        return raw.decode("ascii")
    declared = [codec for codec in charsets if codec not in ("ascii", "latin_1")]
    for codec in declared:
        if (text := _strict(raw, codec)) is not None:
            return text
    if not declared and (text := _guessed(raw)) is not None:
        return text
    if "latin_1" in charsets:
        return raw.decode("latin_1")
    return (_guessed(raw) or "") if declared else ""


def _escaped(raw: bytes, charsets: list[str]) -> str:
    first = next((codec for codec in charsets if codec not in ("ascii", "cp949")), "latin_1")
    try:
        with quiet():
            text = decode_bytes(raw, [first, *ESCAPED], TEXT_VR_DELIMS)
    except (UnicodeError, LookupError, ValueError):
        return ""
    return "" if "\x1b" in text or "\ufffd" in text else text


def _guessed(raw: bytes) -> str | None:
    """UTF-8, or Korean where every byte above ASCII is half of a Hangul syllable."""
    if (text := _strict(raw, "utf_8")) is not None:
        return text
    if _HANGUL_RUN.sub(b"", raw).isascii():
        return _strict(raw, "cp949")
    return None


def _strict(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except (UnicodeDecodeError, LookupError):
        return None


def readings(raw: bytes, charsets: list[str]) -> Iterator[str]:
    """Every way in which ``raw`` can be read: whoever looks for a name must find it however it was written."""
    yield decoded(raw, charsets)
    for codec in dict.fromkeys([*charsets, "utf_8", "cp949", "gb18030", "shift_jis", "latin_1"]):
        if (text := _strict(raw, codec)) is not None:
            yield text
