"""Labels out of files of other programs: nnU-Net and TotalSegmentator ``dataset.json``, 3D Slicer colour tables
(``.ctbl``), ITK-SNAP label descriptions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

from spineml.message import message
from spineml.tasks.level_names import level_of
from spineml.tasks.shipped import NEIGHBOURS, VERTEBRA_CODES
from spineml.tasks.task import MAX_NAME, MAX_SHORT, MAX_VALUE, Code, Label, TaskRejected, clean

# Value, name, and colour where it is stated.
Entry = tuple[int, str, str | None]
MAX_CHARACTERS: Final = 1024**2
_WHOLE: Final = re.compile(r"[0-9]{1,9}")
_PART: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,9})?")
_BACKGROUND: Final = frozenset({"background", "clear label", "none", "(none)", "invalid"})


def labels_of_file(text: str) -> tuple[Label, ...]:
    """The labels of a task as ``text`` lists them, in its order; the background is left out.

    Raises:
        TaskRejected: the text is none of the known lists, or a label in it cannot be used.
    """
    if len(text) > MAX_CHARACTERS:
        raise TaskRejected(message("The list of labels is too long. It may have a million characters."))
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        return _labels(_from_json(text.lstrip("\ufeff")))
    lines = [line for line in text.lstrip("\ufeff").splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for read in (_itk_snap_line, _slicer_line):
        found = [read(line) for line in lines]
        if lines and None not in found:
            return _labels(one for one in found if one)
    wrong = next((line for line in lines if _slicer_line(line) is None), "")
    raise TaskRejected(
        message(
            "This is not a list of labels: line “{line}” cannot be read. Send a dataset.json of nnU-Net or "
            "TotalSegmentator, a colour table (.ctbl) of 3D Slicer, or the label descriptions of ITK-SNAP.",
            line=clean(wrong)[:80],
        )
    )


def short_of(name: str) -> str:
    """A short name for the picture: the level of a vertebra, else the first letters of the words."""
    level = level_of(name)
    if level in VERTEBRA_CODES or level in {"T13", "L6"}:
        return level
    plain = clean(name)
    if len(plain) <= MAX_SHORT:
        return plain
    initials = "".join(word[0].upper() for word in re.findall(r"[^\W_]+", plain))
    return initials[:MAX_SHORT] if len(initials) > 1 else plain[:MAX_SHORT].strip()


def _slicer_line(line: str) -> Entry | None:
    """``1 right_lung 197 165 145 255``; the name may hold spaces, opacity may be missing."""
    value, *rest = line.split()
    for colours in (4, 3):
        name, parts = rest[:-colours], rest[-colours:]
        if name and _WHOLE.fullmatch(value) and len(parts) == colours and all(map(_PART.fullmatch, parts)):
            return int(value), " ".join(name).replace("_", " "), _hex(*parts[:3])
    return None


def _itk_snap_line(line: str) -> Entry | None:
    """``1 255 0 0 1 1 1 "L1"``: value, red, green, blue, opacity, shown, in the mesh, name."""
    parts = line.split(maxsplit=7)
    if len(parts) != 8 or not all(map(_PART.fullmatch, parts[1:7])) or not _WHOLE.fullmatch(parts[0]):
        return None
    name = parts[7].strip()
    quoted = len(name) >= 2 and name[0] == name[-1] == '"'
    return (int(parts[0]), name[1:-1], _hex(*parts[1:4])) if quoted else None


def _from_json(text: str) -> list[Entry]:
    """nnU-Net 1 maps values to names, nnU-Net 2 names to values."""
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TaskRejected(message("The dataset.json is not valid JSON.")) from error
    found = stored.get("labels") if isinstance(stored, dict) else None
    if not isinstance(found, dict) or not found:
        raise TaskRejected(message("The dataset.json has no “labels” entry."))
    return [_entry(key, value) for key, value in found.items()]


def _entry(key: str, value: Any) -> Entry:
    if isinstance(value, list):
        raise TaskRejected(
            message(
                "“{name}” has several values (an nnU-Net region). Give every label a single value.",
                name=clean(key)[:MAX_NAME],
            )
        )
    number, name = (key, value) if isinstance(value, str) and not _is_value(value) else (value, key)
    if isinstance(number, bool) or not _is_value(number):
        raise TaskRejected(
            message(
                "“{name}” has the value {value}. Values are whole numbers.", name=str(name)[:80], value=str(number)[:80]
            )
        )
    return int(number), str(name), None


def _is_value(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value) is not None)


def _labels(found: Iterable[Entry]) -> tuple[Label, ...]:
    return tuple(
        _label(value, name, colour)
        for value, name, colour in found
        if value != 0 and clean(name).casefold() not in _BACKGROUND
    )


def _label(value: int, name: str, colour: str | None) -> Label:
    if value > MAX_VALUE:
        raise TaskRejected(
            message(
                "“{name}” has the value {value}; a task has values up to 255. Renumber its labels.",
                name=clean(name)[:MAX_NAME],
                value=value,
            )
        )
    called = clean(name)
    code = VERTEBRA_CODES.get(level_of(called))
    meaning = Code(code, "SCT", f"{level_of(called)} vertebra") if code else None
    chosen = colour or NEIGHBOURS[(value - 1) % len(NEIGHBOURS)]
    return Label(value, called, short_of(called) or str(value), chosen, type=meaning)


def _hex(*parts: str) -> str:
    """``#rrggbb`` of three numbers 0 to 255, or 0 to 1 when they are fractions."""
    numbers = [float(part) * (255 if "." in part and float(part) <= 1 else 1) for part in parts]
    return "#" + "".join(f"{min(round(number), 255):02x}" for number in numbers)
