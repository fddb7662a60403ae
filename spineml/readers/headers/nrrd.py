"""Headers of NRRD: ``field: value`` lines after the magic, up to an empty line.

https://teem.sourceforge.net/nrrd/format.html. Lines ``key:=value`` are remarks of whoever wrote the file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from spineml.readers.headers.itk import (
    Affine,
    DataPlace,
    Encoding,
    HeaderLines,
    ItkHeader,
    Vector,
    axes_of,
    damaged,
    filled_affine,
    missing_values,
    numbers,
    several_files,
    sizes_of,
    whole,
)
from spineml.readers.mapped_series import wrong_type

NRRD_MAGIC = b"NRRD000"
MAX_SKIP = 64 * 1024**2
# From the named space to LPS, by axis; only these three say what is left and what is right.
ANATOMICAL = {
    "left-posterior-superior": (1, 1, 1), "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1), "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1), "las": (1, -1, 1),
}  # fmt: skip
OTHER_SPACES = frozenset(("scanner-xyz", "3d-right-handed", "3d-left-handed"))
TYPE_NAMES = {
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i1": ("signed char", "int8", "int8_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
TYPES = {name: code for code, names in TYPE_NAMES.items() for name in names}
ENCODINGS: dict[str, Encoding] = {
    "raw": "raw", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2", "hex": "hex",
    "text": "text", "txt": "text", "ascii": "text",
}  # fmt: skip
SPACE_KINDS = frozenset(("domain", "space", "???", "none"))


@dataclass(frozen=True)
class _Axis:
    """One axis: its size, and its vector (mm, in the file's space) or its spacing and start, where they are stated."""

    size: int
    in_space: bool
    vector: Vector | None
    spacing: float
    start: float


def nrrd_header(head: bytes, *, complete: bool) -> ItkHeader:
    """The header at the start of ``head``; ``complete`` when that is all of the file.

    Raises:
        FileNotUsed: it is damaged, or of a kind that is not read.
    """
    lines = HeaderLines(head, complete=complete)
    next(lines)
    fields: dict[str, str] = {}
    remarks: dict[str, str] = {}
    ended = False
    for line in lines:
        if not line:
            ended = True
            break
        _add(fields, remarks, line)
    return replace(_header(fields, lines.offset, ended=ended), remarks=remarks)


def _add(fields: dict[str, str], remarks: dict[str, str], line: str) -> None:
    """``Space Directions: x`` is kept under "spacedirections"; of two remarks with one key the first counts."""
    if line.startswith("#"):
        return
    name, separator, value = line.partition(":")
    if not separator:
        raise damaged(line[:40])
    if value.startswith("="):
        remarks.setdefault(name, _unescaped(value[1:]))
        return
    field = name.strip().lower().replace(" ", "")
    if field in fields:
        raise damaged(field)
    fields[field] = value.strip()


def _unescaped(text: str) -> str:
    """A remark as it was meant: a backslash is written twice, a line feed as a backslash and "n"."""
    return "\\".join(part.replace("\\n", "\n") for part in text.split("\\\\"))


def _header(fields: Mapping[str, str], offset: int, *, ended: bool) -> ItkHeader:
    kind = fields.get("type", "").lower()
    if kind not in TYPES:
        raise wrong_type(kind) if kind == "block" else damaged("type")
    encoding = ENCODINGS.get(fields.get("encoding", "").lower())
    if encoding is None:
        raise damaged("encoding")
    endian = fields.get("endian", "little").lower()
    if endian not in ("little", "big"):
        raise damaged("endian")
    axes = _axes(fields)
    space = [axis for axis in axes if axis.in_space]
    if not space:
        raise damaged("kinds")
    return ItkHeader(
        sizes=tuple(axis.size for axis in space),
        channels=prod(axis.size for axis in axes if not axis.in_space),
        dtype=np.dtype(TYPES[kind]).newbyteorder(">" if endian == "big" else "<"),
        encoding=encoding,
        place=_place(fields, encoding, offset, ended=ended),
        affine_lps=_affine(fields, space),
        has_spacing=all(axis.vector is not None or math.isfinite(axis.spacing) for axis in space),
        has_orientation=_space(fields) in ANATOMICAL and space[0].vector is not None,
        has_position=space[0].vector is not None,
    )


def _place(fields: Mapping[str, str], encoding: Encoding, offset: int, *, ended: bool) -> DataPlace:
    name = fields.get("datafile", "")
    if "datafile" in fields and not name:
        raise damaged("data file")
    if name and name.split(maxsplit=1)[0].upper() == "LIST":
        raise several_files()
    if not name and not ended:
        raise missing_values()
    lines, skip = whole(fields, "lineskip", 0), whole(fields, "byteskip", 0)
    if not 0 <= lines <= MAX_SKIP or skip > MAX_SKIP or (skip < 0 and encoding != "raw"):
        raise damaged("byte skip")
    return DataPlace(name, 0 if name else offset, lines, max(skip, 0), at_end=skip < 0)


# --- axes and space ---------------------------------------------------------------------------------------------------
def _space(fields: Mapping[str, str]) -> str:
    space = fields.get("space", "").lower()
    if space and space not in ANATOMICAL and space not in OTHER_SPACES:
        raise damaged("space")
    return space


def _dimension(fields: Mapping[str, str]) -> int:
    """The number of axes of the space around; 0 when the file knows none."""
    if _space(fields):
        return 3
    return axes_of(fields, "spacedimension") if "spacedimension" in fields else 0


def _axes(fields: Mapping[str, str]) -> list[_Axis]:
    """All axes, the fastest first.

    Raises:
        FileNotUsed: some field does not say one thing for each axis.
    """
    count = axes_of(fields, "dimension")
    sizes = sizes_of(fields, "sizes", count)
    kinds = fields["kinds"].lower().split() if "kinds" in fields else ["domain"] * count
    if len(kinds) != count:
        raise damaged("kinds")
    spacings = _per_axis(fields, "spacings", count)
    vectors = _vectors(fields, count)
    if any(math.isfinite(spacing) and spacing <= 0 for spacing in spacings):
        raise damaged("spacings")
    return [
        _Axis(
            size=sizes[place],
            in_space=kinds[place] in SPACE_KINDS and (vectors is None or vectors[place] is not None),
            vector=vectors[place] if vectors else None,
            spacing=spacings[place],
            start=start,
        )
        for place, start in enumerate(_starts(fields, spacings))
    ]


def _starts(fields: Mapping[str, str], spacings: list[float]) -> list[float]:
    """The place of the first sample of each axis, 0 where it is not stated; a cell begins half a spacing before it."""
    mins = _per_axis(fields, "axismins", len(spacings))
    centers = fields["centers"].lower().split() if "centers" in fields else ["cell"] * len(spacings)
    if len(centers) != len(spacings):
        raise damaged("centers")
    if not np.isfinite([*mins, *spacings]).all():
        return [0.0] * len(spacings)
    halves = [0.0 if center == "node" else spacing / 2 for center, spacing in zip(centers, spacings, strict=True)]
    return [least + half for least, half in zip(mins, halves, strict=True)]


def _per_axis(fields: Mapping[str, str], field: str, count: int) -> list[float]:
    return numbers(fields[field], field, count, missing=True) if field in fields else [math.nan] * count


def _vectors(fields: Mapping[str, str], count: int) -> list[Vector | None] | None:
    """The vector of each axis, None for one that lies in no space; None when the file states no vectors."""
    field, dimension = "spacedirections", _dimension(fields)
    if field not in fields:
        return None
    if not dimension:
        raise damaged("space")
    rest = fields[field].strip()
    vectors: list[Vector | None] = []
    while rest:
        if len(vectors) == count:
            raise damaged(field)
        if rest.lower().startswith("none"):
            vectors.append(None)
            rest = rest[4:].lstrip()
        else:
            end = rest.find(")")
            vectors.append(_vector(rest[: end + 1], field, dimension))
            rest = rest[end + 1 :].lstrip()
    if len(vectors) != count:
        raise damaged(field)
    return vectors


def _vector(text: str, field: str, dimension: int) -> Vector:
    """``(x,y,z)``; filled up, or cut, to three components."""
    if not (text.startswith("(") and text.endswith(")")):
        raise damaged(field)
    values = numbers(text[1:-1].replace(",", " "), field, dimension)
    return np.array([*values[:3], *[0.0] * (3 - len(values))])


def _affine(fields: Mapping[str, str], axes: list[_Axis]) -> Affine:
    origin = np.zeros(3)
    if axes[0].vector is None:
        vectors = []
        for place, axis in enumerate(axes[:3]):
            step = axis.spacing if math.isfinite(axis.spacing) else 1.0
            vectors.append(np.eye(3)[place] * step)
            origin[place] = axis.start
        return filled_affine(vectors, origin)
    if "spaceorigin" in fields:
        origin = _vector(fields["spaceorigin"].strip(), "spaceorigin", _dimension(fields))
    signs = np.array(ANATOMICAL.get(_space(fields), (1, 1, 1)), float)
    return filled_affine([axis.vector * signs for axis in axes[:3] if axis.vector is not None], origin * signs)
