"""The table along with pairs: which patient an image is of, and the split of that patient."""

from __future__ import annotations

import codecs
import csv
import io
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from spineml.message import message
from spineml.readers.series import FileNotUsed, ReceivedFile

SPLITS = {"train": "train", "training": "train", "validation": "validation", "val": "validation", "test": "test"}
MAX_TABLE_BYTES = 4 * 1024**2
DELIMITERS = ";\t,"
WIDE_BEGINNINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Placed:
    """What a table says of an image: the ``patient`` it calls so, and the split, empty where it says none."""

    patient: str
    split: str = ""


def is_table(name: str) -> bool:
    """Whether the file is a table by its name."""
    return PurePosixPath(name.casefold()).suffix == ".csv"


def stem_of(name: str) -> str:
    """The file's name without folders and ending, ``.nii.gz`` included, in lower case and composed."""
    last = PurePosixPath(unicodedata.normalize("NFC", name).replace("\\", "/").casefold()).name
    return PurePosixPath(last.removesuffix(".gz")).stem


def table_of(tables: Sequence[ReceivedFile]) -> dict[str, Placed]:
    """The one table, read.

    Raises:
        FileNotUsed: there is none, or several, or it is wrong.
    """
    if len(tables) != 1:
        raise FileNotUsed(
            "no-table", message("Send exactly one CSV with the columns name and patient along with the images.")
        )
    return read_table(tables[0].path)


def read_table(path: Path) -> dict[str, Placed]:
    """By stem of the image's name what the CSV says; columns ``name``, ``patient`` and, if it likes, ``split``.

    Raises:
        FileNotUsed: it is no such table; the reason names the line.
    """
    if path.stat().st_size > MAX_TABLE_BYTES:
        raise FileNotUsed(
            "bad-table", message("The CSV is larger than 4 MB. Keep only the columns name, patient and split.")
        )
    text = _decoded(path.read_bytes())
    first = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        named = rows.fieldnames or ()
    except csv.Error:
        named = ()
    columns = {(name or "").strip().casefold(): name for name in named}
    if not {"name", "patient"} <= set(columns):
        raise FileNotUsed("bad-table", message("The first line of the CSV must have the columns name and patient."))
    found: dict[str, Placed] = {}
    splits: dict[str, str] = {}
    try:
        for row in rows:
            values = {name: (row.get(column) or "").strip() for name, column in columns.items()}
            _take(values, rows.line_num, found, splits)
    except csv.Error:
        raise FileNotUsed("bad-table", message("Line {line} of the CSV cannot be read.", line=rows.line_num)) from None
    return found


def _take(values: Mapping[str, str], line: int, found: dict[str, Placed], splits: dict[str, str]) -> None:
    stem, patient, word = stem_of(values["name"]), values["patient"], values.get("split", "").casefold()
    if not (stem or patient):
        return
    if not stem or not patient:
        raise FileNotUsed("bad-table", message("Line {line} of the CSV lacks the name or the patient.", line=line))
    if word and word not in SPLITS:
        raise FileNotUsed(
            "bad-table", message("Line {line} of the CSV: the split must be train, validation or test.", line=line)
        )
    split = SPLITS.get(word, "")
    if splits.setdefault(patient, split) != split:
        reason = message(
            "Line {line} of the CSV gives a patient a second split. All images of a patient have one split.",
            line=line,
        )
        raise FileNotUsed("bad-table", reason)
    if found.setdefault(stem, Placed(patient, split)) != Placed(patient, split):
        raise FileNotUsed(
            "bad-table", message("Line {line} of the CSV lists an image again with another patient.", line=line)
        )


def _decoded(raw: bytes) -> str:
    """UTF-8 and UTF-16 as programs mark them, else CP949: so Excel writes on Korean Windows.

    Raises:
        FileNotUsed: it is none of these.
    """
    encodings = ("utf-16",) if raw.startswith(WIDE_BEGINNINGS) else ("utf-8-sig", "cp949")
    for encoding in encodings:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise FileNotUsed("bad-table", message("The CSV is not UTF-8 text. Save it as CSV (UTF-8)."))
