"""Names inside zip archives: which characters their bytes are, and a label that is safe to show and keep.

Only newer archives say that their names are UTF-8. Windows packs in the code page of its language, so the names of one
archive are judged together. Nothing is ever stored under such a name: it is a label of the file.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

LONGEST_LABEL = 400
NAMELESS = "unnamed"
DRIVE = re.compile(r"[A-Za-z]:")
INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
# Two bytes of a letter that the language uses every day: KS X 1001 Hangul, kana and two kanji, GB 2312 level 1.
COMMON = {
    "cp949": re.compile(rb"[\xb0-\xc8][\xa1-\xfe]"),
    "cp932": re.compile(rb"\x82[\x9f-\xf1]|\x83[\x40-\x7e\x80-\x96]|(?:[\x88-\x97][\x40-\x7e\x80-\xfc]){2}"),
    "gbk": re.compile(rb"[\xb0-\xd7][\xa1-\xfe]"),
}
RUN = re.compile(rb"[\x80-\xff][\x40-\xff]")
MOSTLY = 0.75
FALLBACK = "cp437"


def encoding_of(names: Iterable[bytes]) -> str:
    """The encoding of names that do not state theirs: UTF-8, CP949, CP932 or GBK where they make sense, else CP437."""
    raw = b"\n".join(name for name in names if not name.isascii())
    if not raw or _decodes(raw, "utf-8"):
        return "utf-8"
    letters = max(1, len(RUN.findall(raw)))
    best, most = FALLBACK, MOSTLY
    for encoding, common in COMMON.items():
        found = sum(len(match) // 2 for match in common.findall(raw)) / letters
        if _decodes(raw, encoding) and found >= most and (found > most or best == FALLBACK):
            best, most = encoding, found
    return best


def label_of(name: str) -> str:
    """A name as it is shown: composed characters, no control characters, no ``..``, drive or leading slash.

    Names on a Mac are decomposed; "/" parts folders whatever the system wrote. A name longer than 400 characters
    keeps its end, and one that has nothing left is called "unnamed".
    """
    composed = unicodedata.normalize("NFC", name[-4 * LONGEST_LABEL :]).replace("\\", "/")
    shown = "".join(letter for letter in composed if unicodedata.category(letter) not in INVISIBLE)
    parts = [part.strip() for part in shown.split("/")]
    if len(parts) > 1 and DRIVE.fullmatch(parts[0]):
        del parts[0]
    label = "/".join(part for part in parts if part not in ("", ".", "..")) or NAMELESS
    return label if len(label) <= LONGEST_LABEL else f"…{label[1 - LONGEST_LABEL :]}"


def _decodes(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
