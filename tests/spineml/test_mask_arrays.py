"""Masks as NIfTI, NRRD, MHA and NPY: on which grid they land, and why they are refused."""

import gzip
import itertools
from dataclasses import replace

import nibabel
import numpy as np
import pytest
import SimpleITK

from spineml.masks import read
from spineml.volumes.volume import RAS_TO_LPS, SourceGrid, canonical_geometry
from tests.spineml.mask_files import ONE_PICTURE, PICTURES, SERIES, labels_of, received, refused, write_itk, write_nifti


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", [(False, False, False), (True, False, True), (True, True, True)])
def test_nifti_of_the_same_grid_is_reordered_from_any_orientation(tmp_path, axes, flips):
    turned = replace(SERIES, source=SourceGrid(axes, flips))
    values = np.ascontiguousarray(turned.source.to_file(labels_of(SERIES)))
    file = write_nifti(tmp_path / "mask.nii.gz", values, turned.file_affine_lps())

    assert (read.read_mask([file], SERIES).labels == labels_of(SERIES)).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_nifti_of_any_plain_type_is_read_even_without_a_name_that_says_so(tmp_path, dtype, kind):
    affine = RAS_TO_LPS @ SERIES.file_affine_lps()
    image = kind(labels_of(SERIES).astype(dtype)[..., np.newaxis], affine)
    (tmp_path / "0001").write_bytes(image.to_bytes())

    assert (read.read_mask([received(tmp_path / "0001")], SERIES).labels == labels_of(SERIES)).all()


def test_nifti_positions_may_be_rounded(tmp_path):
    affine = SERIES.file_affine_lps() + np.array([[0, 0, 0, 0.04]] * 3 + [[0, 0, 0, 0]])
    file = write_nifti(tmp_path / "mask.nii", labels_of(SERIES), affine)

    assert (read.read_mask([file], SERIES).labels == labels_of(SERIES)).all()


@pytest.mark.parametrize("spatial", [True, False])
def test_nifti_for_pictures_need_not_lie_anywhere(tmp_path, spatial):
    series = PICTURES if spatial else replace(PICTURES, spacing_known=True)
    moved = replace(series, origin=(50.0, 60.0, 70.0), spacing=(3.0, 0.5, 0.5), source=SourceGrid((2, 1, 0)))
    values = np.ascontiguousarray(moved.source.to_file(labels_of(series)))
    file = write_nifti(tmp_path / "mask.nii.gz", values, moved.file_affine_lps())

    assert (read.read_mask([file], series, spatial=spatial).labels == labels_of(series)).all()


@pytest.mark.parametrize("source_axes", [(0, 1, 2), (2, 1, 0)])
def test_nifti_without_orientation_has_the_layout_of_the_source(tmp_path, source_axes):
    series = replace(SERIES, source=SourceGrid(source_axes, (False, True, False)))
    values = np.ascontiguousarray(series.source.to_file(labels_of(series)))
    nibabel.save(nibabel.Nifti1Image(values, None), tmp_path / "mask.nii")

    assert (read.read_mask([received(tmp_path / "mask.nii")], series).labels == labels_of(series)).all()


def test_nifti_without_orientation_for_pictures_has_columns_first(tmp_path):
    nibabel.save(nibabel.Nifti1Image(labels_of(PICTURES).transpose(), None), tmp_path / "mask.nii")

    assert (read.read_mask([received(tmp_path / "mask.nii")], PICTURES).labels == labels_of(PICTURES)).all()


def test_a_flat_nrrd_is_read_for_a_picture(tmp_path):
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(labels_of(ONE_PICTURE)[0]), str(tmp_path / "mask.nrrd"))

    assert (read.read_mask([received(tmp_path / "mask.nrrd")], ONE_PICTURE).labels == labels_of(ONE_PICTURE)).all()


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_npy_has_the_layout_of_the_source_file(tmp_path, dtype):
    series = replace(SERIES, source=SourceGrid((2, 0, 1), (True, False, False)))
    np.save(tmp_path / "mask.npy", series.source.to_file(labels_of(series)).astype(dtype))

    assert (read.read_mask([received(tmp_path / "mask.npy")], series).labels == labels_of(series)).all()


@pytest.mark.parametrize("axes", [2, 3])
def test_npy_of_one_slice_may_have_two_axes(tmp_path, axes):
    np.save(tmp_path / "mask.npy", labels_of(ONE_PICTURE)[0] if axes == 2 else labels_of(ONE_PICTURE))

    assert (read.read_mask([received(tmp_path / "mask.npy")], ONE_PICTURE).labels == labels_of(ONE_PICTURE)).all()


@pytest.mark.parametrize("size", [(9, 12), (12, 10)])
def test_an_npy_of_another_size_is_refused(tmp_path, size):
    np.save(tmp_path / "mask.npy", np.ones((3, *size), np.uint8))

    assert f"{size[0]} rows and {size[1]} columns" in refused([received(tmp_path / "mask.npy")], read.MaskWrongSize)


TURNED = tuple(float(value) for value in np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]]).ravel())


def cropped(geometry, low, shape):
    """The grid of a part of ``geometry`` that begins at voxel ``low`` (z, y, x)."""
    corner = geometry.affine_lps() @ [*low[::-1], 1]
    return replace(geometry, shape=shape, origin=tuple(float(value) for value in corner[:3]))


@pytest.mark.parametrize(("low", "shape"), [((1, 2, 3), (2, 6, 5)), ((0, 0, 0), (1, 1, 1)), ((0, 4, 0), (3, 6, 12))])
@pytest.mark.parametrize("kind", ["nii.gz", "seg.nrrd", "mha"])
@pytest.mark.parametrize("geometry", [SERIES, replace(SERIES, direction=TURNED)])
def test_a_mask_cropped_on_the_grid_of_the_series_is_put_where_it_lies(tmp_path, geometry, kind, low, shape):
    box = tuple(slice(a, a + n) for a, n in zip(low, shape, strict=True))
    part = np.maximum(labels_of(geometry)[box], np.eye(1, shape[2], dtype=np.uint8))
    crop = cropped(geometry, low, shape)
    if kind == "nii.gz":
        turned = canonical_geometry(crop.affine_lps(), shape[::-1])
        file = write_nifti(tmp_path / "mask.nii.gz", turned.source.to_file(part), turned.file_affine_lps())
    else:
        file = write_itk(tmp_path / f"mask.{kind}", part, crop)
    expected = np.zeros(geometry.shape, np.uint8)
    expected[box] = part

    np.testing.assert_array_equal(read.read_mask([file], geometry).labels, expected)


@pytest.mark.parametrize(
    ("low", "shape", "change"),
    [
        ((1, 2, 3), (2, 9, 5), {}),
        ((-1, 2, 3), (2, 6, 5), {}),
        ((1, 2.4, 3), (2, 6, 5), {}),
        ((1, 2, 3), (2, 6, 5), {"spacing": (2.5, 0.72, 0.7)}),
        ((1, 2, 3), (2, 6, 5), {"direction": TURNED}),
        ((0, 0, 0), (2, 10, 12), {}),
    ],
)
def test_a_smaller_mask_that_is_no_part_of_the_series_is_refused(tmp_path, low, shape, change):
    crop = replace(cropped(SERIES, low, shape), **change)
    error = read.MaskWrongSliceCount if shape[1:] == SERIES.shape[1:] else read.MaskWrongSize

    refused([write_itk(tmp_path / "mask.nrrd", np.ones(shape, np.uint8), crop)], error)


def test_a_smaller_mask_for_pictures_is_refused(tmp_path):
    crop = cropped(PICTURES, (1, 2, 3), (2, 6, 5))

    refused([write_itk(tmp_path / "mask.nrrd", np.ones((2, 6, 5), np.uint8), crop)], read.MaskWrongSize, PICTURES)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"origin": (-20.0, 15.0, 105.0)}, "5.0 mm away"),
        ({"origin": (-20.0, 15.4, 100.0)}, "0.4 mm away"),
        ({"spacing": (2.5, 1.0, 1.0)}, "2.5 x 1 x 1 mm"),
        ({"direction": (1.0, 0.0, 0.0, 0.0, 0.966, -0.259, 0.0, 0.259, 0.966)}, "oriented differently"),
    ],
)
@pytest.mark.parametrize("kind", ["nifti", "nrrd"])
def test_a_mask_that_lies_elsewhere_is_refused(tmp_path, change, said, kind):
    elsewhere = replace(SERIES, **change)
    if kind == "nifti":
        file = write_nifti(tmp_path / "mask.nii.gz", labels_of(SERIES), elsewhere.file_affine_lps())
    else:
        file = write_itk(tmp_path / "mask.nrrd", labels_of(SERIES), elsewhere)

    assert said in refused([file], read.MaskWrongGeometry)


def test_a_mask_without_orientation_is_refused_where_it_would_be_a_guess(tmp_path):
    nibabel.save(nibabel.Nifti1Image(labels_of(SERIES).transpose(), None), tmp_path / "mask.nii")

    assert "gives no orientation" in refused([received(tmp_path / "mask.nii")], read.MaskWrongGeometry)


@pytest.mark.parametrize("broken", ["singular", "placeholder"])
def test_an_unusable_orientation_counts_as_none(tmp_path, broken):
    header = nibabel.Nifti1Header()
    header.set_data_shape((12, 10, 3))
    header.set_data_dtype(np.uint8)
    header["vox_offset"], header["sform_code"] = 352, 1
    rows = np.eye(4) if broken == "placeholder" else np.array([[1, 0, 0, 0]] * 3)
    header["pixdim"][1:4] = 0.7
    header["srow_x"], header["srow_y"], header["srow_z"] = rows[:3]
    (tmp_path / "mask.nii").write_bytes(header.binaryblock + b"\0" * 4 + labels_of(SERIES).tobytes())
    columns_first = replace(SERIES, source=SourceGrid((2, 1, 0)))

    assert (read.read_mask([received(tmp_path / "mask.nii")], columns_first).labels == labels_of(SERIES)).all()
    refused([received(tmp_path / "mask.nii")], read.MaskWrongGeometry)


def test_nifti_in_metres_is_placed_in_millimetres(tmp_path):
    affine = RAS_TO_LPS @ SERIES.file_affine_lps()
    affine[:3] /= 1000
    image = nibabel.Nifti1Image(labels_of(SERIES), affine)
    image.header.set_xyzt_units("meter")
    nibabel.save(image, tmp_path / "mask.nii")

    assert (read.read_mask([received(tmp_path / "mask.nii")], SERIES).labels == labels_of(SERIES)).all()


class Evil:
    """Would run code if it were ever unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def test_pickled_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "mask.npy", np.array([Evil()], dtype=object), allow_pickle=True)

    refused([received(tmp_path / "mask.npy")], read.MaskUnreadable)


def test_voxels_in_another_file_of_the_machine_are_not_read(tmp_path):
    secret = tmp_path / "secret.raw"
    secret.write_bytes(labels_of(SERIES).tobytes())
    common = "dimension: 3\ntype: uchar\nsizes: 12 10 3\nencoding: raw\n"
    headers = {
        "a.nrrd": f"NRRD0004\n{common}data file: {secret}\n",
        "b.nrrd": f"NRRD0004\r\n{common}DataFile: {secret}\r\n\r\n",
        "c.mha": "ObjectType = Image\nNDims = 3\nDimSize = 12 10 3\nElementType = MET_UCHAR\n"
        f"ElementDataFile = {secret}\n",
    }
    for name, header in headers.items():
        (tmp_path / name).write_text(header, newline="")
        assert "another file" in refused([received(tmp_path / name)], read.MaskUnreadable)


def test_a_compressed_nifti_with_a_huge_extension_is_not_inflated(tmp_path):
    image = nibabel.Nifti1Image(labels_of(SERIES), RAS_TO_LPS @ SERIES.file_affine_lps())
    image.header["vox_offset"] = 2**31
    (tmp_path / "mask.nii.gz").write_bytes(gzip.compress(image.header.binaryblock + bytes(10_000)))

    assert "damaged" in refused([received(tmp_path / "mask.nii.gz")], read.MaskUnreadable)


def test_a_geometry_from_a_nifti_affine_accepts_its_own_mask(tmp_path):
    affine = np.array([[0, 0, -3.0, 40], [0.9, 0.02, 0, -30], [-0.02, 0.9, 0, 12], [0, 0, 0, 1]])
    series = canonical_geometry(affine, (10, 12, 5))
    values = np.ascontiguousarray(series.source.to_file(labels_of(series)))

    found = read.read_mask([write_nifti(tmp_path / "m.nii.gz", values, affine)], series)

    assert (found.labels == labels_of(series)).all()
