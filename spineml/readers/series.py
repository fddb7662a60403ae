"""What every file reader receives and gives back: received files, verdicts, and series ready to be read by slice."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal, Protocol

from spineml.message import Message
from spineml.volumes.volume import Geometry, HounsfieldArray

Status = Literal["imported", "warning", "skipped", "rejected"]
PictureOrder = Literal["", "from-feet", "from-head"]
SourceKind = Literal["dicom", "nifti", "itk", "image", "numpy"]

# Pictures and bare arrays have no position in space: only the shape of their masks can be checked.
SPATIAL_KINDS = ("dicom", "nifti", "itk")
# The most pixels along a side of any image.
MAX_SIDE = 8192
DEFAULT_WINDOW_CENTER = 400.0
DEFAULT_WINDOW_WIDTH = 1800.0
NOTHING = Message("")
IDENTIFYING = ("patient_id", "study_uid", "series_uid")


@dataclass(frozen=True)
class ReceivedFile:
    """A file on disk (``path``) and the name its sender knows it by: the path in their folder or archive."""

    path: Path
    name: str


def natural_order(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key: numbers inside a name compare as numbers, however long; letters without case, composed or not."""
    parts = re.split(r"(\d+)", unicodedata.normalize("NFC", name).replace("\\", "/").casefold())
    return tuple(_number_order(part) if part.isdecimal() else (1, 0, part) for part in parts if part)


def _number_order(digits: str) -> tuple[int, int, str]:
    """Of two numbers the one with more digits is larger; ``int`` refuses numbers of thousands of digits."""
    plain = "".join(str(unicodedata.decimal(digit)) for digit in digits).lstrip("0")
    return 0, len(plain), plain


def unique_names(names: Sequence[str]) -> list[str]:
    """Names of an upload, each of its own: the second "a.dcm" becomes "a.dcm (2)"."""
    taken, seen = set(names), Counter[str]()
    unique = []
    for name in names:
        seen[name] += 1
        shown = name
        while seen[name] > 1 and (shown := f"{name} ({seen[name]})") in taken:
            seen[name] += 1
        taken.add(shown)
        unique.append(shown)
    return unique


def sent_names(names: Sequence[str]) -> list[str]:
    """Names of files as they were sent: folders by "/", and each of its own."""
    return unique_names([name.replace("\\", "/") for name in names])


def uniquely_named(files: Sequence[ReceivedFile]) -> list[ReceivedFile]:
    """Files chosen from several folders, or unpacked from several zips, may share a name."""
    names = sent_names([file.name for file in files])
    return [ReceivedFile(file.path, name) for file, name in zip(files, names, strict=True)]


@dataclass(frozen=True)
class FileOutcome:
    """What became of one file. ``reason`` tells a person what was wrong and what to do; empty when all is well."""

    name: str
    status: Status
    code: str
    reason: Message = NOTHING


class FileNotUsed(Exception):
    """Raised by a reader while it scans: this file gives no series. Becomes the file's verdict."""

    def __init__(self, code: str, reason: Message, status: Status = "rejected") -> None:
        super().__init__(reason)
        self.code, self.reason, self.status = code, reason, status

    def verdict(self, name: str) -> FileOutcome:
        return FileOutcome(name, self.status, self.code, self.reason)


@dataclass(frozen=True)
class SeriesWarning:
    """A remark about a series that a person should see: a stable code and a sentence."""

    code: str
    text: Message


@dataclass(frozen=True)
class IntakeOptions:
    """What the sender states beyond the files.

    ``pixel_spacing_mm`` is ``(y, x)``. ``pixel_spacing_mm`` and ``slice_spacing_mm`` are used only where the files
    say nothing. ``window_center`` and ``window_width`` (HU) say how 8-bit pictures were windowed.
    ``max_volume_bytes`` bounds one decompressed volume. ``paired`` says that the sender has matched each file with a
    mask: then pictures beside CT files are not taken for the icons of a viewer.
    """

    pixel_spacing_mm: tuple[float, float] | None = None
    slice_spacing_mm: float | None = None
    stack_images: bool = True
    paired: bool = False
    window_center: float = DEFAULT_WINDOW_CENTER
    window_width: float = DEFAULT_WINDOW_WIDTH
    max_volume_bytes: int = 4 * 1024**3


@dataclass(frozen=True)
class SeriesMeta:
    """How a series was acquired and stored.

    ``patient_id``, ``study_uid`` and ``series_uid`` are as in the file: for deriving pseudonyms, never to be stored.
    ``intensity`` says what the numbers were: "HU", "8-bit windowed", "16-bit HU+1024", ...
    ``empty_slices`` are the z that the scan lacks; they are delivered as air. ``slice_names`` and
    ``slice_names_check`` are what `spineml.readers.slice_names` keeps of the names of the files, slice by slice.
    """

    source_kind: SourceKind
    modality: str = ""
    patient_id: str = field(default="", repr=False)
    study_uid: str = field(default="", repr=False)
    series_uid: str = field(default="", repr=False)
    description: str = ""
    study_date: date | None = None
    manufacturer: str = ""
    model_name: str = ""
    kernel: str = ""
    body_part: str = ""
    patient_position: str = ""
    slice_thickness_mm: float | None = None
    gantry_tilt_deg: float = 0.0
    encoding: str = ""
    dtype: str = ""
    bits_stored: int | None = None
    intensity: str = "HU"
    empty_slices: tuple[int, ...] = ()
    slice_names: tuple[str, ...] = ()
    slice_names_check: int = 0

    def as_json(self) -> dict[str, Any]:
        """Plain values of everything but the patient's identity and the original UIDs."""
        values = {key: value for key, value in asdict(self).items() if key not in IDENTIFYING}
        values["study_date"] = self.study_date.isoformat() if self.study_date else None
        values["empty_slices"], values["slice_names"] = list(self.empty_slices), list(self.slice_names)
        return values


class SliceReader(Protocol):
    """Decodes one series, slice by slice."""

    def slices(self) -> Iterator[tuple[int, HounsfieldArray]]: ...


@dataclass(frozen=True)
class DetectedSeries:
    """A series that was found and checked by its headers; its pixels are read only by ``slices``."""

    geometry: Geometry
    meta: SeriesMeta
    files: list[ReceivedFile]
    producer: SliceReader
    notices: list[SeriesWarning] = field(default_factory=list)

    @property
    def warnings(self) -> list[Message]:
        """The notices as sentences."""
        return [notice.text for notice in self.notices]

    def slices(self) -> Iterator[tuple[int, HounsfieldArray]]:
        """Yield ``(z, int16 HU (y, x))`` in canonical order, z from 0; a few slices are in memory at a time.

        Raises:
            UnreadableFile: a file turned out to be damaged.
        """
        return self.producer.slices()

    def doubts(self) -> list[SeriesWarning]:
        """What the values themselves give rise to say, once all slices were read."""
        doubts = getattr(self.producer, "doubts", None)
        return doubts() if doubts is not None else []
