"""A folder of images with their masks: which mask belongs to which image, and which images are of one patient.

An image and its mask have one name. The mask lies in a folder of masks (``images/007.png``, ``masks/007.png``) or its
name says so (``007.png``, ``007_mask.png``); `spineml.readers.pairs.names` has the other namings. Names are compared
without endings and without case.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

from spineml.message import Message, message
from spineml.readers.pairs.names import IMAGE_BEGIN, MASK_BEGIN, Place, expected_mask, place_of
from spineml.readers.pairs.table import Placed, is_table, read_table, stem_of, table_of
from spineml.readers.series import FileOutcome, ReceivedFile

__all__ = ["Matched", "Pair", "PatientRule", "match_pairs", "read_table", "stem_of"]

PatientRule = Literal["each", "prefix", "table"]
DATASET = "dataset.json"
MAX_DATASET_BYTES = 1024**2
OF_THE_SPINE = re.compile(r"(?:vertebra|sacrum|spine|[ctls][0-9]{1,2}$)")
Key = tuple[str, str]  # folder and stem


@dataclass(frozen=True)
class Pair:
    """One image with its mask. ``patient`` is what the rule makes of the name; empty: a patient of its own.

    ``parts`` are further masks of the same image, one for each bone. ``every_label``: any value above 0 is spine.
    """

    image: ReceivedFile
    mask: ReceivedFile
    patient: str = ""
    split: str = ""
    parts: tuple[ReceivedFile, ...] = ()
    every_label: bool = False

    @property
    def masks(self) -> tuple[ReceivedFile, ...]:
        """All files of the mask."""
        return self.mask, *self.parts


@dataclass
class Matched:
    """The pairs, and a verdict for each file that is in none."""

    pairs: list[Pair] = field(default_factory=list)
    verdicts: list[FileOutcome] = field(default_factory=list)


def match_pairs(
    files: Sequence[ReceivedFile], rule: PatientRule = "each", separator: str = "_", *, every_label: bool = False
) -> Matched:
    """Find the pairs in ``files``, in the order of the images.

    Args:
        rule: "each": every image is a patient of its own. "prefix": the name up to the first ``separator`` is the
            patient. "table": a CSV among the files with the columns name and patient, and split if it likes.
        every_label: in all masks any value above 0 is spine, not only in those whose names say that they are label
            maps of vertebrae.

    Raises:
        FileNotUsed: the table is missing or wrong; its reason says where.
    """
    tables = [file for file in files if is_table(file.name)]
    table = table_of(tables) if rule == "table" else {}
    every_label = every_label or any(_only_spine(file) for file in files if _is_dataset(file))
    found = _Matching([file for file in files if file not in tables], _Patients(rule, separator, table), every_label)
    return found.run(tables)


@dataclass(frozen=True)
class _Patients:
    rule: PatientRule
    separator: str
    table: Mapping[str, Placed]

    def of(self, place: Place) -> Placed | None:
        """None: the table does not name the image."""
        if self.rule == "table":
            return next((self.table[name] for name in place.names if name in self.table), None)
        if self.rule == "prefix":
            return Placed(place.shown.split(self.separator, maxsplit=1)[0] or place.shown)
        return Placed("")


class _Matching:
    """One pass over the files; a file that has found its other half is taken out of ``images`` and ``masks``."""

    def __init__(self, files: Sequence[ReceivedFile], patients: _Patients, every_label: bool) -> None:
        self._patients, self._every_label = patients, every_label
        self._rank = {file: rank for rank, file in enumerate(files)}
        places = {file: place_of(file.name) for file in files}
        self._images = {file: place for file, place in places.items() if place.kind == "image"}
        self._masks = {file: place for file, place in places.items() if place.kind == "mask"}
        self._others = [file for file, place in places.items() if place.kind == "other"]
        self._found = Matched()

    def run(self, tables: Sequence[ReceivedFile]) -> Matched:
        self._match(lambda place: (place.folder, place.stem))
        self._match(lambda place: (place.folder, place.without_channel))
        self._match(lambda place: (place.folder, IMAGE_BEGIN.sub("", place.stem)))
        self._match_prefixed()
        self._match(lambda place: ("", place.stem) if place.stem else None, _is_above)
        self._match_parts()
        self._reject_rest()
        left_out = message("Not an image; ignored.")
        self._found.verdicts += [FileOutcome(file.name, "skipped", "not-an-image", left_out) for file in self._others]
        self._found.verdicts += [FileOutcome(file.name, "skipped", "table") for file in tables]
        self._found.pairs.sort(key=lambda pair: self._rank[pair.image])
        return self._found

    def _match(
        self, key: Callable[[Place], Key | None], fits: Callable[[Place, Place], bool] = lambda image, mask: True
    ) -> None:
        """Pair what has one key; where several have it, one name for several things is told."""
        both: dict[Key, tuple[list[ReceivedFile], list[ReceivedFile]]] = defaultdict(lambda: ([], []))
        for number, files in enumerate((self._images, self._masks)):
            for file, place in files.items():
                if (name := key(place)) is not None:
                    both[name][number].append(file)
        for images, masks in both.values():
            if images and masks and fits(self._images[images[0]], self._masks[masks[0]]):
                self._pair(images, masks)

    def _pair(self, images: list[ReceivedFile], masks: list[ReceivedFile]) -> None:
        vertebrae = [mask for mask in masks if self._masks[mask].vertebrae]
        if len(images) == 1 and len(vertebrae) == 1 < len(masks):
            reason = message("Another mask of this image is used: {name}.", name=vertebrae[0].name)
            self._skip([mask for mask in masks if mask not in vertebrae], reason)
            masks = vertebrae
        if len(images) > 1 or len(masks) > 1:
            reason = message("Several images or masks have this name. Send one of each.")
            self._reject([*images, *masks], "ambiguous", reason)
        else:
            self._record(images[0], masks)

    def _match_prefixed(self) -> None:
        """``volume-0`` and ``segmentation-0``: what is left over, and begins like a mask, is one."""
        begin_so = [file for file, place in self._images.items() if MASK_BEGIN.match(place.stem)]
        stems = {file: (place.folder, IMAGE_BEGIN.sub("", place.stem)) for file, place in self._images.items()}
        images: dict[Key, list[ReceivedFile]] = defaultdict(list)
        for file, key in stems.items():
            images[key].append(file)
        for file in begin_so:
            place = self._images[file]
            found = images[place.folder, MASK_BEGIN.sub("", place.stem)]
            if len(found) == 1 and found[0] in self._images and found[0] is not file:
                self._masks[file] = self._images.pop(file)
                self._record(found[0], [file])

    def _match_parts(self) -> None:
        """``s1/ct`` with ``s1/segmentations/vertebrae_L1`` and others: the bones of the spine are one mask."""
        beside: dict[str, list[ReceivedFile]] = defaultdict(list)
        for mask, place in self._masks.items():
            beside[place.folder].append(mask)
        for image, place in list(self._images.items()):
            here = [mask for mask in beside[place.folder] if mask in self._masks]  # another image may have taken them
            bones = [mask for mask in here if self._masks[mask].spine_part] if not place.stem else []
            if bones:
                reason = message("Not a bone of the spine by its name; not included in the mask.")
                self._skip([mask for mask in here if not self._masks[mask].spine_part], reason)
                self._record(image, bones)

    def _reject_rest(self) -> None:
        for image in list(self._images):
            first, second = expected_mask(image.name)
            reason = message("No mask was sent for it. Name it {first} or {second}.", first=first, second=second)
            self._reject([image], "no-mask", reason)
        for mask, place in list(self._masks.items()):
            stem = place.stem or place.shown
            reason = message("No image was sent for this mask. Name it {stem}, with its file extension.", stem=stem)
            self._reject([mask], "no-image", reason)

    def _record(self, image: ReceivedFile, masks: list[ReceivedFile]) -> None:
        placed = self._patients.of(self._images[image])
        if placed is None:
            reason = message("The CSV does not list this image. Add a line with its name and patient.")
            self._reject([image, *masks], "no-patient", reason)
            return
        every_label = self._every_label or self._masks[masks[0]].vertebrae
        pair = Pair(image, masks[0], placed.patient, placed.split, tuple(masks[1:]), every_label)
        self._found.pairs.append(pair)
        self._take([image, *masks])

    def _reject(self, files: Sequence[ReceivedFile], code: str, reason: Message) -> None:
        self._found.verdicts += [FileOutcome(file.name, "rejected", code, reason) for file in files]
        self._take(files)

    def _skip(self, files: Sequence[ReceivedFile], reason: Message) -> None:
        self._found.verdicts += [FileOutcome(file.name, "skipped", "other-mask", reason) for file in files]
        self._take(files)

    def _take(self, files: Sequence[ReceivedFile]) -> None:
        for file in files:
            self._images.pop(file, None)
            self._masks.pop(file, None)


def _is_above(image: Place, mask: Place) -> bool:
    """Whether one of them lies in a folder above the other: files of different patients are no pair."""
    above, below = sorted((image.folder, mask.folder), key=len)
    return not above or below.startswith(f"{above}/")


def _is_dataset(file: ReceivedFile) -> bool:
    return PurePosixPath(file.name.casefold()).name == DATASET


def _only_spine(file: ReceivedFile) -> bool:
    """Whether nnU-Net's description of a set names bones of the spine only: then any label is spine."""
    if file.path.stat().st_size > MAX_DATASET_BYTES:
        return False
    try:
        labels = json.loads(file.path.read_bytes())["labels"]
        names = [str(name if str(key).isdigit() else key).casefold() for key, name in labels.items()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    structures = [name for name in names if name != "background"]
    return bool(structures) and all(OF_THE_SPINE.match(name) for name in structures)
