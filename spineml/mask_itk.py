"""Headers of NRRD and MetaImage (.mha) masks, read in Python.

ITK's own MetaImage reader crashes the whole process on some damaged headers, and follows headers that name other
files. Here a mask is one file, of whole or floating-point numbers, raw or compressed with gzip (NRRD) or zlib (MHA).
"""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass
from typing import IO, Any, Protocol

import numpy as np
import numpy.typing as npt

from spineml.mask_labels import MaskUnreadable

NRRD_MAGIC = b"NRRD000"
HEADER_BYTES = 64 * 1024
READ_BYTES = 64 * 1024
DATA_LINE = re.compile(rb"^\s*ElementDataFile\s*=\s*(.*?)\s*\n", re.IGNORECASE | re.MULTILINE)
# From the named space to LPS, by axis.
NRRD_SPACES = {
    "left-posterior-superior": (1, 1, 1), "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1), "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1), "las": (1, -1, 1),
}  # fmt: skip
NRRD_TYPE_NAMES = {
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i1": ("signed char", "int8", "int8_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
NRRD_TYPES = {name: code for code, names in NRRD_TYPE_NAMES.items() for name in names}
META_TYPES = {
    "MET_UCHAR": "u1", "MET_CHAR": "i1", "MET_USHORT": "u2", "MET_SHORT": "i2", "MET_UINT": "u4", "MET_INT": "i4",
    "MET_ULONG_LONG": "u8", "MET_LONG_LONG": "i8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip


class Readable(Protocol):
    """A stream of unpacked bytes."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class ItkHeader:
    """``sizes`` are in the order (i, j, k), i fastest; ``affine_lps`` takes them to mm, None when not stated in 3-D."""

    sizes: tuple[int, ...]
    dtype: np.dtype[Any]
    encoding: str
    offset: int
    affine_lps: npt.NDArray[np.float64] | None


def read_itk_header(stream: IO[bytes], name: str) -> ItkHeader:
    """Read the header at the start of ``stream``.

    Raises:
        MaskUnreadable: it is damaged, or keeps its values in another file or in a rare encoding.
    """
    head = stream.read(HEADER_BYTES)
    try:
        return _nrrd_header(head, name) if head.startswith(NRRD_MAGIC) else _meta_header(head, name)
    except (ValueError, KeyError, IndexError, OverflowError) as error:
        raise MaskUnreadable(f"{name} has a damaged or unusual header. Save it again.") from error


def itk_values(stream: IO[bytes], header: ItkHeader) -> Readable:
    """The unpacked values of the file, to be read from first to last."""
    stream.seek(header.offset)
    if header.encoding == "gzip":
        return gzip.GzipFile(fileobj=stream)
    return _Inflate(stream) if header.encoding == "zlib" else stream


class _Inflate:
    """Reads a zlib stream piece by piece."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        self._inflate = zlib.decompressobj()

    def read(self, size: int, /) -> bytes:
        """At most ``size`` unpacked bytes, fewer only at the end."""
        parts = []
        while size > 0 and not self._inflate.eof:
            fresh = self._inflate.unconsumed_tail or self._packed.read(READ_BYTES)
            parts.append(self._inflate.decompress(fresh, size))
            size -= len(parts[-1])
            if not fresh:
                break
        return b"".join(parts)


def _nrrd_header(head: bytes, name: str) -> ItkHeader:
    end = re.search(rb"\r?\n\r?\n", head)
    lines = head[: end.start() if end else None].decode("latin-1").splitlines()[1:]
    fields = _fields(lines, ":")
    if "data file" in fields or "datafile" in fields:
        raise _elsewhere(name)
    if end is None or any(int(fields.get(key, "0")) for key in ("line skip", "lineskip", "byte skip", "byteskip")):
        raise ValueError("the values do not follow the header")
    kind = NRRD_TYPES[fields["type"].lower()]
    encoding = {"raw": "raw", "gz": "gzip", "gzip": "gzip"}[fields["encoding"].lower()]
    big = fields.get("endian", "little").lower() == "big"
    sizes = tuple(int(size) for size in fields["sizes"].split())
    return ItkHeader(sizes, _dtype(kind, big=big), encoding, end.end(), _nrrd_affine(fields, len(sizes)))


def _nrrd_affine(fields: dict[str, str], axes: int) -> npt.NDArray[np.float64] | None:
    if axes != 3 or "space directions" not in fields:
        return None
    to_lps = NRRD_SPACES[fields["space"].lower()] if "space" in fields else (1, 1, 1)
    affine = np.eye(4)
    vectors = re.findall(r"\(([^)]*)\)", fields["space directions"])
    affine[:3, :3] = np.array([_numbers(vector.replace(",", " "), 3) for vector in vectors]).T
    if "space origin" in fields:
        affine[:3, 3] = _numbers(re.sub(r"[(),]", " ", fields["space origin"]), 3)
    return np.diag([*to_lps, 1.0]) @ affine


def _meta_header(head: bytes, name: str) -> ItkHeader:
    data = DATA_LINE.search(head)
    if data is None:
        raise ValueError("no data")
    if data.group(1).upper() != b"LOCAL":
        raise _elsewhere(name)
    fields = _fields(head[: data.start()].decode("latin-1").splitlines(), "=")
    if not _is_true(fields, "binarydata", default=True) or int(fields.get("headersize", "0")) != 0:
        raise ValueError("values as text")
    if int(fields.get("elementnumberofchannels", "1")) != 1:
        raise MaskUnreadable(f"{name} has several channels. A mask has one.")
    big = _is_true(fields, "binarydatabyteordermsb") or _is_true(fields, "elementbyteordermsb")
    sizes = tuple(int(size) for size in fields["dimsize"].split())
    if len(sizes) != int(fields["ndims"]):
        raise ValueError("sizes and axes differ")
    encoding = "zlib" if _is_true(fields, "compresseddata") else "raw"
    kind = META_TYPES[fields["elementtype"].upper()]
    return ItkHeader(sizes, _dtype(kind, big=big), encoding, data.end(), _meta_affine(fields, len(sizes)))


def _meta_affine(fields: dict[str, str], axes: int) -> npt.NDArray[np.float64] | None:
    """MetaImage's world is LPS; its matrix holds the direction of one axis after the other."""
    spacing = fields.get("elementspacing", fields.get("elementsize"))
    if axes != 3 or spacing is None:
        return None
    matrix = _first(fields, ("transformmatrix", "rotation", "orientation"), "1 0 0 0 1 0 0 0 1")
    affine = np.eye(4)
    affine[:3, :3] = np.array(_numbers(matrix, 9)).reshape(3, 3).T * _numbers(spacing, 3)
    affine[:3, 3] = _numbers(_first(fields, ("offset", "position", "origin"), "0 0 0"), 3)
    return affine


def _fields(lines: list[str], separator: str) -> dict[str, str]:
    pairs = (line.split(separator, 1) for line in lines if separator in line and not line.startswith("#"))
    return {key.strip().lower(): value.strip() for key, value in pairs}


def _first(fields: dict[str, str], keys: tuple[str, ...], otherwise: str) -> str:
    return next((fields[key] for key in keys if key in fields), otherwise)


def _is_true(fields: dict[str, str], key: str, *, default: bool = False) -> bool:
    return fields[key].lower() in ("true", "1") if key in fields else default


def _numbers(text: str, count: int) -> list[float]:
    numbers = [float(part) for part in text.split()]
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise ValueError(f"expected {count} numbers")
    return numbers


def _dtype(kind: str, *, big: bool) -> np.dtype[Any]:
    return np.dtype(kind).newbyteorder(">" if big else "<")


def _elsewhere(name: str) -> MaskUnreadable:
    return MaskUnreadable(f"{name} keeps its voxels in another file. Save header and voxels in one file.")
