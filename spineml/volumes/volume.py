"""One convention for every image: where its voxels are, in which order, and in which unit.

Arrays are indexed ``(z, y, x)``: z grows towards the head, y towards the patient's back, x towards the
patient's left (the closest such order of the acquired axes; no voxel is ever interpolated). Positions are
millimetres in LPS (left, posterior, superior), the DICOM patient coordinate system (DICOM PS3.3 C.7.6.2.1.1).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Triple = tuple[float, float, float]
HounsfieldArray = npt.NDArray[np.int16]
LabelArray = npt.NDArray[np.uint8]

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
MOST_MM = 1e6
# Where nothing was measured, and the least a canonical volume holds.
AIR_HU = -1024


@dataclass(frozen=True)
class SourceGrid:
    """How the file's own array is laid out, so that an export can be given back in exactly that layout.

    ``file_array = flip(canonical.transpose(axes), where flips)``. For a DICOM series the file's array is
    (slice towards the head, row, column); for NIfTI it is (i, j, k).
    """

    axes: tuple[int, int, int] = (0, 1, 2)
    flips: tuple[bool, bool, bool] = (False, False, False)

    def to_file(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return a view of the canonical ``(z, y, x)`` array in the file's layout."""
        step = tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)
        return array.transpose(self.axes)[step]

    def to_canonical(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return a view of the file's array as canonical ``(z, y, x)``."""
        step = tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)
        return array[step].transpose(np.argsort(self.axes))

    @property
    def keeps_slices(self) -> bool:
        """True when the file's first axis is the canonical z, so that slices can be exchanged one by one."""
        return self.axes == (0, 1, 2) and not self.flips[0]


@dataclass(frozen=True)
class Geometry:
    """The grid of a volume: ``shape`` and ``spacing`` (mm) are ``(z, y, x)``, ``origin`` is LPS mm ``(x, y, z)``.

    ``direction`` holds the row-major 3x3 matrix whose columns are the LPS unit vectors of the x, y and z index
    axes. ``spacing_known`` is False when the file states no spacing: lengths are then in pixels.
    """

    shape: tuple[int, int, int]
    spacing: Triple = (1.0, 1.0, 1.0)
    direction: tuple[float, ...] = IDENTITY
    origin: Triple = (0.0, 0.0, 0.0)
    spacing_known: bool = True
    source: SourceGrid = SourceGrid()

    def affine_lps(self) -> npt.NDArray[np.float64]:
        """The 4x4 matrix from a voxel index ``(x, y, z, 1)`` to LPS mm."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.array(self.direction).reshape(3, 3) * np.array(self.spacing[::-1])
        matrix[:3, 3] = self.origin
        return matrix

    def affine_ras(self) -> npt.NDArray[np.float64]:
        """The same for RAS mm, the world of NIfTI."""
        return RAS_TO_LPS @ self.affine_lps()

    def file_affine_lps(self) -> npt.NDArray[np.float64]:
        """The 4x4 matrix from an index of the *file's* array (its own axis order) to LPS mm."""
        columns = self.affine_lps()
        by_axis = {0: columns[:3, 2], 1: columns[:3, 1], 2: columns[:3, 0]}
        matrix = np.eye(4)
        origin = columns[:3, 3].copy()
        for position, (axis, flip) in enumerate(zip(self.source.axes, self.source.flips, strict=True)):
            vector = by_axis[axis]
            matrix[:3, position] = -vector if flip else vector
            if flip:
                origin = origin + vector * (self.shape[axis] - 1)
        matrix[:3, 3] = origin
        return matrix

    @property
    def pixel_area_mm2(self) -> float:
        """Area of one voxel in the plane of a slice; smaller than the product of its sides when they are slanted."""
        cosines = np.array(self.direction).reshape(3, 3)
        slant = float(np.linalg.norm(np.cross(cosines[:, 0], cosines[:, 1])))
        return self.spacing[1] * self.spacing[2] * slant

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel; with a tilted gantry it is smaller than the product of its sides."""
        slant = abs(float(np.linalg.det(np.array(self.direction).reshape(3, 3))))
        return self.spacing[0] * self.spacing[1] * self.spacing[2] * slant

    def same_grid(self, other: Geometry, *, tolerance_mm: float = 0.1) -> bool:
        """True when every voxel of both grids lies at the same place within ``tolerance_mm``."""
        if self.shape != other.shape:
            return False
        corners = np.array(list(itertools.product(*[(0, size - 1) for size in self.shape[::-1]])), dtype=float)
        homogeneous = np.c_[corners, np.ones(len(corners))].T
        distance = (self.affine_lps() - other.affine_lps()) @ homogeneous
        return bool(np.abs(distance[:3]).max() <= tolerance_mm)

    def as_json(self) -> dict[str, Any]:
        """Plain values for an HDF5 attribute, a JSON column or the API."""
        return {
            "shape": list(self.shape),
            "spacing": list(self.spacing),
            "direction": list(self.direction),
            "origin": list(self.origin),
            "spacing_known": self.spacing_known,
            "source_axes": list(self.source.axes),
            "source_flips": list(self.source.flips),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Geometry:
        return cls(
            shape=tuple(values["shape"]),
            spacing=tuple(values["spacing"]),
            direction=tuple(values["direction"]),
            origin=tuple(values["origin"]),
            spacing_known=values["spacing_known"],
            source=SourceGrid(tuple(values["source_axes"]), tuple(values["source_flips"])),
        )


def canonical_geometry(
    affine_lps: npt.NDArray[np.float64], file_shape: tuple[int, int, int], *, spacing_known: bool = True
) -> Geometry:
    """Find the closest axial order of a file's axes.

    Args:
        affine_lps: 4x4, from an index of the file's array (in the file's own axis order) to LPS mm.
        file_shape: the shape of the file's array.

    Returns:
        The canonical geometry; ``geometry.source`` converts arrays between both layouts without interpolation.

    Raises:
        ValueError: the matrix is singular, not finite, or holds more than a kilometre.
    """
    if not np.isfinite(affine_lps).all() or np.abs(affine_lps).max() > MOST_MM:
        raise ValueError("the orientation matrix is singular or not finite, or places voxels kilometres away")
    vectors = np.asarray(affine_lps, dtype=float)[:3, :3]
    lengths = np.linalg.norm(vectors, axis=0)
    if (lengths < 1e-6).any() or abs(np.linalg.det(vectors / lengths)) < 1e-3:
        raise ValueError("the orientation matrix is singular or not finite")
    cosines = vectors / lengths
    # canonical axis (0=z, 1=y, 2=x) looks along LPS component (2, 1, 0)
    best = max(itertools.permutations(range(3)), key=lambda p: sum(abs(cosines[2 - p[i], i]) for i in range(3)))
    axes = (best[0], best[1], best[2])
    flips = tuple(bool(cosines[2 - axis, position] < 0) for position, axis in enumerate(axes))
    shape, spacing, columns = [0] * 3, [0.0] * 3, [np.zeros(3)] * 3
    origin = np.asarray(affine_lps, dtype=float)[:3, 3].copy()
    for position, (axis, flip) in enumerate(zip(axes, flips, strict=True)):
        shape[axis], spacing[axis] = int(file_shape[position]), float(lengths[position])
        columns[axis] = -cosines[:, position] if flip else cosines[:, position]
        if flip:
            origin = origin + vectors[:, position] * (file_shape[position] - 1)
    direction = np.stack([columns[2], columns[1], columns[0]], axis=1)
    return Geometry(
        shape=(shape[0], shape[1], shape[2]),
        spacing=(spacing[0], spacing[1], spacing[2]),
        direction=tuple(float(value) + 0.0 for value in direction.ravel()),  # + 0.0: no minus zero
        origin=(float(origin[0]), float(origin[1]), float(origin[2])),
        spacing_known=spacing_known,
        source=SourceGrid(axes, (flips[0], flips[1], flips[2])),
    )


@dataclass(frozen=True)
class Volume:
    """A CT in memory: ``hu`` is int16 ``(z, y, x)``. For small volumes, tests and training; runs stream from disk."""

    hu: HounsfieldArray
    geometry: Geometry

    def __post_init__(self) -> None:
        if self.hu.shape != self.geometry.shape:
            raise ValueError(f"the array is {self.hu.shape}, its geometry says {self.geometry.shape}")


@dataclass(frozen=True)
class Mask:
    """Labels in memory: uint8 ``(z, y, x)``, 0 is background, on the grid ``geometry``."""

    labels: LabelArray
    geometry: Geometry

    def __post_init__(self) -> None:
        if self.labels.shape != self.geometry.shape:
            raise ValueError(f"the array is {self.labels.shape}, its geometry says {self.geometry.shape}")


def with_unknown_spacing(geometry: Geometry) -> Geometry:
    """The same grid, marked as having no spacing in millimetres."""
    return replace(geometry, spacing=(1.0, 1.0, 1.0), spacing_known=False)


class SliceSource(Protocol):
    """What can be read slice by slice: `canonical_file.SliceFileReader` and anything like it."""

    def __len__(self) -> int: ...

    def read(self, z: int) -> npt.NDArray[Any]:
        """Slice ``z`` as ``(y, x)``."""


class VolumeSource(SliceSource, Protocol):
    """A `SliceSource` that knows where its voxels are; slices of a CT are int16 HU."""

    @property
    def geometry(self) -> Geometry: ...
