"""What names a patient, and how it is taken out of texts, paths and names of files.

An `Identity` holds the parts of the names and numbers of the patients of one upload. It is needed while the upload is
read, and never stored.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from spineml.message import Message
from spineml.readers.identity_words import HONORIFICS, KOREAN_PLAIN, KOREAN_SURNAMES, PLAIN

GONE = "…"
SHORTEST_NUMBER = 4
PACS_NUMBER = 5
LONG_NUMBER = 6
LONG_LATIN = 3
JOINED = 5
LONGEST_TEXT = 1000
# Beyond so many an upload holds hundreds of patients: then only whole words are compared.
MOST_PARTS = 1000
_WORD = re.compile(r"[^\W_]+")
_DIGITS = re.compile(r"\d+")
_HANGUL = re.compile(r"[가-힣]{2,4}")
_UMLAUTS = re.compile("([AOUaou])\u0308")
_WRITTEN_OUT = re.compile("([aou])e")
_STROKES = str.maketrans("ĐđØøŁłı", "DdOoLli")
KATAKANA_TO_HIRAGANA = 0x60
FIRST_BEYOND_CYRILLIC = "\u0530"


@dataclass(frozen=True)
class Identity:
    """``anywhere``: parts found inside a word too. ``words``: short ones, found only as a word. ``numbers``: digits."""

    anywhere: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, names: Iterable[str] = (), numbers: Iterable[str] = (), dates: Iterable[str] = ()) -> Identity:
        """Of person names as DICOM writes them, patient numbers, and dates of birth (YYYYMMDD)."""
        parts = {part for name in names for part in _name_parts(name)}
        codes = {_compact(number) for number in numbers}
        digits = {code.lstrip("0") for code in codes if code.isdecimal()}
        born = {_compact(date) for date in dates}
        digits |= {form for date in born if len(date) == 8 and date.isdecimal() for form in _date_forms(date)}
        parts |= {code for code in codes if not code.isdecimal()}
        parts = {part for part in parts if part and part not in PLAIN}
        return cls(
            frozenset(part for part in parts if _is_telling(part)),
            frozenset(part for part in parts if not _is_telling(part) and (len(part) > 1 or not part.isascii())),
            frozenset(digit for digit in digits if len(digit) >= SHORTEST_NUMBER),
        )

    @classmethod
    def union(cls, several: Iterable[Identity]) -> Identity:
        known = set(several)
        return cls(
            frozenset().union(*(one.anywhere for one in known)),
            frozenset().union(*(one.words for one in known)),
            frozenset().union(*(one.numbers for one in known)),
        )

    def as_plain(self) -> dict[str, list[str]]:
        """Plain values, for the process that waits for a reader."""
        return {"anywhere": sorted(self.anywhere), "words": sorted(self.words), "numbers": sorted(self.numbers)}

    @classmethod
    def from_plain(cls, values: Mapping[str, Iterable[str]]) -> Identity:
        return cls(*(frozenset(values[name]) for name in ("anywhere", "words", "numbers")))

    def __bool__(self) -> bool:
        return bool(self.anywhere or self.words or self.numbers)

    def is_in(self, text: str) -> bool:
        """Whether a part of the identity stands in ``text``, in whatever spelling and order."""
        text = _plain(text[:LONGEST_TEXT])
        return self._joined(text) or any(self._in_word(word) != word for word in _WORD.findall(text))

    def cleaned(self, text: str) -> str:
        """``text``, or nothing where it names the patient."""
        return "" if self.is_in(text) else text

    def without(self, text: str) -> str:
        """``text`` with what names the patient replaced by an ellipsis."""
        text = _plain(text[:LONGEST_TEXT])
        if self._joined(_WORD.sub(lambda word: self._in_word(word[0]), text)):
            return GONE
        text = _WORD.sub(lambda word: self._in_word(word[0]), text)
        return GONE if GONE in text and not _WORD.search(text) else text

    def _joined(self, text: str) -> bool:
        """A long part that is spread over several words, such as ``Gil-Dong`` for ``gildong``."""
        if len(self.anywhere) > MOST_PARTS:
            return False
        whole = _compact(text)
        if any(number in whole for number in self.numbers if len(number) >= LONG_NUMBER):
            return True  # written in groups, such as 9876-5432
        return any(part in whole for part in self.anywhere if len(part) >= JOINED or (_is_wide(part) and len(part) > 2))

    def _in_word(self, word: str) -> str:
        folded = _bare(word)
        if folded.rstrip("0123456789") in PLAIN and not _DIGITS.search(folded):
            return word
        if folded in self.words or any(folded.removesuffix(title) in self.words for title in HONORIFICS):
            return GONE
        if len(folded) == len(word) and len(self.anywhere) <= MOST_PARTS:
            for part in sorted(self.anywhere, key=len, reverse=True):
                while (place := folded.find(part)) >= 0:
                    word = word[:place] + GONE + word[place + len(part) :]
                    folded = folded[:place] + GONE + folded[place + len(part) :]
        elif folded in self.anywhere:
            return GONE
        return _DIGITS.sub(lambda digits: GONE if digits[0].lstrip("0") in self.numbers else digits[0], word)


def _name_parts(name: str) -> set[str]:
    """Family, given and middle names of each group (alphabetic, ideographic, phonetic), alone and put together."""
    found: set[str] = set()
    for group in _plain(name[:LONGEST_TEXT]).replace("\\", "=").split("="):
        components = [_compact(component) for component in group.split("^")]
        words = [_compact(word) for word in _WORD.findall(group)]
        found.update(
            _compact(_UMLAUTS.sub(r"\1e", unicodedata.normalize("NFD", word))) for word in _WORD.findall(group)
        )
        found.update(_WRITTEN_OUT.sub(r"\1", word) for word in words)
        found.update(components, words)
        if len(components) > 1 and not PLAIN.issuperset(components[:2]):
            found |= {components[0] + components[1], components[1] + components[0]}
        if len(components) == 1 and len(words) == 1 and _HANGUL.fullmatch(group.strip()):
            found |= {words[0][0], words[0][1:]}  # a family name of one syllable, written together with the given name
    return found


def _is_telling(part: str) -> bool:
    """Long enough to be found inside a word: three letters, or two signs of a script whose signs are syllables."""
    return len(part) >= (2 if _is_wide(part) else LONG_LATIN)


def _is_wide(part: str) -> bool:
    return bool(part) and all(unicodedata.east_asian_width(letter) in "WF" for letter in part)


def _plain(text: str) -> str:
    """Composed, so that names of files made on a Mac compare with those in headers."""
    return unicodedata.normalize("NFC", text)


def _compact(text: str) -> str:
    return "".join(letter for letter in _bare(unicodedata.normalize("NFKC", text)) if letter.isalnum())


def _bare(text: str) -> str:
    """Without case and accents, katakana as hiragana: folders seldom spell a name as its header does."""
    return "".join(map(_bare_letter, text)).casefold()


def _bare_letter(letter: str) -> str:
    if "ァ" <= letter <= "ヶ":
        return chr(ord(letter) - KATAKANA_TO_HIRAGANA)
    first = unicodedata.normalize("NFD", letter)[0]
    return first.translate(_STROKES) if first < FIRST_BEYOND_CYRILLIC else letter


def _date_forms(date: str) -> tuple[str, ...]:
    """YYYYMMDD as it is written elsewhere: without the century, day first, month first."""
    year, month, day = date[:4], date[4:6], date[6:]
    return date, date[2:], day + month + year, month + day + year


# --- paths ------------------------------------------------------------------------------------------------------------
def shown_names(names: Iterable[str], identity: Identity) -> dict[str, str]:
    """The name under which each file is shown and kept: without what identifies, still told apart."""
    shown: dict[str, str] = {}
    used: set[str] = set()
    for name in names:
        if name in shown:
            continue
        plain = shown_name(name, identity)
        unique, number = plain, 1
        while unique in used:
            number += 1
            unique = f"{plain} ({number})"
        used.add(unique)
        shown[name] = unique
    return shown


def shown_name(name: str, identity: Identity) -> str:
    """A path without the patients of ``identity``, and without parts that look like a patient's in an archive."""
    parts = name.replace("\\", "/").split("/")
    return "/".join(_shown_part(part, identity) for part in parts)


def _shown_part(part: str, identity: Identity) -> str:
    stem, ending = _split(part)
    plain = identity.without(stem)
    if plain == _plain(stem) and _looks_like_a_patient(stem):
        plain = GONE
    return stem + ending if plain == _plain(stem) else plain + ending


def _split(part: str) -> tuple[str, str]:
    """Stem and ending; a point within a folder's name is no ending."""
    endings = "".join(PurePosixPath(part).suffixes[-2:])
    ending = endings if endings.lower() in (".nii.gz", ".tar.gz") else PurePosixPath(part).suffix
    return (part.removesuffix(ending), ending) if 0 < len(ending) <= 9 and ending[1:].isascii() else (part, "")


def _looks_like_a_patient(stem: str) -> bool:
    """A number with a name, as archives call their folders, or a name as DICOM writes it, or a Korean name."""
    words = [word.casefold() for word in _WORD.findall(_plain(stem))]
    names = [word for word in words if not any(map(str.isdecimal, word)) and word not in PLAIN and len(word) > 1]
    if any(_is_korean_name(word) for word in names):
        return True
    if "^" in stem and names:
        return True
    numbers = [word for word in words if word.isdecimal() and len(word) >= PACS_NUMBER]
    return bool(numbers) and any(_may_be_name(word) for word in names)


def _may_be_name(word: str) -> bool:
    return not any(plain in word for plain in KOREAN_PLAIN)


def _is_korean_name(word: str) -> bool:
    """Three syllables that begin with a family name and are none of the usual words."""
    return len(word) == 3 and bool(_HANGUL.fullmatch(word)) and word[0] in KOREAN_SURNAMES and _may_be_name(word)


def holds_korean_name(text: str) -> bool:
    """Whether a word of ``text`` looks like a Korean name."""
    return any(map(_is_korean_name, _WORD.findall(_plain(text[:LONGEST_TEXT]))))


def without_korean_names(text: str) -> str:
    """A description without words that look like a Korean name: headers often state the name in Latin letters only."""
    return " ".join(word for word in text.split() if not holds_korean_name(word))


def renamed(told: Message, shown: Mapping[str, str], identity: Identity) -> Message:
    """A message with the names of files in its gaps replaced; whatever else names a patient goes from them too."""
    values = {gap: _renamed_value(value, shown, identity) for gap, value in told.values.items()}
    return Message(told.text, values)


def _renamed_value(value: object, shown: Mapping[str, str], identity: Identity) -> object:
    if isinstance(value, Message):
        return renamed(value, shown, identity)
    if isinstance(value, list | tuple):
        return [_renamed_value(one, shown, identity) for one in value]
    if not isinstance(value, str):
        return value
    return shown.get(value) or (shown_name(value, identity) if identity.is_in(value) else value)
