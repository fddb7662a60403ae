"""Which values a mask may hold."""

import numpy as np
import pytest
from PIL import Image

from spineml.masks import read
from tests.spineml.mask_files import SERIES, labels_of, png_bytes, received, refused, write_nifti, write_pngs


def test_every_label_of_a_label_map_can_count_as_spine(tmp_path):
    labels = labels_of(SERIES) * np.arange(20, 23, dtype=np.int16)[:, np.newaxis, np.newaxis]
    np.save(tmp_path / "mask.npy", labels)

    found = read.read_mask([received(tmp_path / "mask.npy")], SERIES, every_label=True)

    assert (found.labels == (labels > 0)).all()


def test_an_empty_mask_is_refused_but_an_empty_slice_is_not(tmp_path):
    labels = labels_of(SERIES)
    labels[1] = 0

    assert (read.read_mask(write_pngs(tmp_path, labels), SERIES).labels == labels).all()
    refused(write_pngs(tmp_path, labels * 0), read.MaskEmpty)


@pytest.mark.parametrize("every_label", [False, True])
def test_a_mask_that_marks_every_voxel_is_refused(tmp_path, every_label):
    files = write_pngs(tmp_path, np.ones(SERIES.shape, np.uint8))

    with pytest.raises(read.MaskFull):
        read.read_mask(files, SERIES, every_label=every_label)


@pytest.mark.parametrize("odd", [-1, -1000, 0.5, 19.4])
def test_a_ct_or_probabilities_sent_as_a_label_map_are_refused(tmp_path, odd):
    values = labels_of(SERIES) * np.float32(20)
    values[1, 2, 3] = odd
    file = write_nifti(tmp_path / "a.nii", values.transpose(2, 1, 0), SERIES.file_affine_lps()[:, [2, 1, 0, 3]])

    with pytest.raises(read.MaskUnreadable, match="label map has integers"):
        read.read_mask([file], SERIES, every_label=True)


def test_pictures_that_are_all_jpeg_are_not_asked_to_be_left_out(tmp_path):
    files = write_pngs(tmp_path, labels_of(SERIES))
    for file in files:
        Image.open(file.path).save(file.path, "JPEG")

    assert "Upload a PNG" in refused(files, read.MaskUnreadable)


@pytest.mark.parametrize(
    # values, how the message lists them
    ("values", "listed"),
    [
        ([0, 1, 255], "0, 1, 255."),
        ([0, 0.5, 1], "0, 0.5, 1."),
        ([1, 2], "1, 2."),
        ([-1, 0], "-1, 0."),
        (range(40), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and more."),
    ],
)
def test_more_than_two_values_are_refused_and_listed(tmp_path, values, listed):
    np.save(tmp_path / "mask.npy", np.resize(np.array(values), SERIES.shape))

    assert f"holds the values {listed}" in refused([received(tmp_path / "mask.npy")], read.MaskTooManyValues)


def test_slices_that_use_different_values_are_refused(tmp_path):
    files = [*write_pngs(tmp_path, labels_of(SERIES))[:2]]
    (tmp_path / "z.png").write_bytes(png_bytes(labels_of(SERIES)[2]))

    message = refused([*files, received(tmp_path / "z.png")], read.MaskTooManyValues)

    assert "0, 1, 255" in message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(tmp_path, value):
    values = labels_of(SERIES).astype(np.float32)
    values[1, 2, 3] = value
    np.save(tmp_path / "mask.npy", values)

    assert "NaN or infinite" in refused([received(tmp_path / "mask.npy")], read.MaskUnreadable)


def test_values_that_resampling_left_almost_whole_are_taken(tmp_path):
    labels = labels_of(SERIES)
    for dtype in (np.float32, np.float64):
        for spine in (0.99999994, 1.0004, 254.9999):
            values = np.where(labels > 0, spine, -0.0003 if dtype is np.float32 else 0.0).astype(dtype)
            np.save(tmp_path / "mask.npy", values)
            for every_label in (False, True):
                found = read.read_mask([received(tmp_path / "mask.npy")], SERIES, every_label=every_label)
                assert (found.labels == labels).all()


def test_values_almost_one_and_one_are_one_label(tmp_path):
    values = labels_of(SERIES).astype(np.float32)
    values[0][values[0] > 0] = np.float32(0.99999994)
    np.save(tmp_path / "mask.npy", values)

    assert (read.read_mask([received(tmp_path / "mask.npy")], SERIES).labels == labels_of(SERIES)).all()


def test_values_that_differ_late_are_listed_so_that_one_sees_it(tmp_path):
    values = labels_of(SERIES).astype(np.float64)
    values[0, 0, :2] = 0.4999998, 0.4999999
    np.save(tmp_path / "mask.npy", values)

    assert "0, 0.4999998, 0.4999999, 1." in refused([received(tmp_path / "mask.npy")], read.MaskTooManyValues)


@pytest.mark.parametrize("most", [1, 7, 40])
def test_a_slice_read_in_parts_is_the_same_slice(tmp_path, monkeypatch, most):
    labels = labels_of(SERIES)
    monkeypatch.setattr("spineml.masks.labels.MOST_AT_ONCE", most)
    monkeypatch.setattr("spineml.masks.arrays.PART", most)
    np.save(tmp_path / "mask.npy", labels * 0.99999)
    write_nifti(tmp_path / "mask.nii.gz", labels.transpose() * 0.99999, SERIES.affine_lps())

    for name in ("mask.npy", "mask.nii.gz"):
        assert (read.read_mask([received(tmp_path / name)], SERIES).labels == labels).all()
