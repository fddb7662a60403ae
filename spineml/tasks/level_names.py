"""The many ways in which files name vertebrae and other structures, brought to one key that can be compared."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

REGIONS: Final = {"c": 7, "t": 13, "l": 6}
SPELLED_REGIONS: Final = {
    "cervical": "c",
    "thoracic": "t",
    "dorsal": "t",
    "lumbar": "l",
    "경추": "c",
    "흉추": "t",
    "요추": "l",
}
ORDINALS: Final = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth".split()  # noqa: SIM905
)
WHOLE: Final = {
    "atlas": "C1",
    "axis": "C2",
    "sacrum": "sacrum",
    "sacral bone": "sacrum",
    "천추": "sacrum",
    "천골": "sacrum",
    "엉치뼈": "sacrum",
    "coccyx": "coccyx",
    "미추": "coccyx",
    "미골": "coccyx",
    "꼬리뼈": "coccyx",
}
# Words that add nothing to the name of a structure.
FILLERS: Final = frozenset(
    "vertebra vertebrae vertebral vert vb bone of the segment structure label ct mask 번 척추 뼈".split()  # noqa: SIM905
)
# With one of these words, a name means a part of a vertebra or something beside it.
PARTS: Final = frozenset(
    "disc disk body corpus arch process lamina pedicle canal endplate posterior anterior rib nerve level".split()  # noqa: SIM905
)
# Th12 in German, D12 (dorsal) in Romance languages.
_LEVEL = re.compile(r"(c|th?|d|l) ?0?(\d{1,2})")
_NUMBER = re.compile(r"제? ?0?(\d{1,2}) ?(?:번|st|nd|rd|th)?")


def level_of(name: str) -> str:
    """The level that ``name`` means (``T12``, ``sacrum``), empty when it means none or only a part of a vertebra."""
    text = words(name)
    if text in WHOLE:
        return WHOLE[text]
    parts = set(text.split())
    if parts & PARTS:
        return ""
    kept = " ".join(word for word in text.split() if word not in FILLERS)
    if kept in WHOLE:
        return WHOLE[kept]
    found = _LEVEL.fullmatch(kept)
    return (
        _level({"th": "t", "d": "t"}.get(found.group(1), found.group(1)), int(found.group(2)))
        if found
        else _spelled(kept)
    )


def key_of(name: str) -> str:
    """A key under which names of one structure are the same: ``kidney_left`` and ``Left kidney``."""
    level = level_of(name)
    return level or " ".join(sorted({_singular(word) for word in words(name).split()} - FILLERS)) or words(name)


def words(name: str) -> str:
    """Small letters and digits, other characters as single spaces; camel case is taken apart."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFKC", name))
    return " ".join(re.findall(r"[^\W_]+", apart.casefold()))


def _spelled(text: str) -> str:
    """``lumbar 1``, ``first lumbar``, ``제1요추``."""
    for spelled, region in SPELLED_REGIONS.items():
        if spelled in text:
            rest = text.replace(spelled, " ", 1).strip()
            if rest in ORDINALS:
                return _level(region, ORDINALS.index(rest) + 1)
            found = _NUMBER.fullmatch(rest)
            return _level(region, int(found.group(1))) if found else ""
    return ""


def _level(region: str, number: int) -> str:
    return f"{region.upper()}{number}" if 1 <= number <= REGIONS[region] else ""


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word
