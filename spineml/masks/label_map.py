"""Label maps as files hold them: whatever whole numbers they have, with what the file says of each.

3D Slicer writes segments into the remarks of a NRRD: ``Segment0_Name``, ``_LabelValue``, ``_Color``, ``_Tags`` with the
codes of its terminology (https://slicer.readthedocs.io/en/latest/developer_guide/modules/segmentations.html).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from spineml.masks.labels import MaskBuilder, MaskEmpty, MaskFull, MaskTooManyValues, MaskUnreadable, check_whole
from spineml.message import message
from spineml.metrics.labels import LabelTable
from spineml.tasks.mapping import FoundValue
from spineml.tasks.task import MAX_NAME, Code, TaskRejected, clean
from spineml.volumes.canonical_file import SliceFileReader, SliceFileWriter
from spineml.volumes.volume import Geometry, LabelArray, Mask

MOST_VALUES: Final = 255
# Beyond it a number is no label, and could not be told from its neighbours as a float32.
HIGHEST: Final = 2**24
_VALUE: Final = re.compile(r"(Segment[0-9]{1,6})_LabelValue")
_SHARE: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,20})?(?:e-?[0-9]{1,3})?")
_TERMINOLOGY: Final = "TerminologyEntry:"


@dataclass(frozen=True)
class LabelMap:
    """``slots`` is uint8 ``(z, y, x)``: 0 where the file has 0, else 1 + the place of the value in ``found``."""

    slots: LabelArray
    geometry: Geometry
    found: Sequence[FoundValue]

    def mapped(self, values: Mapping[int, int]) -> Mask:
        """The mask with the values of a task, by those of the file (`spineml.tasks.mapping.apply`).

        Raises:
            MaskEmpty: all of it becomes background.
            KeyError: a value of the file is not in ``values``.
        """
        table = np.array([0, *(values[one.value] for one in self.found)], np.uint8)
        labels = table[self.slots]
        if not labels.any():
            raise MaskEmpty
        return Mask(labels, self.geometry)


def write_mapped(slots: SliceFileReader, values: Sequence[int], path: Path) -> tuple[str, LabelTable]:
    """Write the mask of a label map at ``path``, slice by slice.

    Args:
        slots: the label map with 1 + a place for each voxel (`LabelMap.slots`), as a canonical file.
        values: the label of the task (0: background) at each place.

    Returns:
        The pixel hash, and the sizes of the labels.

    Raises:
        MaskEmpty: all of it becomes background.
    """
    table = np.array([0, *values], np.uint8)
    sizes = LabelTable(slots.geometry)
    with SliceFileWriter(path, slots.geometry, "mask") as writer:
        for z in range(len(slots)):
            labels = table[slots.read(z)]
            sizes.put(z, labels)
            writer.write(z, labels)
    if not sizes.values:
        raise MaskEmpty
    return writer.pixel_hash, sizes


class LabelMapBuilder(MaskBuilder):
    """Keeps the values of a label map apart: each gets a slot of its own, in the order in which they are met."""

    def __init__(self, geometry: Geometry) -> None:
        super().__init__(geometry)
        self._slots: dict[int, int] = {0: 0}
        self._described: dict[int, FoundValue] = {}

    def describe(self, remarks: Mapping[str, str]) -> None:
        self._described = segments_of(remarks)

    @property
    def by_index(self) -> bool:
        return True

    def describe_colours(self, colours: Mapping[int, str]) -> None:
        for value, colour in colours.items():
            self._described.setdefault(value, FoundValue(value, 0, colour=colour))

    def write(self, target: LabelArray, values: npt.NDArray[Any], ends: tuple[float, float], name: str) -> None:
        """Raises:
        MaskUnreadable: the values are no labels.
        MaskTooManyValues: more different ones than a label map has.
        """
        check_whole(values, ends[0], name)
        if ends[1] > HIGHEST:
            raise MaskUnreadable(
                message(
                    "{name} holds the value {value}, which is too large for a label.", name=name, value=f"{ends[1]:.0f}"
                )
            )
        if ends[1] == 0:
            target[...] = 0
            return
        distinct, places = np.unique(values, return_inverse=True)
        target[...] = np.array([self._slot(int(value)) for value in distinct], np.uint8)[places.reshape(values.shape)]

    def finish(self) -> LabelMap:
        """The label map, once every part was put; its values in ascending order.

        Raises:
            MaskEmpty: nothing is marked.
            MaskFull: everything is, with one value.
        """
        counts = np.bincount(self.labels.ravel(), minlength=MOST_VALUES + 1)
        found = sorted(value for value, slot in self._slots.items() if slot and counts[slot])
        if not found:
            raise MaskEmpty
        if len(found) == 1 and not counts[0]:
            raise MaskFull
        table = np.zeros(MOST_VALUES + 1, np.uint8)
        table[[self._slots[value] for value in found]] = np.arange(1, len(found) + 1)
        np.take(table, self.labels, out=self.labels)
        described = [self._found(value, int(counts[self._slots[value]])) for value in found]
        return LabelMap(self.labels, self.geometry, described)

    def _slot(self, value: int) -> int:
        if value not in self._slots:
            if len(self._slots) > MOST_VALUES:
                raise MaskTooManyValues(
                    message(
                        "The mask holds more than {most} different values, as a CT does. Check that the right file was "
                        "sent.",
                        most=MOST_VALUES,
                    )
                )
            self._slots[value] = len(self._slots)
        return self._slots[value]

    def _found(self, value: int, voxels: int) -> FoundValue:
        said = self._described.get(value, FoundValue(value, 0))
        return FoundValue(value, voxels, said.name, said.code, said.colour)


def segments_of(remarks: Mapping[str, str]) -> dict[int, FoundValue]:
    """What a 3D Slicer segmentation says of each value; what is damaged or missing is left out."""
    found: dict[int, FoundValue] = {}
    for key, text in remarks.items():
        segment = _VALUE.fullmatch(key)
        if segment and re.fullmatch(r"[0-9]{1,8}", text.strip()):
            value, prefix = int(text), segment.group(1)
            name = clean(remarks.get(f"{prefix}_Name", ""))[:MAX_NAME].strip()
            colour = _colour(remarks.get(f"{prefix}_Color", ""))
            found.setdefault(value, FoundValue(value, 0, name, _code(remarks.get(f"{prefix}_Tags", "")), colour))
    return found


def _colour(text: str) -> str:
    """``0.5 0.25 1`` as ``#8040ff``."""
    parts = text.split()
    if len(parts) != 3 or not all(
        re.fullmatch(r"[0-9]{1,3}(?:\.[0-9]{1,20})?(?:e-?[0-9]{1,3})?", part) for part in parts
    ):
        return ""
    return "#" + "".join(f"{min(round(float(part) * 255), 255):02x}" for part in parts)


def _code(tags: str) -> Code | None:
    """The anatomic region of a terminology entry, or its type where it names none: ``SCT^66794005^L1``."""
    entry = next((tag for tag in tags.split("|") if tag.startswith(_TERMINOLOGY)), "")
    parts = entry.removeprefix(_TERMINOLOGY).split("~")
    for place in (5, 2):
        triple = parts[place].split("^") if len(parts) > place else []
        if len(triple) == 3 and triple[1]:
            try:
                return Code(triple[1], triple[0], clean(triple[2])[:MAX_NAME].strip())
            except TaskRejected:
                continue
    return None
