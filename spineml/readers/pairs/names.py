"""What the names and folders of pairs say: which file is an image, which a mask, and what both have in common.

Besides ``images/7.png`` and ``masks/7.png``, or ``7.png`` and ``7_mask.png``, these are the names of the public sets:
VerSe (``sub-x_ct``, ``sub-x_seg-vert_msk``), nnU-Net (``imagesTr/x_0000``, ``labelsTr/x``), the Medical Segmentation
Decathlon (``imagesTr/x``, ``labelsTr/x``), a folder for each patient (``p1/ct``, ``p1/seg``) and TotalSegmentator
(``s1/ct``, ``s1/segmentations/vertebrae_L1``).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from spineml.readers.archives.ignored_files import is_clutter, is_document
from spineml.readers.pairs.table import stem_of

Kind = Literal["image", "mask", "other"]
MASK_FOLDERS = {"mask", "masks", "label", "labels", "annotation", "annotations", "segmentation", "segmentations", "gt"}
MASK_FOLDERS |= {"seg", "segs", "derivatives", "groundtruth", "ground_truth", "labelmaps", "마스크", "라벨"}
IMAGE_FOLDERS = {"image", "images", "ct", "img", "imgs", "slices", "rawdata", "scans", "volumes", "영상", "이미지"}
PART_OF_SET = re.compile(r"(image|label|mask)s?[-_]?(tr|ts|val|train|test|validation)")
SETS = {"train": "tr", "test": "ts", "validation": "val"}
MASK_WORD = r"(?:masks?|msk|labels?|lbl|labelmaps?|dseg|segs?|segmentations?|gt|마스크|라벨)"
IMAGE_WORD = r"(?:images?|img|ct|imaging|scan|volume)"
MASK_END = re.compile(rf"[-_. ](?:(?:seg|label)-[0-9a-z]+[-_])?{MASK_WORD}$|[-_](?:seg|label)-[0-9a-z]+$")
MASK_BEGIN = re.compile(rf"^{MASK_WORD}[-_. ](?=.)")
MASK_ONLY = re.compile(MASK_WORD)
IMAGE_END = re.compile(rf"[-_. ]{IMAGE_WORD}$")
IMAGE_BEGIN = re.compile(rf"^{IMAGE_WORD}[-_. ](?=.)")
IMAGE_ONLY = re.compile(IMAGE_WORD)
CHANNEL = re.compile(r"_[0-9]{4}$")
SNAPSHOT = re.compile(r"[-_](?:snp|snapshot|preview|thumb(?:nail)?)$")
VERTEBRAE = re.compile(r"[-_]seg-vert(?:[-_]|$)")
SPINE_PART = re.compile(r"(?:vertebra|sacrum|spine)")
ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha", ".npy", ".png")


@dataclass(frozen=True)
class Place:
    """What a name says: ``folder`` without those of images and masks, and the ``stem`` that image and mask share.

    ``shown`` is the image's own name for tables and patients; ``names`` are all by which a table may call it.
    """

    kind: Kind
    folder: str
    stem: str
    shown: str
    names: tuple[str, ...]
    original: str
    in_set: bool = False

    @property
    def without_channel(self) -> str:
        """The stem; of nnU-Net's images without the number of the channel."""
        return CHANNEL.sub("", self.stem) if self.in_set and self.kind == "image" else self.stem

    @property
    def vertebrae(self) -> bool:
        """Whether the name says that this is VerSe's label map of vertebrae."""
        return bool(VERTEBRAE.search(self.original))

    @property
    def spine_part(self) -> bool:
        """Whether the name is that of one vertebra, or of the sacrum."""
        return bool(SPINE_PART.match(self.stem))


def place_of(name: str) -> Place:
    """Read a name, with its folders."""
    name = unicodedata.normalize("NFC", name)
    original = stem_of(name)
    folders = [folder.removesuffix(".zip") for folder in PurePosixPath(name.replace("\\", "/").casefold()).parts[:-1]]
    kind, kept, in_set = _folders(folders)
    if is_clutter(name) or is_document(name) or SNAPSHOT.search(original):
        kind = "other"
    elif MASK_END.search(original) or MASK_ONLY.fullmatch(original):
        kind = "mask"
    stem = original
    if kind == "mask":
        stem = "" if MASK_ONLY.fullmatch(stem) else MASK_END.sub("", stem)
    shown = stem = IMAGE_END.sub("", stem)
    if IMAGE_ONLY.fullmatch(stem):
        stem = ""
    if not stem:
        shown = kept[-1] if kept else original
    names = tuple(dict.fromkeys((shown, original, CHANNEL.sub("", shown))))
    return Place(kind, "/".join(kept), stem, shown, names, original, in_set)


def expected_mask(name: str) -> tuple[str, str]:
    """Two names that the mask of this image may have, with an ending that masks have."""
    place = place_of(name)
    lowered = name.casefold()
    ending = next((ending for ending in ENDINGS if lowered.endswith(ending)), ".png")
    stem = PurePosixPath(name.replace("\\", "/")).name
    stem = stem[: len(place.original)] if place.stem else place.shown
    if place.in_set:
        stem = CHANNEL.sub("", stem)
        return f"labelsTr/{stem}{ending}", f"{stem}_mask{ending}"
    stem = IMAGE_END.sub("", stem.casefold()) if IMAGE_END.search(stem.casefold()) else stem
    return f"masks/{stem}{ending}", f"{stem}_mask{ending}"


def _folders(folders: list[str]) -> tuple[Kind, list[str], bool]:
    """What the innermost folder of images or masks says, the other folders, and whether they are nnU-Net's."""
    kind: Kind = "image"
    kept, in_set = [], False
    for folder in folders:
        if part := PART_OF_SET.fullmatch(folder):
            kind, in_set = "image" if part[1] == "image" else "mask", True
            kept.append(SETS.get(part[2], part[2]))
        elif folder in MASK_FOLDERS:
            kind = "mask"
        elif folder in IMAGE_FOLDERS:
            kind = "image"
        else:
            kept.append(folder)
    return kind, kept, in_set
