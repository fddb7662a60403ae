"""Headers of MetaImage (MHA, MHD): lines ``Key = value``, the last of which says where the values are.

https://docs.itk.org/en/latest/learn/metaio.html. Its world is LPS; its matrix holds the direction of one axis after
the other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spineml.readers.headers.itk import (
    Affine,
    DataPlace,
    Encoding,
    HeaderLines,
    ItkHeader,
    axes_of,
    damaged,
    filled_affine,
    is_true,
    missing_values,
    number,
    numbers,
    several_files,
    sizes_of,
    whole,
)
from spineml.readers.mapped_series import wrong_type

TYPES = {
    "MET_UCHAR": "u1", "MET_CHAR": "i1", "MET_USHORT": "u2", "MET_SHORT": "i2", "MET_UINT": "u4", "MET_INT": "i4",
    "MET_ULONG": "u4", "MET_LONG": "i4", "MET_ULONG_LONG": "u8", "MET_LONG_LONG": "i8", "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}  # fmt: skip
FIRST_KEYS = frozenset(
    ("objecttype", "objectsubtype", "ndims", "comment", "name", "id", "parentid", "acquisitiondate", "binarydata",
     "transformtype", "transformmatrix", "offset", "dimsize", "elementtype", "modality", "compresseddata")
)  # fmt: skip
DATA_FILE = "elementdatafile"
# Several names for one thing.
OFFSET = ("offset", "position", "origin")
MATRIX = ("transformmatrix", "rotation", "orientation")
BIG_ENDIAN = ("binarydatabyteordermsb", "elementbyteordermsb")
USED = frozenset(
    ("ndims", "dimsize", "elementtype", "elementspacing", "elementsize", "elementnumberofchannels", "binarydata",
     "compresseddata", "headersize", *OFFSET, *MATRIX, *BIG_ENDIAN)
)  # fmt: skip


def is_meta(start: bytes) -> bool:
    """True when a file begins like a MetaImage: its first line is one of the keys such headers begin with."""
    line = start.lstrip()[:200].partition(b"\n")[0]
    key, separator, _ = line.partition(b"=")
    return bool(separator) and key.strip().lower().decode("latin-1") in FIRST_KEYS


def meta_header(head: bytes, *, complete: bool) -> ItkHeader:
    """The header at the start of ``head``; ``complete`` when that is all of the file.

    Raises:
        FileNotUsed: it is damaged, or of a kind that is not read.
    """
    lines = HeaderLines(head, complete=complete)
    fields: dict[str, str] = {}
    for line in lines:
        key, value = _key_and_value(line)
        if key == DATA_FILE:
            return _header(fields, value, lines.offset)
        if key in fields and key in USED:
            raise damaged(key)
        if key:
            fields[key] = value
    raise missing_values()


def _key_and_value(line: str) -> tuple[str, str]:
    """MetaImage readers take a colon for the sign of equality, so it is one here as well."""
    places = [place for place in (line.find("="), line.find(":")) if place >= 0]
    if not places:
        return "", ""
    return line[: min(places)].strip().lower(), line[min(places) + 1 :].strip()


def _header(fields: Mapping[str, str], data_file: str, offset: int) -> ItkHeader:
    axes = axes_of(fields, "ndims")
    kind = fields.get("elementtype", "").upper()
    if kind not in TYPES:
        raise wrong_type(kind) if kind.startswith("MET_") else damaged("elementtype")
    big = any(is_true(fields, name) for name in BIG_ENDIAN)
    spacing = "elementspacing" if "elementspacing" in fields else "elementsize"
    matrix, position = _one_of(fields, MATRIX), _one_of(fields, OFFSET)
    return ItkHeader(
        sizes=sizes_of(fields, "dimsize", axes),
        channels=whole(fields, "elementnumberofchannels", 1),
        dtype=np.dtype(TYPES[kind]).newbyteorder(">" if big else "<"),
        encoding=_encoding(fields),
        place=_place(fields, data_file, offset),
        affine_lps=_affine(fields, axes, spacing, (matrix, position)),
        has_spacing=spacing in fields,
        has_orientation=bool(matrix),
        has_position=spacing in fields and bool(matrix or position),
    )


def _one_of(fields: Mapping[str, str], names: tuple[str, ...]) -> str:
    """The one of several names that is used; empty when none is."""
    used = [name for name in names if name in fields]
    if len({" ".join(fields[name].split()) for name in used}) > 1:
        raise damaged(used[1])
    return used[0] if used else ""


def _encoding(fields: Mapping[str, str]) -> Encoding:
    compressed, binary = is_true(fields, "compresseddata"), is_true(fields, "binarydata", default=True)
    if compressed and not binary:
        raise damaged("compresseddata")
    return "zlib" if compressed else "raw" if binary else "text"


def _place(fields: Mapping[str, str], data_file: str, offset: int) -> DataPlace:
    if not data_file:
        raise missing_values()
    if data_file.split(maxsplit=1)[0].upper() == "LIST":
        raise several_files()
    companion = "" if data_file.upper() == "LOCAL" else data_file
    skipped = whole(fields, "headersize", 0)
    if skipped and _encoding(fields) != "raw":
        raise damaged("headersize")
    if skipped < 0:
        return DataPlace(companion, at_end=True)
    if skipped:
        return DataPlace(companion, offset=skipped)
    return DataPlace(companion, offset=0 if companion else offset)


def _affine(fields: Mapping[str, str], axes: int, spacing: str, names: tuple[str, str]) -> Affine:
    matrix, position = names
    sizes = np.array(numbers(fields[spacing], spacing, axes)) if spacing in fields else np.ones(axes)
    if (sizes == 0).any():
        raise damaged(spacing)
    rows = np.eye(axes)
    if matrix:
        rows = np.array([number(part, matrix) for part in fields[matrix].split()])
        if rows.size != axes * axes:
            raise damaged(matrix)
        rows = rows.reshape(axes, axes)
    origin = np.array(numbers(fields[position], position, axes)) if position else np.zeros(axes)
    used = min(axes, 3)
    vectors = np.zeros((used, 3))
    vectors[:, :used] = (rows * sizes[:, None])[:used, :used]
    corner = np.zeros(3)
    corner[:used] = origin[:used]
    return filled_affine(list(vectors), corner)
