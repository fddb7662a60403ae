"""One reading of NIfTI headers for CT and masks: what is damaged is refused, by the same words for both."""

import contextlib
import gzip
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest

from spineml.masks import read
from spineml.readers.headers.nifti import read_nifti_header
from spineml.volumes.volume import RAS_TO_LPS
from tests.spineml.intake_helpers import codes, only_verdict, pixels_of, scan_paths
from tests.spineml.mask_files import SERIES, labels_of, received

CT = np.arange(-1000, 2600, 10, dtype=np.int16).reshape(12, 10, 3)
NAN, INF = float("nan"), float("inf")


def files(tmp_path: Path, place: int, form: str, *values: float, packed: bool = False) -> tuple[Path, Path]:
    """A CT and a mask on one grid, with ``values`` written over both headers."""
    paths = []
    for name, array in (("ct", CT), ("mask", np.ascontiguousarray(labels_of(SERIES).transpose()))):
        image = nibabel.Nifti1Image(array, RAS_TO_LPS @ SERIES.affine_lps())
        content = bytearray(image.to_bytes())
        struct.pack_into(f"<{form}", content, place, *values)
        paths.append(tmp_path / f"{name}.nii")
        paths[-1].write_bytes(gzip.compress(content) if packed else content)
    return paths[0], paths[1]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("place", "form", "values", "code"),
    [
        (0, "i", (347,), "damaged-nifti"),
        (40, "h", (0,), "damaged-nifti"),
        (40, "h", (8,), "damaged-nifti"),
        (40, "h", (-1,), "damaged-nifti"),
        (42, "h", (-12,), "damaged-nifti"),
        (42, "h", (0,), "no-slices"),
        (42, "hhh", (32767, 32767, 32767), "too-large"),
        (40, "hhhhh", (4, 12, 10, 1, 3), "several-volumes"),
        (70, "h", (0,), "damaged-nifti"),
        (70, "h", (-4,), "damaged-nifti"),
        (70, "h", (128,), "wrong-dtype"),
        (70, "h", (1536,), "wrong-dtype"),
        (108, "f", (NAN,), "damaged-nifti"),
        (108, "f", (INF,), "damaged-nifti"),
        (108, "f", (-352.0,), "damaged-nifti"),
        (108, "f", (0.0,), "damaged-nifti"),
        (108, "f", (352.5,), "damaged-nifti"),
        (108, "f", (2.0**31,), "damaged-nifti"),
        (108, "f", (1e6,), "truncated"),
        (112, "ff", (1.0, NAN), "damaged-nifti"),
        (112, "ff", (1e30, 0.0), "damaged-nifti"),
        (344, "4s", (b"ni1\0",), "two-files"),
    ],
)
def test_a_damaged_header_is_refused_as_a_ct_and_as_a_mask(tmp_path, place, form, values, code, packed):
    ct, mask = files(tmp_path, place, form, *values, packed=packed)

    intake = scan_paths([ct], tmp_path)
    with pytest.raises(read.MaskRejected) as refused:
        read.read_mask([received(mask)], SERIES)

    assert only_verdict(intake) == ("rejected", code)
    if code not in ("too-large", "truncated", "several-volumes"):  # a mask is compared with its series instead
        assert intake.verdicts[0].reason in str(refused.value)


@pytest.mark.parametrize(
    ("place", "form", "values"),
    [
        (280, "f", (NAN,)),
        (292, "f", (INF,)),
        (280, "f", (3e38,)),
        (292, "f", (1e30,)),
        (280, "ffff", (0.0, 0.0, 0.0, 0.0)),
        (256, "f", (NAN,)),
        (256, "f", (9.0,)),
        (76, "ffff", (NAN, NAN, INF, -INF)),
        (76, "ffff", (0.0, 0.0, 0.0, 0.0)),
        (76, "ffff", (-1.0, -0.7, -0.7, -2.5)),
        (123, "B", (255,)),
        (252, "hh", (-1, -32768)),
        (112, "ff", (0.0, NAN)),
        (112, "ff", (NAN, NAN)),
    ],
)
def test_what_is_odd_about_the_place_never_ends_in_another_error(tmp_path, place, form, values):
    ct, mask = files(tmp_path, place, form, *values)

    (plan,) = scan_paths([ct], tmp_path).series

    assert (plan.geometry.source.to_file(pixels_of(plan)) == CT).all()
    assert np.isfinite(plan.geometry.affine_lps()).all()
    with contextlib.suppress(read.MaskRejected):
        assert (read.read_mask([received(mask)], SERIES).labels == labels_of(SERIES)).all()


def test_negative_sizes_of_voxels_are_sizes(tmp_path):
    ct, _ = files(tmp_path, 76, "ffff", -1.0, -0.7, -0.7, -2.5)
    content = bytearray(ct.read_bytes())
    content[252:256] = bytes(4)
    ct.write_bytes(content)

    (plan,) = scan_paths([ct], tmp_path).series

    assert plan.geometry.spacing == pytest.approx((2.5, 0.7, 0.7))
    assert codes(plan) == ["no-orientation"]


def test_five_axes_of_one_volume_are_one_volume(tmp_path):
    ct, mask = files(tmp_path, 40, "hhhhhh", 5, 12, 10, 3, 1, 1)

    assert scan_paths([ct], tmp_path).series[0].geometry.shape == (3, 10, 12)
    assert (read.read_mask([received(mask)], SERIES).labels == labels_of(SERIES)).all()


@pytest.mark.parametrize("size", [16, 0, -16, 2**31 - 1])
def test_an_extension_of_any_size_is_passed_over(tmp_path, size):
    """Where the values begin is what counts; what the extension says of its own length is never used."""
    image = nibabel.Nifti1Image(CT, RAS_TO_LPS @ SERIES.affine_lps())
    content = bytearray(image.to_bytes())
    struct.pack_into("<f", content, 108, 384.0)
    content[348:352] = b"\1\0\0\0" + struct.pack("<ii", size, 6) + bytes(24)
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(content))

    (plan,) = scan_paths([tmp_path / "a.nii.gz"], tmp_path).series

    assert (plan.geometry.source.to_file(pixels_of(plan)) == CT).all()


def test_a_packed_file_of_kilobytes_that_states_gigabytes_writes_nothing(tmp_path):
    image = nibabel.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4))
    image.header["dim"][1:4], image.header["vox_offset"] = (1024, 1024, 1024), 352
    bomb = gzip.compress(image.header.binaryblock + bytes(4) + bytes(30_000_000))
    (tmp_path / "a.nii.gz").write_bytes(bomb)

    status, code = only_verdict(scan_paths([tmp_path / "a.nii.gz"], tmp_path))

    assert (status, code) == ("rejected", "too-large")
    assert list((tmp_path / "work").iterdir()) == []


def test_a_million_empty_gzip_members_are_given_up(tmp_path):
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(b"") * 1_000_000)

    assert only_verdict(scan_paths([tmp_path / "a.nii.gz"], tmp_path))[0] == "rejected"


def test_a_packed_file_of_several_members_is_one_file(tmp_path):
    """As bgzip and pigz write them."""
    content = nibabel.Nifti1Image(CT, RAS_TO_LPS @ SERIES.affine_lps()).to_bytes()
    parts = [content[place : place + 300] for place in range(0, len(content), 300)]
    (tmp_path / "a.nii.gz").write_bytes(b"".join(map(gzip.compress, parts)) + gzip.compress(b"") + bytes(512))

    (plan,) = scan_paths([tmp_path / "a.nii.gz"], tmp_path).series

    assert (plan.geometry.source.to_file(pixels_of(plan)) == CT).all()


def test_a_packed_file_with_a_wrong_sum_is_refused(tmp_path):
    packed = bytearray(gzip.compress(nibabel.Nifti1Image(CT, np.eye(4)).to_bytes()))
    packed[-6] ^= 255
    (tmp_path / "a.nii.gz").write_bytes(packed)

    assert only_verdict(scan_paths([tmp_path / "a.nii.gz"], tmp_path)) == ("rejected", "truncated")


def test_a_header_in_which_nothing_is_odd_is_read_as_nibabel_reads_it(tmp_path):
    ct, _ = files(tmp_path, 0, "i", 348)
    image = nibabel.load(ct)

    header = read_nifti_header(ct)

    assert header.sizes == image.shape
    assert header.dtype == image.get_data_dtype()
    assert np.allclose(header.forms["sform"], RAS_TO_LPS @ image.affine, atol=1e-5)
    assert header.voxel_mm == pytest.approx(image.header.get_zooms())
