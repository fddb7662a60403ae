"""What holds for every kind of uploaded mask."""

from dataclasses import replace

import numpy as np
import pytest

from spineml.masks import edit, read
from tests.spineml.mask_files import (
    ONE_PICTURE,
    SERIES,
    good_files,
    labels_of,
    png_bytes,
    received,
    refused,
    write_itk,
    write_nifti,
    write_zip,
)


def test_every_reason_has_its_own_code():
    reasons = read.MaskRejected.__subclasses__()

    assert {reason.code for reason in reasons} == {
        "mask-wrong-size",
        "mask-wrong-slice-count",
        "mask-wrong-geometry",
        "mask-empty",
        "mask-full",
        "mask-too-many-values",
        "mask-unreadable",
        "mask-order-unclear",
        "values-without-label",
        "values-outside-task",
        "mapping-rejected",
        edit.SliceDamaged.code,
    }


def test_no_file_is_no_mask():
    assert refused([], read.MaskUnreadable) == "No mask file was sent."


@pytest.mark.parametrize("kind", ["zip", "npy", "npy-flat", "nifti", "nrrd"])
def test_a_volume_of_another_slice_count_is_refused(tmp_path, kind):
    longer = replace(SERIES, shape=(4, 10, 12))
    path = tmp_path / "mask"
    if kind == "zip":
        write_zip(path, {f"{z}.png": png_bytes(pixels) for z, pixels in enumerate(labels_of(longer))})
    elif kind.startswith("npy"):
        with path.open("wb") as stream:
            np.save(stream, labels_of(longer)[0] if kind == "npy-flat" else labels_of(longer))
    elif kind == "nifti":
        path = write_nifti(tmp_path / "mask.nii", labels_of(longer), longer.file_affine_lps()).path
    else:
        path = write_itk(tmp_path / "mask.nrrd", labels_of(longer), longer).path

    count = "1 slice" if kind == "npy-flat" else "4 slices"
    assert f"The mask has {count}, the series has 3" in refused([received(path)], read.MaskWrongSliceCount)


@pytest.mark.parametrize("kind", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.npy", "a.zip"])
def test_a_file_cut_short_anywhere_is_refused_with_a_message(tmp_path, kind):
    content = good_files(tmp_path)[kind]
    cut = tmp_path / "cut"
    for length in np.linspace(0, len(content) - 20, 25).astype(int):
        cut.write_bytes(content[:length])
        with pytest.raises(read.MaskRejected):
            read.read_mask([received(cut)], SERIES)


@pytest.mark.parametrize("kind", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.npy", "a.zip", "a.png"])
def test_a_damaged_file_never_ends_in_another_error(tmp_path, kind):
    rng = np.random.default_rng(5)
    content = np.frombuffer({**good_files(tmp_path), "a.png": png_bytes(labels_of(SERIES)[0])}[kind], np.uint8)
    for _ in range(60):
        damaged = content.copy()
        places = rng.integers(0, len(content), 6)
        damaged[places] = rng.integers(0, 256, len(places))
        (tmp_path / "damaged").write_bytes(damaged.tobytes())
        try:
            read.read_mask([received(tmp_path / "damaged")], ONE_PICTURE if kind == "a.png" else SERIES)
        except read.MaskRejected as error:
            assert str(error)  # noqa: PT017  # most are refused, a few still hold a mask


def test_a_text_file_is_of_no_known_kind(tmp_path):
    (tmp_path / "mask.nii.gz").write_text("hello")

    assert "mask.nii.gz is not a supported mask format" in refused(
        [received(tmp_path / "mask.nii.gz")], read.MaskUnreadable
    )


def test_an_empty_file_is_said_to_be_empty(tmp_path):
    (tmp_path / "mask.png").touch()

    assert "mask.png is empty" in refused([received(tmp_path / "mask.png")], read.MaskUnreadable)


def test_several_volumes_are_refused(tmp_path):
    good_files(tmp_path)

    reason = refused([received(tmp_path / n) for n in ("a.npy", "a.nii")], read.MaskUnreadable)
    assert "several mask files: a.npy, a.nii" in reason
