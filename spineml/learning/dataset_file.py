"""The frozen data set as one HDF5 file: images, masks and what training has to know of them, but no name.

Each series is a group ``series/<n>`` with ``hu`` (int16) and ``mask`` (uint8), both ``(z, y, x)`` with one compressed
chunk per slice, so that training reads single slices and memory does not grow with the set. The file's attribute
``spine_dataset`` holds all facts as JSON, so that opening it reads a few kilobytes.

Masks are label maps of one task, whose slug, name and labels are among the facts; a file from before tasks has none and
is of ``spine-ct``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np

from spineml.checksum import sha256_of
from spineml.errors import SpineError
from spineml.message import message
from spineml.readers.hdf5_limits import OLDEST_FORM, form_of
from spineml.tasks.classes import Classes
from spineml.tasks.shipped import SPINE_CT
from spineml.tasks.task import Task, TaskRejected
from spineml.volumes.volume import HounsfieldArray, LabelArray

ATTRIBUTE = "spine_dataset"
FORMAT = 1
COMPRESSION_LEVEL = 1
SPLITS = ("train", "validation", "test")
MAX_FACTS_BYTES = 64 * 1024**2


class DatasetFileRejected(SpineError):
    """The data set's file cannot be used. Freeze the data set again, or restore the file from a backup."""

    code = "dataset-file-rejected"


@dataclass(frozen=True)
class Entry:
    """One series of the set. ``spacing`` is (z, y, x) mm, ``areas_px`` the pixels of mask in each slice.

    ``patient`` is a key that means nothing outside this file; ``groups`` names what results may differ by, such as
    institution, scanner maker and region. ``full_field`` is False for a crop, beyond whose edge nothing is known.
    ``label_slices`` has the first and the last slice of each label value that occurs, where the task has several.
    """

    index: int
    key: str
    patient: str
    split: str
    pixel_hash: str
    annotation: str
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    spacing_known: bool
    areas_px: tuple[int, ...]
    groups: dict[str, str] = field(default_factory=dict)
    full_field: bool = True
    label_slices: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def pixel_spacing(self) -> tuple[float, float] | None:
        """In-plane spacing (y, x) in mm; None where the source states none."""
        return (self.spacing[1], self.spacing[2]) if self.spacing_known else None

    @property
    def spine_slices(self) -> tuple[int, ...]:
        """The z of the slices with any mask."""
        return tuple(z for z, area in enumerate(self.areas_px) if area)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Entry:
        """Raises KeyError, TypeError, ValueError or AttributeError when the values are no entry of this version."""
        depth, height, width = (int(size) for size in values["shape"])
        z_mm, y_mm, x_mm = (float(length) for length in values["spacing"])
        if values["split"] not in SPLITS:
            raise ValueError(f"split is one of {SPLITS}. Received instead: {values['split']!r}")
        return cls(
            **{
                **values,
                "shape": (depth, height, width),
                "spacing": (z_mm, y_mm, x_mm),
                "areas_px": tuple(int(area) for area in values["areas_px"]),
                "label_slices": {
                    int(value): (int(first), int(last))
                    for value, (first, last) in values.get("label_slices", {}).items()
                },
            }
        )


@dataclass(frozen=True)
class SeriesFacts:
    """What the writer is told of a series; see `Entry`."""

    key: str
    patient: str
    split: str
    pixel_hash: str
    annotation: str
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    spacing_known: bool = True
    groups: dict[str, str] = field(default_factory=dict)
    full_field: bool = True


class DatasetWriter:
    """Writes series one by one. Use as a context manager: facts are written when it is left without an error.

    Args:
        task: of all masks.
    """

    def __init__(self, path: Path, task: Task = SPINE_CT) -> None:
        self._file = h5py.File(path, "w")
        self._classes = Classes(task)
        self.entries: list[Entry] = []
        self.facts: dict[str, Any] = {}

    def add(self, facts: SeriesFacts, slices: Iterable[tuple[HounsfieldArray, LabelArray]]) -> Entry:
        """Store one series; ``slices`` yields ``(hu, mask)`` of ``(y, x)`` in z order, one at a time in memory.

        Masks have the label values of the task; for ``spine-ct`` whatever is above 0 is spine.

        Raises:
            ValueError: slices are missing, too many, or of another shape.
            ValuesOutsideTask: a mask has a value that is no label of the task.
        """
        index = len(self.entries)
        group = self._file.create_group(f"series/{index}")
        stored = {name: _create(group, name, facts.shape, dtype) for name, dtype in (("hu", "i2"), ("mask", "u1"))}
        areas: list[int] = []
        extents: dict[int, tuple[int, int]] = {}
        for z, (hu, mask) in enumerate(slices):
            if z >= facts.shape[0] or hu.shape != facts.shape[1:] or mask.shape != facts.shape[1:]:
                raise ValueError(f"slice {z} of {facts.key} does not belong to a series of shape {facts.shape}")
            stored["hu"][z] = hu
            stored["mask"][z] = self._checked(mask)
            areas.append(int(np.count_nonzero(mask)))
            if areas[-1] and not self._classes.is_single:
                for value in np.flatnonzero(np.bincount(mask.ravel()))[1:].tolist():
                    extents[value] = (extents.get(value, (z, z))[0], z)
        if len(areas) != facts.shape[0]:
            raise ValueError(f"{facts.key} has {facts.shape[0]} slices. Received instead: {len(areas)}")
        entry = Entry(index=index, areas_px=tuple(areas), label_slices=extents, **vars(facts))
        self.entries.append(entry)
        return entry

    def _checked(self, mask: LabelArray) -> LabelArray:
        if self._classes.task.slug == SPINE_CT.slug:
            return (mask > 0).view(np.uint8)
        self._classes.encode(mask)
        return mask

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            task, entries = self._classes.task.to_json(), [asdict(entry) for entry in self.entries]
            facts = {"format": FORMAT, "task": task, "entries": entries, **self.facts}
            # A data set, for an attribute may hold 64 KB only.
            self._file.create_dataset(ATTRIBUTE, data=np.frombuffer(json.dumps(facts).encode(), np.uint8))
        self._file.close()


class DatasetReader:
    """Reads slices in any order, from any thread; ``task`` is that of all masks.

    Args:
        expected_sha256: refuse a file that is not the one that was frozen.

    Raises:
        DatasetFileRejected: the file is damaged, is not a data set, or is not the one that was frozen.
    """

    def __init__(self, path: Path, *, expected_sha256: str | None = None) -> None:
        if expected_sha256 is not None and sha256_of(path) != expected_sha256:
            raise DatasetFileRejected(
                message(
                    "The data set's file was changed after freezing (its SHA-256 differs). Restore it from a backup."
                )
            )
        self._lock = threading.Lock()
        if form_of(path) != OLDEST_FORM:
            raise DatasetFileRejected
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise DatasetFileRejected from error
        try:
            self.facts = self._read_facts()
            self.task = Task.from_json(self.facts["task"]) if "task" in self.facts else SPINE_CT
            self.entries: tuple[Entry, ...] = tuple(Entry.from_json(one) for one in self.facts["entries"])
            self._series = [self._arrays(entry) for entry in self.entries]
        except (OSError, KeyError, TypeError, ValueError, AttributeError, RuntimeError, TaskRejected) as error:
            self._file.close()
            raise DatasetFileRejected from error

    def _read_facts(self) -> dict[str, Any]:
        stored = _own(self._file, ATTRIBUTE)
        if stored.id.get_create_plist().get_nfilters():
            raise ValueError("the facts are packed")
        if stored.dtype != np.uint8 or stored.ndim != 1 or stored.size > MAX_FACTS_BYTES:
            raise ValueError("the facts are not text")
        facts: dict[str, Any] = json.loads(stored[()].tobytes())
        if facts["format"] != FORMAT:
            raise ValueError(f"format {facts['format']!r} is not known")
        return facts

    def _arrays(self, entry: Entry) -> tuple[h5py.Dataset, h5py.Dataset]:
        group = self._file[f"series/{entry.index}"]
        hu, mask = _own(group, "hu"), _own(group, "mask")
        if hu.chunks != (1, *entry.shape[1:]) or mask.chunks != hu.chunks:
            raise ValueError(f"series {entry.index} is not stored by slices")
        if hu.shape != entry.shape or mask.shape != entry.shape or hu.dtype != np.int16 or mask.dtype != np.uint8:
            raise ValueError(f"series {entry.index} is not what the facts say")
        return hu, mask

    def read(self, index: int, z: int) -> tuple[HounsfieldArray, LabelArray]:
        """Slice ``z`` of the entry ``index``: HU int16 and mask uint8 in label values, both ``(y, x)``."""
        hu, mask = self._series[index]
        with self._lock:
            return hu[z], mask[z]

    def in_split(self, split: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.split == split]

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _own(group: h5py.Group, name: str) -> h5py.Dataset:
    """A data set of the file itself.

    Raises:
        TypeError, ValueError: a group, a link, or kept in another file.
    """
    link = group.get(name, getlink=True)
    found = group[name] if isinstance(link, h5py.HardLink) else None
    if not isinstance(found, h5py.Dataset):
        raise TypeError(f"{name} is a link, or no data set")
    if found.external or found.is_virtual:
        raise ValueError(f"{name} is kept elsewhere")
    return found


def _create(group: h5py.Group, name: str, shape: tuple[int, int, int], dtype: str) -> h5py.Dataset:
    return group.create_dataset(
        name, shape=shape, dtype=dtype, chunks=(1, *shape[1:]), compression="gzip", compression_opts=COMPRESSION_LEVEL
    )
