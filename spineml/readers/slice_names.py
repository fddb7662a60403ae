"""Which slice a picture belongs to, by the names of the files that the series was made of.

Most scanners number from the head, this platform from the feet. Pictures that are named like the DICOM files say by
their names where they belong, so a series keeps of these names what tells its slices apart. What all have in common is
where a name of a person would stand: of that only a checksum of 16 bits is kept, and of anything but short numbers a
checksum too.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from spineml.readers.series import natural_order

LONGEST_NUMBER = 6
MASK_WORDS = re.compile(r"(?:masks?|labels?|segmentation|seg|prediction|pred|gt)[-_. ]*")
DIGITS = re.compile(r"[0-9]+")
EXPORTED = "slice_"  # as `spineml.masks.export.write_png_zip` numbers, from the feet


@dataclass(frozen=True)
class Names:
    """Names of files, taken apart: what all begin with, and what tells each apart."""

    common: str
    parts: tuple[str, ...]

    @classmethod
    def of(cls, names: Sequence[str]) -> Names:
        stems = [_stem(name) for name in names]
        begin = _common(stems)
        rest = [stem[len(begin) :] for stem in stems]
        end = len(_common([part[::-1] for part in rest]))
        common = begin.rstrip("0123456789")
        numbers = [begin[len(common) :] + part[: len(part) - end] for part in rest]
        if all(DIGITS.fullmatch(number) for number in numbers):
            return cls(common, tuple(number.lstrip("0") or "0" for number in numbers))
        return cls(begin, tuple(part[: len(part) - end] for part in rest))

    @property
    def told_apart(self) -> bool:
        return len(set(self.parts)) == len(self.parts)


@dataclass(frozen=True)
class SourceNames:
    """What a series keeps of its files' names: ``parts[z]`` (empty where a slice has no file), and a checksum."""

    parts: tuple[str, ...] = ()
    check: int = 0

    @classmethod
    def of(cls, names: Sequence[str]) -> SourceNames:
        """Of the names by slice, z from the feet; empty names for slices without a file."""
        there = [name for name in names if name]
        found = Names.of(there) if len(there) > 1 else None
        if found is None or not found.told_apart:
            return cls()
        parts = found.parts
        if not all(DIGITS.fullmatch(part) and len(part) <= LONGEST_NUMBER for part in parts):
            ranks = {part: rank for rank, part in enumerate(sorted(parts, key=natural_order))}
            parts = tuple(f"{ranks[part]}~{_checksum(part)}" for part in parts)
        kept = iter(parts)
        return cls(tuple(next(kept) if name else "" for name in names), int(_checksum(found.common)[:4], 16))

    @classmethod
    def of_meta(cls, meta: Mapping[str, Any]) -> SourceNames:
        """What a series has stored of its `SeriesMeta`; nothing for one that was imported before names were kept."""
        return cls(tuple(meta.get("slice_names") or ()), int(meta.get("slice_names_check") or 0))

    @property
    def from_the_head(self) -> bool:
        """Whether the files are numbered against the slices."""
        keys = [natural_order(part) for part in self.parts if part]
        return len(keys) > 1 and all(one > other for one, other in itertools.pairwise(keys))

    def slices_of(self, names: Sequence[str]) -> list[int] | None:
        """The slice z of each of these names, if they are those of the files; words for "mask" may stand around."""
        if not names or not self.parts:
            return None
        found = Names.of(names)
        place = {part.partition("~")[2] or part: z for z, part in enumerate(self.parts) if part}
        parts = [_checksum(part) for part in found.parts] if any("~" in part for part in self.parts) else found.parts
        if not found.told_apart or set(parts) != set(place) or not self._begins_like(found.common):
            return None
        return [place[part] for part in parts]

    def _begins_like(self, common: str) -> bool:
        word = MASK_WORDS.match(common)
        beginnings = [common, common[word.end() :]] if word else [common]
        return any(int(_checksum(beginning)[:4], 16) == self.check for beginning in beginnings)


def numbered_by_the_export(names: Sequence[str]) -> bool:
    """Whether the names are those of this platform's own export."""
    return all(_stem(name).startswith(EXPORTED) for name in names)


def _common(texts: Sequence[str]) -> str:
    """What all texts begin with."""
    first, last = min(texts), max(texts)
    alike = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(letter for letter, _ in alike)


def _stem(name: str) -> str:
    last = PurePosixPath(unicodedata.normalize("NFC", name).replace("\\", "/").casefold()).name
    return re.sub(r"(?:\.(?:dcm|dicom|ima|png|nii|gz))+$", "", last)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
