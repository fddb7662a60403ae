"""A coded CT of a lumbar spine, for tests and for trying the platform without any patient's data.

Sizes follow adult anatomy roughly: bodies 46 x 34 mm and 27 mm high, discs 9 mm, canal 20 x 16 mm. It is a drawing
with noise, good for checking that things work, not for judging a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from scipy import ndimage

from spineml.volumes.volume import AIR_HU, Geometry, LabelArray, Mask, Triple, Volume

Region = npt.NDArray[np.bool_]
Values = npt.NDArray[np.floating[Any]]
BODY_HEIGHT_MM = 27.0
LEVEL_MM = 36.0
NOISE_HU = 14.0


@dataclass(frozen=True)
class _Grid:
    """Millimetres from the middle of the vertebral bodies: x to the left, y to the back, z to the head."""

    x: Values
    y: Values
    z: Values

    def oval(self, centre: tuple[float, float], radii: tuple[float, float]) -> Region:
        inside: Region = ((self.x - centre[0]) / radii[0]) ** 2 + ((self.y - centre[1]) / radii[1]) ** 2 <= 1.0
        return inside

    def bar(self, start: tuple[float, float], end: tuple[float, float], radius: float) -> Region:
        """All points within ``radius`` of the line from ``start`` to ``end``, both ``(x, y)``."""
        along = np.array(end) - np.array(start)
        share = ((self.x - start[0]) * along[0] + (self.y - start[1]) * along[1]) / float(along @ along)
        share = np.clip(share, 0.0, 1.0)
        gap_x, gap_y = self.x - start[0] - share * along[0], self.y - start[1] - share * along[1]
        inside: Region = gap_x**2 + gap_y**2 <= radius**2
        return inside


def spine_phantom(
    shape: tuple[int, int, int] = (40, 256, 256), seed: int = 0, spacing: Triple = (3.0, 0.8, 0.8)
) -> tuple[Volume, Mask]:
    """A CT and the mask of its vertebrae (label 1; canal, discs and ribs are out), both ``(z, y, x)``."""
    rng = np.random.default_rng(seed)
    geometry = Geometry(shape, spacing, origin=(-spacing[2] * shape[2] / 2, -spacing[1] * shape[1] / 2, -400.0))
    grid = _grid(geometry)
    hu = np.full(shape, -1000.0)
    width, depth = spacing[2] * shape[2] * 0.47, spacing[1] * shape[1] * 0.42
    _paint_trunk(hu, grid, width, depth)
    bone = _paint_vertebrae(hu, grid, rng)
    _paint_ribs(hu, grid, width, depth)
    hu = ndimage.gaussian_filter(hu, (0.3, 0.7, 0.7)) + rng.normal(0.0, NOISE_HU, shape)
    labels: LabelArray = bone.astype(np.uint8)
    return Volume(np.clip(np.rint(hu), AIR_HU, 3071).astype(np.int16), geometry), Mask(labels, geometry)


def _grid(geometry: Geometry) -> _Grid:
    depth, height, width = geometry.shape
    step_z, step_y, step_x = geometry.spacing
    return _Grid(
        x=((np.arange(width) - width / 2) * step_x)[None, None, :],
        y=((np.arange(height) - height * 0.62) * step_y)[None, :, None],
        z=(np.arange(depth) * step_z)[:, None, None],
    )


def _paint_trunk(hu: Values, grid: _Grid, width: float, depth: float) -> None:
    """Skin and fat, muscle, bowel, kidneys, aorta and vena cava."""
    middle = (0.0, -0.24 * depth)
    _fill(hu, grid.oval(middle, (width, depth)), -95.0)
    _fill(hu, grid.oval(middle, (width * 0.9, depth * 0.88)), 45.0)
    _fill(hu, grid.oval((0.0, middle[1] - depth * 0.15), (width * 0.7, depth * 0.55)), -60.0)
    for side in (-1.0, 1.0):
        _fill(hu, grid.oval((side * 38.0, -2.0), (17.0, 22.0)), 58.0)
        _fill(hu, grid.oval((side * 30.0, 38.0), (24.0, 15.0)), 52.0)
    _fill(hu, grid.oval((9.0, -32.0), (10.0, 10.0)), 160.0)
    _fill(hu, grid.oval((-14.0, -30.0), (11.0, 9.0)), 120.0)
    _fill(hu, grid.oval((25.0, -depth * 0.7), (16.0, 9.0)) & (np.sin(grid.z / 11.0) > 0), -850.0)


def _fill(hu: Values, region: Region, value: float | Values) -> None:
    np.copyto(hu, value, where=np.broadcast_to(region, hu.shape))


def _paint_vertebrae(hu: Values, grid: _Grid, rng: np.random.Generator) -> Region:
    """Paint discs and bone; returns where the bone of vertebrae is."""
    place = np.mod(grid.z + float(rng.uniform(0.0, LEVEL_MM)), LEVEL_MM)
    waist = 1.0 - 0.08 * np.sin(np.pi * np.clip(place / BODY_HEIGHT_MM, 0.0, 1.0))
    in_body = place < BODY_HEIGHT_MM
    column = grid.oval((0.0, 0.0), (23.0, 17.0))
    _fill(hu, column & ~in_body, 85.0)
    body = grid.oval((0.0, 0.0), (23.0 * waist, 17.0 * waist)) & in_body
    canal = grid.oval((0.0, 24.0), (10.5, 8.5))
    bone = (body | _arch(grid, place)) & ~canal
    bone = np.broadcast_to(bone, hu.shape)
    thickness = max(1, round(2.0 / float(grid.x[0, 0, 1] - grid.x[0, 0, 0])))
    marrow = ndimage.binary_erosion(bone, np.ones((1, 3, 3)), iterations=thickness)
    texture = ndimage.gaussian_filter(rng.normal(0.0, 1.0, hu.shape), (0.5, 1.2, 1.2))
    _fill(hu, bone, 620.0)
    np.copyto(hu, 210.0 + 110.0 * texture, where=marrow)
    _fill(hu, canal, 22.0)
    _fill(hu, grid.oval((0.0, 24.0), (6.0, 5.0)), 38.0)
    return bone


def _arch(grid: _Grid, place: Values) -> Region:
    """Pedicles, laminae, transverse and spinous processes, each at its own heights of a level."""
    region = np.zeros(np.broadcast_shapes(grid.x.shape, grid.y.shape, grid.z.shape), bool)
    for side in (-1.0, 1.0):
        region |= grid.bar((side * 13.5, 12.0), (side * 14.5, 26.0), 4.5) & (place > 11.0) & (place < 25.0)
        region |= grid.bar((side * 15.0, 24.0), (side * 38.0, 30.0), 3.6) & (place > 12.0) & (place < 21.0)
        region |= grid.bar((side * 14.5, 26.0), (side * 1.0, 37.0), 3.8) & (place > 2.0) & (place < 20.0)
        region |= grid.oval((side * 17.0, 30.0), (6.5, 6.0)) & ((place > 30.0) | (place < 8.0))
    region |= grid.bar((0.0, 36.0), (0.0, 60.0), 3.4) & (place < 17.0)
    return region


def _paint_ribs(hu: Values, grid: _Grid, width: float, depth: float) -> None:
    """Oblique cuts through ribs near the wall: bone that is no vertebra."""
    for number, angle in enumerate((0.1, 0.6, 2.55, 3.05, 4.0, 5.4)):
        turn = angle + 0.25 * np.sin(grid.z / 40.0 + number)
        x = np.cos(turn) * width * 0.84
        y = -0.24 * depth + np.sin(turn) * depth * 0.8
        reach = ((grid.x - x) / 9.0) ** 2 + ((grid.y - y) / 4.5) ** 2
        _fill(hu, reach <= 1.0, 480.0)
        _fill(hu, reach <= 0.35, 190.0)


def write_dicom_series(
    volume: Volume,
    folder: Path,
    *,
    tilt_deg: float = 0.0,
    patient_id: str = "PHANTOM-1",
    series: str = "1",
    overrides: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Write a volume as CT Image Storage files, one per slice, the lowest first.

    ``tilt_deg`` tilts the gantry: the slices turn about their row axis, the line through them stays.
    ``series`` names the series: the same patient and name give the same UIDs. ``overrides`` sets or (with None)
    removes elements by keyword in every file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for z in range(volume.geometry.shape[0]):
        dataset = _slice_dataset(volume, z, tilt_deg, (patient_id, series))
        for keyword, value in (overrides or {}).items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)
        path = folder / f"{z:04d}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _slice_dataset(volume: Volume, z: int, tilt_deg: float, names: tuple[str, str]) -> Dataset:
    patient, series = names
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=["instance", patient, series, str(z)])
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=["study", patient])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["series", patient, series])
    dataset.FrameOfReferenceUID = generate_uid(entropy_srcs=["frame", patient])
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.Modality, dataset.PatientID, dataset.PatientName = "CT", patient, "Phantom^Coded"
    dataset.PatientBirthDate, dataset.PatientSex, dataset.StudyDate, dataset.StudyTime = "", "", "20200102", ""
    dataset.AccessionNumber, dataset.StudyID, dataset.ReferringPhysicianName = "", "1", ""
    dataset.Manufacturer, dataset.PatientPosition, dataset.SeriesNumber = "Spine phantom", "HFS", 1
    dataset.SeriesDescription, dataset.ImageType = "Coded spine", ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.KVP, dataset.AcquisitionNumber, dataset.InstanceNumber = "", 1, z + 1
    _set_geometry(dataset, volume.geometry, z, tilt_deg)
    _set_pixels(dataset, volume, z)
    return dataset


def _set_geometry(dataset: Dataset, geometry: Geometry, z: int, tilt_deg: float) -> None:
    columns = np.array(geometry.direction).reshape(3, 3).T
    along_row, down_column, step = columns
    tilt = np.radians(tilt_deg)
    down_column = down_column * np.cos(tilt) + np.cross(along_row, down_column) * np.sin(tilt)
    position = np.array(geometry.origin) + step * geometry.spacing[0] * z
    dataset.ImagePositionPatient = [f"{value:.6f}" for value in position]
    dataset.ImageOrientationPatient = [f"{value:.8f}" for value in (*along_row, *down_column)]
    dataset.PixelSpacing = [f"{value:.6f}" for value in geometry.spacing[1:]]
    dataset.SliceThickness = f"{geometry.spacing[0]:.6f}"


def _set_pixels(dataset: Dataset, volume: Volume, z: int) -> None:
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = volume.geometry.shape[1:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "-1024", "1", "HU"
    stored = volume.hu[z].astype(np.int32) + 1024
    dataset.add_new(0x7FE00010, "OW", stored.astype("<u2").tobytes())


def write_nifti(volume: Volume, path: Path) -> Path:
    """Write a volume as NIfTI-1 int16 HU, axes ``(x, y, z)``; ``.nii.gz`` is compressed."""
    nifti: Any = nib.Nifti1Image  # nibabel has no type hints
    image = nifti(volume.hu.transpose(2, 1, 0), volume.geometry.affine_ras())
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
    return path
