"""What a NRRD or MetaImage header says, and the strict reading of its lines and numbers.

A header is read once, here, from the bytes that were sent (`spineml.readers.headers.nrrd`,
`spineml.readers.headers.metaimage`); no other library opens the file. Everything is bounded: the bytes and lines of a
header, its axes, its numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spineml.message import message
from spineml.readers.mapped_series import as_volume_shape
from spineml.readers.series import FileNotUsed

# A 3D Slicer segmentation has some ten lines and up to 2 KB for each of at most 255 segments.
HEADER_BYTES = 1024 * 1024
MAX_LINES = 4000
MAX_AXES = 5
MAX_DIGITS = 18
# Of a number in a header. Products of two of them are finite.
MOST = 1e9
MAX_NUMBER_CHARACTERS = 64
WHOLE_CHARACTERS = frozenset("0123456789")
NUMBER_CHARACTERS = WHOLE_CHARACTERS | frozenset("+-.eE")

Encoding = Literal["raw", "gzip", "zlib", "bzip2", "text", "hex"]
Affine = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DataPlace:
    """Where the values are, in the order in which it is applied.

    ``companion`` names another file of the upload; empty when the values are in the header's own file. They begin at
    byte ``offset``; ``lines`` are skipped there, then ``skip`` bytes of the unpacked values. ``at_end`` says that they
    are the last bytes of the file instead.
    """

    companion: str = ""
    offset: int = 0
    lines: int = 0
    skip: int = 0
    at_end: bool = False


@dataclass(frozen=True)
class ItkHeader:
    """One volume of numbers. ``sizes`` are the axes in space in the file's order, the fastest first, at most five.

    ``channels`` are the values of each voxel. ``affine_lps`` takes an index of the first three axes to LPS mm; where
    the header is silent it holds voxels of 1 mm along the axes of LPS, from 0. ``has_spacing``: the size of a voxel is
    stated. ``has_orientation``: so is what is left and right. ``has_position``: where the voxels lie is stated.
    ``remarks`` are the ``key:=value`` lines of a NRRD.
    """

    sizes: tuple[int, ...]
    channels: int
    dtype: np.dtype[Any]
    encoding: Encoding
    place: DataPlace
    affine_lps: Affine
    has_spacing: bool
    has_orientation: bool
    has_position: bool
    remarks: Mapping[str, str] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The sizes of the three axes; trailing ones are dropped.

        Raises:
            FileNotUsed: the file holds several values for each voxel, or several volumes.
        """
        if self.channels != 1:
            reason = message("The volume has several values per voxel. Save a greyscale volume.")
            raise FileNotUsed("colour", reason)
        return as_volume_shape(self.sizes)


class HeaderLines:
    """The lines at the start of a file, one after the other; ``offset`` is the first byte after the last one read.

    A line ends at a line feed alone (a carriage return before it is dropped): nothing else parts lines here, and a
    line with any other control character is refused, so that no two readers can see different lines.

    Raises:
        FileNotUsed: too many lines, control characters, or the header does not end within 1 MB.
    """

    def __init__(self, head: bytes, *, complete: bool) -> None:
        self._head, self._complete = head, complete
        self._count = 0
        self.offset = 0

    def __iter__(self) -> HeaderLines:
        return self

    def __next__(self) -> str:
        """The next line without its end; stops where the file does."""
        if self.offset >= len(self._head):
            if not self._complete:
                raise damaged("")
            raise StopIteration
        end = self._head.find(b"\n", self.offset)
        if end < 0 and not self._complete:
            raise damaged("")
        raw = self._head[self.offset : end if end >= 0 else len(self._head)]
        self.offset = end + 1 if end >= 0 else len(self._head)
        self._count += 1
        if self._count > MAX_LINES:
            raise damaged("")
        return _text(raw.removesuffix(b"\r"))


def _text(raw: bytes) -> str:
    """UTF-8, else the Korean of Windows (names of files may be in it), else byte by byte."""
    for encoding in ("utf-8", "cp949", "latin-1"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if any(ord(character) < 32 and character != "\t" for character in text):
            raise damaged("")
        return text
    raise damaged("")


def damaged(field: str) -> FileNotUsed:
    """The refusal of a header; ``field`` names the field that is to blame, where one is."""
    if field:
        return FileNotUsed(
            "damaged-header",
            message("The header of the volume is damaged or unusual at “{field}”. Save the volume again.", field=field),
        )
    return FileNotUsed("damaged-header", message("The header of the volume is damaged. Save it again."))


def missing_values() -> FileNotUsed:
    reason = message("The header does not specify where the values are. Save the volume again.")
    return FileNotUsed("damaged-header", reason)


def several_files() -> FileNotUsed:
    reason = message("The values are spread over several files. Save header and values as one .nrrd or .mha file.")
    return FileNotUsed("several-files", reason)


# --- numbers ----------------------------------------------------------------------------------------------------------
def whole(fields: Mapping[str, str], field: str, default: int | None = None) -> int:
    """One whole number; negative only for -1.

    Raises:
        FileNotUsed: it is missing, or is none.
    """
    text = fields.get(field, "")
    if not text and default is not None:
        return default
    if text == "-1":
        return -1
    if not text or len(text) > MAX_DIGITS or not WHOLE_CHARACTERS.issuperset(text):
        raise damaged(field)
    return int(text)


def sizes_of(fields: Mapping[str, str], field: str, count: int) -> tuple[int, ...]:
    """``count`` sizes.

    Raises:
        FileNotUsed: others, or no whole numbers.
    """
    parts = fields.get(field, "").split()
    if len(parts) != count or not all(len(part) <= MAX_DIGITS and WHOLE_CHARACTERS.issuperset(part) for part in parts):
        raise damaged(field)
    return tuple(int(part) for part in parts)


def axes_of(fields: Mapping[str, str], field: str) -> int:
    """The number of axes, 1 to 5.

    Raises:
        FileNotUsed: another number, or none.
    """
    count = whole(fields, field)
    if not 1 <= count <= MAX_AXES:
        raise damaged(field)
    return count


def number(text: str, field: str, *, missing: bool = False) -> float:
    """One number of at most a billion in plain notation; with ``missing``, "nan" stands for one that is not stated.

    Raises:
        FileNotUsed: it is none.
    """
    if missing and text.lower() == "nan":
        return math.nan
    if not text or len(text) > MAX_NUMBER_CHARACTERS or not NUMBER_CHARACTERS.issuperset(text):
        raise damaged(field)
    try:
        value = float(text)
    except ValueError as error:
        raise damaged(field) from error
    if not abs(value) <= MOST:
        raise damaged(field)
    return value


def numbers(text: str, field: str, count: int, *, missing: bool = False) -> list[float]:
    """``count`` numbers, as `number` reads them."""
    parts = text.split()
    if len(parts) != count:
        raise damaged(field)
    return [number(part, field, missing=missing) for part in parts]


def is_true(fields: Mapping[str, str], field: str, *, default: bool = False) -> bool:
    """A field that is True or False.

    Raises:
        FileNotUsed: it is neither.
    """
    text = fields.get(field, "").lower()
    if not text:
        return default
    if text not in ("true", "t", "1", "false", "f", "0"):
        raise damaged(field)
    return text in ("true", "t", "1")


def filled_affine(vectors: Sequence[Vector], origin: Vector) -> Affine:
    """The 4x4 matrix of one to three axes; those that a plane or a line lacks stand at right angles, 1 mm apart."""
    columns = list(vectors[:3])
    if len(columns) == 1:
        columns.append(_normal(columns[0], np.eye(3)[int(np.argmin(np.abs(columns[0])))]))
    if len(columns) == 2:
        columns.append(_normal(columns[0], columns[1]))
    affine = np.eye(4)
    affine[:3, :3] = np.stack(columns, axis=1)
    affine[:3, 3] = origin
    return affine


def _normal(one: Vector, other: Vector) -> Vector:
    normal = np.cross(one, other)
    length = float(np.linalg.norm(normal))
    return normal / length if length > 0 else normal
