"""Masks of tilted series as ITK writes them, and NIfTI files that state two orientations."""

import io
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from spineml.masks import read
from spineml.phantom import write_dicom_series
from spineml.readers.headers.nifti import read_nifti_header
from spineml.readers.series import ReceivedFile
from spineml.volumes.volume import RAS_TO_LPS, Geometry, SourceGrid, canonical_geometry
from tests.spineml.intake_helpers import only_verdict, scan_paths, small_phantom
from tests.spineml.mask_files import SERIES, labels_of, received, refused


def tilted_series(tmp_path: Path, tilt_deg: float) -> tuple[Geometry, SimpleITK.Image]:
    """A series with a tilted gantry as it is imported, and as ITK's own series reader gives it."""
    paths = write_dicom_series(small_phantom(), tmp_path / "ct", tilt_deg=tilt_deg)
    (plan,) = scan_paths(paths, tmp_path).series
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path / "ct")))
    return plan.geometry, reader.Execute()


def itk_mask(image: SimpleITK.Image, labels: np.ndarray, path: Path) -> ReceivedFile:
    mask = SimpleITK.GetImageFromArray(labels)
    mask.CopyInformation(image)
    SimpleITK.WriteImage(mask, str(path))
    return received(path)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ["m.nii", "m.nii.gz", "m.nrrd", "m.mha"])
@pytest.mark.parametrize("tilt_deg", [15.0, -15.0, 27.0, 0.0])
def test_a_mask_that_itk_wrote_for_a_tilted_series_lands_voxel_for_voxel(tmp_path, name, tilt_deg):
    geometry, image = tilted_series(tmp_path, tilt_deg)
    labels = labels_of(geometry)

    file = itk_mask(image, labels, tmp_path / name)

    assert (read.read_mask([file], geometry).labels == labels).all()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ["m.nii.gz", "m.nrrd", "m.mha"])
def test_a_mask_off_the_slanted_grid_is_refused_by_a_sentence_on_the_tilt(tmp_path, name):
    geometry, image = tilted_series(tmp_path, 15.0)
    image.SetOrigin([position + 9.0 for position in image.GetOrigin()])

    file = itk_mask(image, labels_of(geometry), tmp_path / name)

    said = refused([file], read.MaskWrongGeometry, geometry)
    assert "gantry tilt of 15.0 degrees" in said
    assert "NumPy or PNG" in said


def test_an_upright_series_has_no_second_grid(tmp_path):
    elsewhere = replace(SERIES, direction=(1.0, 0.0, 0.0, 0.0, 0.966, -0.259, 0.0, 0.259, 0.966))
    nibabel.save(nibabel.Nifti1Image(labels_of(SERIES), RAS_TO_LPS @ elsewhere.file_affine_lps()), tmp_path / "m.nii")

    assert "oriented differently" in refused([received(tmp_path / "m.nii")], read.MaskWrongGeometry)


# --- sform and qform --------------------------------------------------------------------------------------------------
def two_forms(path: Path, values: np.ndarray, sform: np.ndarray, qform: np.ndarray, code: int = 1) -> ReceivedFile:
    image = nibabel.Nifti1Image(values, sform)
    image.set_sform(sform, code)
    image.set_qform(qform, code, strip_shears=False)
    nibabel.save(image, path)
    return received(path)


def mirrored(affine: np.ndarray, width: int) -> np.ndarray:
    """The same grid with its first axis the other way round."""
    turned = affine.copy()
    turned[:3, 0] = -affine[:3, 0]
    turned[:3, 3] = affine[:3, 3] + affine[:3, 0] * (width - 1)
    return turned


@pytest.mark.parametrize("code", [1, 4])
def test_a_ct_with_two_orientations_is_imported_by_the_sform_and_says_so(tmp_path, code):
    values = np.arange(-1000, 200, 10, dtype=np.int16).reshape(6, 5, 4)
    sform = np.array([[-0.8, 0, 0, 16], [0, -0.8, 0, 19], [0, 0, 2, -100], [0, 0, 0, 1]])
    two_forms(tmp_path / "ct.nii", values, sform, mirrored(sform, 6), code)

    intake = scan_paths([tmp_path / "ct.nii"], tmp_path)

    assert only_verdict(intake) == ("warning", "orientations-disagree")
    assert "sform is used" in intake.verdicts[0].reason
    assert np.allclose(intake.series[0].geometry.file_affine_lps(), RAS_TO_LPS @ sform)


@pytest.mark.parametrize("apart", [0.0, 0.2])
def test_orientations_that_differ_by_rounding_are_not_worth_a_word(tmp_path, apart):
    values = np.arange(-1000, 200, 10, dtype=np.int16).reshape(6, 5, 4)
    sform = np.array([[-0.8, 0, 0, 16], [0, -0.8, 0, 19], [0, 0, 2, -100], [0, 0, 0, 1]])
    qform = sform.copy()
    qform[0, 3] += apart
    two_forms(tmp_path / "ct.nii", values, sform, qform)

    assert only_verdict(scan_paths([tmp_path / "ct.nii"], tmp_path)) == ("imported", "ok")


def masks_grid() -> tuple[Geometry, np.ndarray, np.ndarray]:
    series = replace(SERIES, source=SourceGrid((2, 1, 0)))
    return series, RAS_TO_LPS @ series.file_affine_lps(), np.ascontiguousarray(series.source.to_file(labels_of(series)))


def test_a_mask_whose_orientations_both_fit_and_disagree_is_refused(tmp_path):
    series, affine, values = masks_grid()
    file = two_forms(tmp_path / "m.nii", values, affine, mirrored(affine, 12))

    assert "both fit the series" in refused([file], read.MaskWrongGeometry, series)


def test_a_mask_of_which_only_the_qform_fits_is_refused_and_told_so(tmp_path):
    series, affine, values = masks_grid()
    moved = affine.copy()
    moved[2, 3] += 500
    file = two_forms(tmp_path / "m.nii", values, moved, affine)

    assert "with its qform the mask fits" in refused([file], read.MaskWrongGeometry, series)


def test_a_mask_of_which_only_the_sform_fits_is_taken(tmp_path):
    series, affine, values = masks_grid()
    moved = affine.copy()
    moved[2, 3] += 500
    file = two_forms(tmp_path / "m.nii", values, affine, moved)

    assert (read.read_mask([file], series).labels == labels_of(series)).all()


def test_both_orientations_are_read_as_nibabel_reads_them(tmp_path):
    rng = np.random.default_rng(4)
    for _ in range(20):
        turn, _upper = np.linalg.qr(rng.normal(size=(3, 3)))
        affine = np.eye(4)
        affine[:3, :3] = turn * rng.uniform(0.3, 4.0, 3)
        affine[:3, 3] = rng.uniform(-300, 300, 3)
        two_forms(tmp_path / "m.nii", np.zeros((4, 3, 2), np.int16), affine, affine)
        image = nibabel.load(tmp_path / "m.nii")

        forms = read_nifti_header(tmp_path / "m.nii").forms

        assert np.allclose(forms["sform"], RAS_TO_LPS @ image.get_sform(), atol=1e-4)
        assert np.allclose(forms["qform"], RAS_TO_LPS @ image.get_qform(), atol=1e-4)
        assert canonical_geometry(forms["sform"], (4, 3, 2)).same_grid(canonical_geometry(forms["qform"], (4, 3, 2)))


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("order", ["<", ">"])
def test_either_version_in_either_byte_order_is_read(tmp_path, kind, order):
    image = kind(np.arange(120, dtype=f"{order}f4").reshape(6, 5, 4), np.diag([-0.8, -0.8, 2.0, 1.0]))
    header = image.header.as_byteswapped(order)
    sink = io.BytesIO()
    image = kind(image.get_fdata().astype(f"{order}f4"), image.affine, header)
    sink.write(image.to_bytes())
    (tmp_path / "a.nii").write_bytes(sink.getvalue())

    found = read_nifti_header(tmp_path / "a.nii")

    assert (found.sizes, found.dtype) == ((6, 5, 4), np.dtype(f"{order}f4"))
    assert np.allclose(found.forms["sform"], RAS_TO_LPS @ image.affine)
