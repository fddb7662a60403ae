"""Which files of an upload are of one patient: UIDs say it often enough wrongly that nobody may rely on them alone.

Two numbers that differ are two patients. One number, or none, under names that have nothing in common is two patients
as well. Spaces, leading zeros, capitals, and a number or name that some files lack make no difference.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from spineml.readers.dicom.fields import PatientWords
from spineml.readers.dicom.header import Header

MOST_COMPARED = 40
SIMILAR_NAME = 0.75
SAME_NAME = 0.9
APART = " | "


@dataclass(frozen=True)
class Patient:
    """``number`` is what the pseudonym is made of; ``study_key`` keeps studies without any number apart."""

    number: str
    study_key: str
    of_several: int = 1


def patients_of(headers: Sequence[Header]) -> list[Patient]:
    """The patient of each file, in order. Files are compared where they share a study or a series."""
    found: list[Patient | None] = [None] * len(headers)
    for members in _linked(headers):
        for numbers, patient in _clusters([headers[i] for i in members]):
            for number in numbers:
                found[members[number]] = patient
    return [patient for patient in found if patient is not None]


def _linked(headers: Sequence[Header]) -> list[list[int]]:
    """Numbers of the files that hang together by study or series."""
    leader = list(range(len(headers)))

    def find(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    first: dict[tuple[str, str], int] = {}
    for i, header in enumerate(headers):
        for key in (("study", header.meta.study_uid), ("series", header.meta.series_uid)):
            if key[1]:
                leader[find(i)] = find(first.setdefault(key, i))
    parts: dict[int, list[int]] = defaultdict(list)
    for i in range(len(headers)):
        parts[find(i)].append(i)
    return list(parts.values())


def _clusters(headers: Sequence[Header]) -> list[tuple[list[int], Patient]]:
    by_words: dict[PatientWords, list[int]] = defaultdict(list)
    for i, header in enumerate(headers):
        by_words[header.patient].append(i)
    groups = _groups(list(by_words))
    shared = Counter(_code(_number(group)) for group in groups)
    found = []
    for group in groups:
        members = [i for words in group for i in by_words[words]]
        number, name = _number(group), next((words.name for words in group if words.name), "")
        who = _compact(name)
        if len(groups) > 1:
            who += next((words.born for words in group if words.born), "")
        if number and shared[_code(number)] > 1:
            number = f"{number}{APART}{who}"
        found.append((members, Patient(number, "" if number else who, len(groups))))
    return found


def _number(group: Sequence[PatientWords]) -> str:
    """The spelling that stands for all: the longest one."""
    return max((words.number for words in group), key=lambda number: (len(number), number), default="")


def _groups(several: list[PatientWords]) -> list[list[PatientWords]]:
    """Put together what is one patient; who is named by nothing at all is the only other one, if there is just one."""
    named = [words for words in several if words.number or words.name]
    groups: list[list[PatientWords]] = []
    for words in sorted(named, key=lambda words: (not words.number, words.number, words.name)):
        fitting = [group for group in groups if _fits(words, group)] if len(groups) <= MOST_COMPARED else []
        if len(fitting) == 1 or (fitting and words.number):
            fitting[0].append(words)
        else:
            groups.append([words])
    nameless = [words for words in several if not (words.number or words.name)]
    if nameless and len(groups) == 1:
        groups[0] += nameless
    elif nameless:
        groups.append(nameless)
    return groups


def _fits(words: PatientWords, group: Sequence[PatientWords]) -> bool:
    return all(same_patient(words, other) for other in group)


def same_patient(one: PatientWords, other: PatientWords) -> bool:
    """Whether two headers may speak of one person."""
    numbers = _code(one.number), _code(other.number)
    likeness = _likeness(one.name, other.name)
    born_apart = bool(one.born and other.born and one.born != other.born)
    if all(numbers):
        if numbers[0] != numbers[1]:
            return False
        return likeness is None or likeness >= (SAME_NAME if born_apart else SIMILAR_NAME)
    if born_apart:
        return False
    return (likeness is None and not (one.name and other.name)) or (likeness or 0.0) >= SAME_NAME


def _code(number: str) -> str:
    return _compact(number.partition(APART)[0]).lstrip("0")


def _compact(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKC", text).casefold() if letter.isalnum())


def _likeness(one: str, other: str) -> float | None:
    """How alike two person names are, 0 to 1, in the script in which they are most alike; None: no common script."""
    best: float | None = None
    for first in _spellings(one):
        for second in _spellings(other):
            if first[0].isascii() != second[0].isascii():
                continue
            best = max(best or 0.0, _alike(first, second))
    return best


def _spellings(name: str) -> list[str]:
    return [text for group in name[:200].split("=") if (text := _compact(group))]


def _alike(one: str, other: str) -> float:
    if sorted(one) == sorted(other) or one in other or other in one:
        return 1.0  # other order, or initials left out
    return SequenceMatcher(None, one, other, autojunk=False).ratio()
