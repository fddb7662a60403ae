"""A folder of images with their masks: which mask belongs to which image, and which images are of one patient.

An image and its mask have one name. The mask lies in a folder of masks (``images/007.png``, ``masks/007.png``) or its
name says so (``007.png``, ``007_mask.png``). Names are compared without endings and without case.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from spineml.message import message
from spineml.series import FileNotUsed, FileVerdict, ReceivedFile

PatientRule = Literal["each", "prefix", "table"]
MASK_FOLDERS = {"mask", "masks", "label", "labels", "annotation", "annotations", "segmentation", "segmentations", "gt"}
IMAGE_FOLDERS = {"image", "images", "ct", "img", "imgs", "slices"}
MASK_NAME = re.compile(r"[-_. ](mask|label|seg|segmentation|gt)$")
IMAGE_NAME = re.compile(r"[-_. ](image|img|ct)$")
SPLITS = {"train": "train", "training": "train", "validation": "validation", "val": "validation", "test": "test"}
MAX_TABLE_BYTES = 4 * 1024**2
Key = tuple[str, str]  # folder and stem


@dataclass(frozen=True)
class Placed:
    """What a table says of an image: the ``patient`` it calls so, and the split, empty where it says none."""

    patient: str
    split: str = ""


@dataclass(frozen=True)
class Pair:
    """One image with its mask. ``patient`` is what the rule makes of the name; empty: a patient of its own."""

    image: ReceivedFile
    mask: ReceivedFile
    patient: str = ""
    split: str = ""


@dataclass
class Matched:
    """The pairs, and a verdict for each file that is in none."""

    pairs: list[Pair] = field(default_factory=list)
    verdicts: list[FileVerdict] = field(default_factory=list)


def match_pairs(files: Sequence[ReceivedFile], rule: PatientRule = "each", separator: str = "_") -> Matched:
    """Find the pairs in ``files``, in the order of the images.

    Args:
        rule: "each": every image is a patient of its own. "prefix": the name up to the first ``separator`` is the
            patient. "table": a CSV among the files with the columns name and patient, and split if it likes.

    Raises:
        FileNotUsed: the table is missing or wrong; its reason says where.
    """
    found = Matched()
    tables = [file for file in files if PurePosixPath(file.name.lower()).suffix == ".csv"]
    table = _table_of(tables) if rule == "table" else {}
    members: dict[Key, dict[str, list[ReceivedFile]]] = defaultdict(lambda: {"image": [], "mask": []})
    for file in files:
        if file not in tables:
            kind, key = _place(file.name)
            members[key][kind].append(file)
    for key, both in members.items():
        _judge(found, key[1], both["image"], both["mask"], _Patients(rule, separator, table))
    found.verdicts += [FileVerdict(file.name, "skipped", "table", "") for file in tables]
    return found


@dataclass(frozen=True)
class _Patients:
    rule: PatientRule
    separator: str
    table: Mapping[str, Placed]

    def of(self, stem: str) -> Placed | None:
        """None: the table does not name the image."""
        if self.rule == "table":
            return self.table.get(stem)
        if self.rule == "prefix":
            return Placed(stem.split(self.separator, maxsplit=1)[0] or stem)
        return Placed("")


def _judge(
    found: Matched, stem: str, images: list[ReceivedFile], masks: list[ReceivedFile], patients: _Patients
) -> None:
    if not masks:
        reason = message("No mask was sent for it. Name it masks/{stem}.png or {stem}_mask.png.", stem=stem)
        found.verdicts += [FileVerdict(file.name, "rejected", "no-mask", reason) for file in images]
    elif not images:
        reason = message("No image was sent for this mask. Name it images/{stem}.png or {stem}.png.", stem=stem)
        found.verdicts += [FileVerdict(file.name, "rejected", "no-image", reason) for file in masks]
    elif len(images) > 1 or len(masks) > 1:
        reason = message("Several images or masks have this name. Send one of each.")
        found.verdicts += [FileVerdict(file.name, "rejected", "ambiguous", reason) for file in (*images, *masks)]
    elif (placed := patients.of(stem)) is None:
        reason = message("The table does not name this image. Add a line with its name and patient.")
        found.verdicts += [FileVerdict(file.name, "rejected", "no-patient", reason) for file in (*images, *masks)]
    else:
        found.pairs.append(Pair(images[0], masks[0], placed.patient, placed.split))


def _place(name: str) -> tuple[Literal["image", "mask"], Key]:
    """Whether the file is an image or a mask, and under what key its other half is found."""
    *parents, last = PurePosixPath(name.replace("\\", "/").casefold()).parts or ("",)
    folders = [folder.removesuffix(".zip") for folder in parents]
    stem = stem_of(last)
    is_mask = any(folder in MASK_FOLDERS for folder in folders) or bool(MASK_NAME.search(stem))
    stem = MASK_NAME.sub("", stem) if is_mask else IMAGE_NAME.sub("", stem)
    kept = [folder for folder in folders if folder not in MASK_FOLDERS | IMAGE_FOLDERS]
    return "mask" if is_mask else "image", ("/".join(kept), stem)


def stem_of(name: str) -> str:
    """The file's name without folders and ending, ``.nii.gz`` included, in lower case."""
    last = PurePosixPath(name.replace("\\", "/").casefold()).name
    return PurePosixPath(last.removesuffix(".gz")).stem


# --- the table --------------------------------------------------------------------------------------------------------
def _table_of(tables: Sequence[ReceivedFile]) -> dict[str, Placed]:
    if len(tables) != 1:
        raise FileNotUsed(
            "no-table", message("Send exactly one CSV with the columns name and patient along with the pictures.")
        )
    return read_table(tables[0].path)


def read_table(path: Path) -> dict[str, Placed]:
    """By stem of the image's name what the CSV says; columns ``name``, ``patient`` and, if it likes, ``split``.

    Raises:
        FileNotUsed: it is no such table; the reason names the line.
    """
    if path.stat().st_size > MAX_TABLE_BYTES:
        raise FileNotUsed(
            "bad-table", message("The table is larger than 4 MB. Keep the columns name, patient and split only.")
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise FileNotUsed("bad-table", message("The table is not text in UTF-8. Save it as CSV (UTF-8).")) from None
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    rows = csv.DictReader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
    columns = {(name or "").strip().casefold(): name for name in rows.fieldnames or ()}
    if not {"name", "patient"} <= set(columns):
        raise FileNotUsed("bad-table", message("The first line of the table must name the columns name and patient."))
    found: dict[str, Placed] = {}
    splits: dict[str, str] = {}
    try:
        for row in rows:
            values = {name: (row.get(column) or "").strip() for name, column in columns.items()}
            _take(values, rows.line_num, found, splits)
    except csv.Error:
        raise FileNotUsed(
            "bad-table", message("Line {line} of the table cannot be read.", line=rows.line_num)
        ) from None
    return found


def _take(values: Mapping[str, str], line: int, found: dict[str, Placed], splits: dict[str, str]) -> None:
    stem, patient, word = stem_of(values["name"]), values["patient"], values.get("split", "").casefold()
    if not (stem or patient):
        return
    if not stem or not patient:
        raise FileNotUsed("bad-table", message("Line {line} of the table lacks the name or the patient.", line=line))
    if word and word not in SPLITS:
        raise FileNotUsed(
            "bad-table", message("Line {line} of the table: the split is train, validation or test.", line=line)
        )
    split = SPLITS.get(word, "")
    if splits.setdefault(patient, split) != split:
        reason = message(
            "Line {line} of the table gives a patient a second split. All images of a patient have one split.",
            line=line,
        )
        raise FileNotUsed("bad-table", reason)
    if found.setdefault(stem, Placed(patient, split)) != Placed(patient, split):
        raise FileNotUsed(
            "bad-table", message("Line {line} of the table names an image again, with another patient.", line=line)
        )
