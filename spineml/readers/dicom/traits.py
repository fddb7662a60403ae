"""What tells images of one series apart, and how surely (ADR 17)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from spineml.message import Message, message
from spineml.readers.dicom.stack import Image
from spineml.readers.dicom.values import parsed

SURE = ("temporal", "phase", "acquisition", "echo")

# Attributes of which one volume has one value.
ALWAYS: dict[str, Message] = {
    "kernel": message("reconstruction kernels"),
    "kind": message("image types"),
    "voltage": message("tube voltages"),
    "contrast": message("contrast phases"),
    "filter": message("filters"),
    "diameter": message("fields of view"),
    "algorithm": message("reconstruction algorithms"),
    "station": message("scanners"),
    "position": message("positions of the patient"),
}
ACQUISITIONS = message("acquisitions")
RECONSTRUCTIONS = message("reconstructions")


@dataclass(frozen=True)
class Rule:
    """``trait`` sorts images into sets. ``ordered``: its values follow each other, as numbers and times do.

    ``decides``: sets that interleave are apart, even if all images together lie on one grid.
    ``divides``: sets that follow each other are apart where they are even and all images together are not.
    """

    trait: str
    what: Message
    ordered: bool = False
    decides: bool = False
    divides: bool = True


SOMETIMES = (
    Rule("temporal", message("time points"), ordered=True, decides=True),
    Rule("phase", message("cardiac phases"), ordered=True, decides=True),
    Rule("acquisition", ACQUISITIONS, ordered=True, decides=True),
    Rule("echo", message("echoes"), decides=True),
    Rule("stack", message("stacks"), decides=True),
    Rule("origin", message("original and derived images"), decides=True),
    Rule("thickness", message("slice thicknesses"), decides=True),
    Rule("number", message("series numbers"), decides=True),
    Rule("description", message("descriptions"), decides=True),
    Rule("options", message("scan options"), divides=False),
    Rule("comment", message("comments"), divides=False),
    Rule("time", message("acquisition times"), ordered=True),
    Rule("content time", message("acquisition times"), ordered=True),
    Rule("frame", message("frames of reference")),
    Rule("study", message("studies")),
    Rule("instance", RECONSTRUCTIONS, ordered=True, divides=False),
    Rule("folder", message("folders"), divides=False),
)


def value_of(image: Image, trait: str) -> str:
    """The value of a trait; those of the file beside those of the frame."""
    header = image.header
    if trait == "position":
        return header.meta.patient_position.upper()
    if trait == "frame":
        return header.frame_of_reference
    if trait == "study":
        return header.meta.study_uid
    if trait == "folder":
        return header.file.name.rpartition("/")[0]
    if trait == "instance":
        return f"{header.order[-1]:g}" if len(header.frames) == 1 else ""
    if trait == "thickness":
        return f"{image.frame.thickness:.2g}" if image.frame.thickness else ""
    value = image.frame.traits.get(trait, "")
    return f"{round(parsed(value) or 0.0):d}" if trait in ("voltage", "diameter") and value else value


def by_value(images: Sequence[Image], trait: str) -> dict[str, list[Image]]:
    """The images by the value of a trait, in the order in which the values are met."""
    sets: dict[str, list[Image]] = defaultdict(list)
    for image in images:
        sets[value_of(image, trait)].append(image)
    return sets
