"""The coded spine."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
from pydicom.uid import CTImageStorage

from spineml.phantom import spine_phantom, write_dicom_series, write_nifti

SMALL = (12, 128, 128)
SPACING = (6.0, 1.6, 1.6)


def test_the_phantom_has_the_values_of_a_ct() -> None:
    volume, mask = spine_phantom()
    assert volume.hu.shape == mask.labels.shape == (40, 256, 256)
    assert volume.geometry.spacing == (3.0, 0.8, 0.8)
    assert volume.hu.min() == -1024
    assert 300 < volume.hu[mask.labels == 1].mean() < 500
    assert 0.01 < mask.labels.mean() < 0.06


def test_ribs_are_dense_but_not_in_the_mask() -> None:
    volume, mask = spine_phantom()
    assert (volume.hu[mask.labels == 0] > 350).sum() > 1000


def test_discs_leave_gaps_between_the_bodies() -> None:
    _, mask = spine_phantom()
    middle = mask.labels[:, 158, 128]
    assert set(middle) == {0, 1}


def test_the_same_seed_gives_the_same_phantom() -> None:
    one, _ = spine_phantom(SMALL, 5, SPACING)
    same, _ = spine_phantom(SMALL, 5, SPACING)
    other, _ = spine_phantom(SMALL, 6, SPACING)
    assert np.array_equal(one.hu, same.hu)
    assert not np.array_equal(one.hu, other.hu)


def test_the_series_is_valid_ct(tmp_path: Path) -> None:
    volume, _ = spine_phantom(SMALL, 0, SPACING)
    paths = write_dicom_series(volume, tmp_path / "s", patient_id="P1", overrides={"Manufacturer": "ACME"})
    first = pydicom.dcmread(paths[0])
    assert first.SOPClassUID == CTImageStorage
    assert (first.PatientID, first.Manufacturer, first.Rows) == ("P1", "ACME", 128)
    assert np.array_equal(first.pixel_array.astype(int) - 1024, volume.hu[0])
    assert len({pydicom.dcmread(path).SOPInstanceUID for path in paths}) == len(paths) == 12


def test_nifti_holds_the_same_values_at_the_same_places(tmp_path: Path) -> None:
    volume, _ = spine_phantom(SMALL, 0, SPACING)
    image = nib.load(write_nifti(volume, tmp_path / "p.nii.gz"))
    assert np.array_equal(np.asarray(image.dataobj).transpose(2, 1, 0), volume.hu)
    assert np.allclose(image.affine, volume.geometry.affine_ras())
