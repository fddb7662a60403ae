"""What a reader process tells of an upload: series that were read, and files that ended it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spineml.isolation.plain import record_of, values_of
from spineml.readers import reading_progress
from spineml.readers.series import DetectedSeries, FileOutcome, ReceivedFile, SeriesMeta, SeriesWarning
from spineml.volumes.volume import Geometry, HounsfieldArray

UNPACK, SCAN, MASK, CONVERT = "unpack", "scan", "mask", "convert"


class AlreadyRead:
    """Stands where a plan has what delivers its slices."""

    def slices(self) -> Iterator[tuple[int, HounsfieldArray]]:
        raise RuntimeError("the slices are in the canonical file")


@dataclass(frozen=True)
class Failed:
    """A file that ended an earlier reader, in this ``step``, and the code of how."""

    name: str
    step: str
    code: str

    def verdict(self) -> FileOutcome:
        return FileOutcome(self.name, "rejected", self.code, reading_progress.REASONS[self.code])


@dataclass(frozen=True)
class ReadMask:
    """The mask that came with an image: its file's name, and the canonical file ``mask`` in the folder ``out``."""

    name: str
    mask: str
    patient: str
    split: str


@dataclass
class ReadSeries:
    """A series that was read: canonical ``volume`` and, of DICOM, the de-identified ``originals``, both in ``out``."""

    geometry: Geometry
    meta: SeriesMeta
    names: list[str]
    notices: list[SeriesWarning]
    pixel_hash: str
    volume: str
    originals: str = ""
    mask: ReadMask | None = None

    def as_plain(self) -> dict[str, Any]:
        return {
            "geometry": self.geometry.as_json(),
            "meta": values_of(self.meta),
            "names": self.names,
            "notices": [values_of(notice) for notice in self.notices],
            "pixel_hash": self.pixel_hash,
            "volume": self.volume,
            "originals": self.originals,
            "mask": values_of(self.mask) if self.mask else None,
        }

    @property
    def plan(self) -> DetectedSeries:
        """The same as the reader had, but for the slices, which are in ``volume``."""
        files = [ReceivedFile(Path(), name) for name in self.names]
        return DetectedSeries(self.geometry, self.meta, files, AlreadyRead(), self.notices)

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> ReadSeries:
        return cls(
            geometry=Geometry.from_json(values["geometry"]),
            meta=record_of(SeriesMeta, values["meta"]),
            names=list(values["names"]),
            notices=[record_of(SeriesWarning, notice) for notice in values["notices"]],
            pixel_hash=str(values["pixel_hash"]),
            volume=str(values["volume"]),
            originals=str(values["originals"]),
            mask=record_of(ReadMask, values["mask"]) if values["mask"] else None,
        )
