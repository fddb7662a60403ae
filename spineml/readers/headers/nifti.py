"""NIfTI-1 and NIfTI-2 headers, read once for CT and masks: sizes, type, scaling and where the voxels lie.

https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h and nifti2.h. World is RAS in the file, LPS here. Extensions
are skipped, never read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spineml.message import message
from spineml.readers.mapped_series import wrong_type
from spineml.readers.series import FileNotUsed
from spineml.readers.unpacking import ValuesDamaged, maybe_gzip
from spineml.volumes.volume import MOST_MM, RAS_TO_LPS, canonical_geometry

HEADER_BYTES = 540
MAX_OFFSET = 64 * 1024**2
LABEL_INTENT = 1002
MOST_SCALED = 1e9
SPACE_UNIT_BITS = 7
UNIT_MM = {1: 1000.0, 2: 1.0, 3: 0.001}  # metre, millimetre, micrometre
DTYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8",
}  # fmt: skip
# Known to the format, but no plain numbers.
OTHER_DTYPES = {
    1: "bit", 32: "complex64", 128: "RGB", 1536: "float128", 1792: "complex128", 2048: "complex256", 2304: "RGBA",
}  # fmt: skip
# Fields that are read: name, offset in the file, numpy code, count; first NIfTI-1 (348 bytes), then NIfTI-2 (540).
FIELDS_1 = (
    ("dim", 40, "i2", 8), ("intent", 68, "i2", 1), ("datatype", 70, "i2", 1), ("pixdim", 76, "f4", 8),
    ("offset", 108, "f4", 1), ("slope", 112, "f4", 1), ("intercept", 116, "f4", 1), ("units", 123, "u1", 1),
    ("qform_code", 252, "i2", 1), ("sform_code", 254, "i2", 1), ("quaternion", 256, "f4", 3),
    ("quaternion_offset", 268, "f4", 3), ("rows", 280, "f4", 12),
)  # fmt: skip
FIELDS_2 = (
    ("dim", 16, "i8", 8), ("intent", 504, "i4", 1), ("datatype", 12, "i2", 1), ("pixdim", 104, "f8", 8),
    ("offset", 168, "i8", 1), ("slope", 176, "f8", 1), ("intercept", 184, "f8", 1), ("units", 500, "i4", 1),
    ("qform_code", 344, "i4", 1), ("sform_code", 348, "i4", 1), ("quaternion", 352, "f8", 3),
    ("quaternion_offset", 376, "f8", 3), ("rows", 400, "f8", 12),
)  # fmt: skip

Affine = npt.NDArray[np.float64]
Form = Literal["sform", "qform"]


@dataclass(frozen=True)
class NiftiHeader:
    """``sizes`` are the axes in use, the fastest first. The values begin at byte ``offset`` of the unpacked file; a
    value is the number there times ``slope`` plus ``intercept``.

    ``voxel_mm`` are the sizes of a voxel along the first three axes, 1 where none is stated. ``forms`` are the stated
    orientations that can be used, by index to LPS mm, the one that counts first (the sform).
    """

    sizes: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    slope: float
    intercept: float
    voxel_mm: tuple[float, float, float]
    states_orientation: bool
    forms: dict[Form, Affine]
    is_labels: bool

    @property
    def is_scaled(self) -> bool:
        return (self.slope, self.intercept) != (1.0, 0.0)

    def disagreement_mm(self, shape: tuple[int, int, int]) -> float:
        """How far the two stated orientations place a voxel apart, at most; 0 when there is one, or none."""
        if len(self.forms) < 2:
            return 0.0
        corners = np.array([[i, j, k, 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)], float).T
        corners[:3] *= np.array(shape, float)[:, None] - 1
        apart = (self.forms["sform"] - self.forms["qform"]) @ corners
        return float(np.linalg.norm(apart[:3], axis=0).max())


def nifti_start(path: Path) -> bytes | None:
    """The first 540 unpacked bytes when the file is NIfTI by its content, else None."""
    try:
        with maybe_gzip(path) as (stream, _):
            start = stream.read(HEADER_BYTES)
    except ValuesDamaged:
        return None
    known = start[344:347] in (b"n+1", b"ni1") or start[4:7] in (b"n+2", b"ni2")
    return start if known else None


def read_nifti_header(path: Path) -> NiftiHeader:
    """Read the header of a NIfTI file, compressed or not.

    Raises:
        FileNotUsed: it is damaged, or keeps its values in a second file.
    """
    start = nifti_start(path)
    if start is None:
        raise damaged("magic")
    second = start[4:6] == b"n+" or start[4:6] == b"ni"
    if (start[4:6] if second else start[344:346]) == b"ni":
        reason = message("The values are in a second file (.img). Save the volume as one .nii or .nii.gz file.")
        raise FileNotUsed("two-files", reason)
    return _header(_fields(start, second=second), least_offset=544 if second else 352)


def damaged(field: str) -> FileNotUsed:
    return FileNotUsed(
        "damaged-nifti", message("The NIfTI header is damaged at “{field}”. Save the volume again.", field=field)
    )


def _fields(start: bytes, *, second: bool) -> dict[str, npt.NDArray[Any]]:
    """The fields in the byte order in which the header gives its own length."""
    length = 540 if second else 348
    if len(start) < length:
        raise FileNotUsed("truncated", message("The file is truncated: values are missing. Send it again."))
    order: Literal["<", ">"]
    for order in ("<", ">"):
        if int(np.frombuffer(start, f"{order}i4", 1)[0]) == length:
            fields = FIELDS_2 if second else FIELDS_1
            with np.errstate(invalid="ignore"):  # a signalling NaN is still only a NaN
                found = {
                    name: np.frombuffer(start, f"{order}{code}", count, place).astype(_wide(code))
                    for name, place, code, count in fields
                }
            return {**found, "order": np.array([order])}
    raise damaged("sizeof_hdr")


def _wide(code: str) -> str:
    return "f8" if code[0] == "f" else "i8"


def _header(fields: dict[str, npt.NDArray[Any]], *, least_offset: int) -> NiftiHeader:
    count = int(fields["dim"][0])
    sizes = tuple(int(size) for size in fields["dim"][1 : 1 + count])
    if not 1 <= count <= 7 or any(size < 0 for size in sizes):
        raise damaged("dim")
    slope, intercept = _scaling(fields)
    voxel_mm, scale = _voxel_mm(fields, count)
    codes = int(fields["sform_code"][0]), int(fields["qform_code"][0])
    return NiftiHeader(
        sizes=sizes,
        dtype=_dtype(int(fields["datatype"][0]), str(fields["order"][0])),
        offset=_offset(float(fields["offset"][0]), least_offset),
        slope=slope,
        intercept=intercept,
        voxel_mm=voxel_mm,
        states_orientation=max(codes) > 0,
        forms=_forms(fields, voxel_mm, scale, codes),
        is_labels=int(fields["intent"][0]) == LABEL_INTENT,
    )


def _dtype(code: int, order: str) -> np.dtype[Any]:
    if code in OTHER_DTYPES:
        raise wrong_type(OTHER_DTYPES[code])
    if code not in DTYPES:
        raise damaged("datatype")
    return np.dtype(DTYPES[code]).newbyteorder("<" if order == "<" else ">")


def _offset(value: float, least: int) -> int:
    """NIfTI-1 keeps it as a float; what is before the header's end, or megabytes behind it, is damage."""
    if not least - 4 <= value <= MAX_OFFSET or not value.is_integer():
        raise damaged("vox_offset")
    return int(value)


def _scaling(fields: dict[str, npt.NDArray[Any]]) -> tuple[float, float]:
    """A slope of 0 (or none) means that the values are not scaled."""
    slope, intercept = float(fields["slope"][0]), float(fields["intercept"][0])
    if slope == 0 or not math.isfinite(slope):
        return 1.0, 0.0
    if not math.isfinite(intercept) or max(abs(slope), abs(intercept)) > MOST_SCALED:
        raise damaged("scl_slope")
    return slope, intercept


def _voxel_mm(fields: dict[str, npt.NDArray[Any]], count: int) -> tuple[tuple[float, float, float], float]:
    scale = UNIT_MM.get(int(fields["units"][0]) & SPACE_UNIT_BITS, 1.0)
    sizes = np.abs(fields["pixdim"][1:4])
    sizes[min(count, 3) :] = 1.0 / scale
    sizes = np.where(np.isfinite(sizes) & (sizes > 0) & (sizes < MOST_MM), sizes * scale, 1.0)
    return (float(sizes[0]), float(sizes[1]), float(sizes[2])), scale


# --- orientation ------------------------------------------------------------------------------------------------------
def _forms(
    fields: dict[str, npt.NDArray[Any]], voxel_mm: Sequence[float], scale: float, codes: tuple[int, int]
) -> dict[Form, Affine]:
    """The stated matrices that span a space. An identity beside other voxel sizes is a placeholder: it says nothing."""
    found: dict[Form, Affine] = {}
    stated: tuple[tuple[Form, int, Affine], ...] = (
        ("sform", codes[0], np.vstack([fields["rows"].reshape(3, 4), [0.0, 0.0, 0.0, 1.0]])),
        ("qform", codes[1], _from_quaternion(fields)),
    )
    for name, code, matrix in stated:
        if code <= 0 or not np.isfinite(matrix).all() or np.abs(matrix).max() > MOST_MM:
            continue
        affine = np.diag([scale, scale, scale, 1.0]) @ matrix
        placeholder = np.allclose(affine, np.eye(4)) and not np.allclose(voxel_mm, 1.0)
        if not placeholder and _spans_space(RAS_TO_LPS @ affine):
            found[name] = RAS_TO_LPS @ affine
    return found


def _spans_space(affine: Affine) -> bool:
    try:
        canonical_geometry(affine, (1, 1, 1))
    except ValueError:
        return False
    return True


def _from_quaternion(fields: dict[str, npt.NDArray[Any]]) -> Affine:
    """The qform: a rotation by three parts of a unit quaternion, a sign for the last axis, sizes and an offset."""
    matrix = np.full((4, 4), np.nan)
    parts, sizes = fields["quaternion"], np.abs(fields["pixdim"][1:4])
    if not np.isfinite([*parts, *sizes]).all() or np.abs(parts).max() > 1.0 + 1e-3:
        return matrix
    square = float(parts @ parts)
    b, c, d = parts / math.sqrt(square) if square > 1.0 else parts
    a = math.sqrt(max(0.0, 1.0 - square))
    rotation = np.array([
        [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ])  # fmt: skip
    sign = -1.0 if fields["pixdim"][0] < 0 else 1.0
    matrix[:3, :3] = rotation * sizes * np.array([1.0, 1.0, sign])
    matrix[:3, 3] = fields["quaternion_offset"]
    matrix[3] = (0.0, 0.0, 0.0, 1.0)
    return matrix
