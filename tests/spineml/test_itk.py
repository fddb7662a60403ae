"""NRRD and MetaImage to series."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from spineml.readers.scan import ReceivedFile, scan
from spineml.volumes.volume import Volume
from tests.spineml.intake_helpers import codes, only_verdict, pixels_of, scan_paths, small_phantom

DIRECTION = (0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


def itk_image(volume: Volume, direction: tuple[float, ...] | None = None) -> sitk.Image:
    image = sitk.GetImageFromArray(volume.hu)
    image.SetSpacing(volume.geometry.spacing[::-1])
    image.SetOrigin(volume.geometry.origin)
    if direction:
        image.SetDirection(direction)
    return image


def write(image: sitk.Image, path: Path, *, packed: bool = False) -> Path:
    sitk.WriteImage(image, str(path), packed)
    return path


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("suffix", ["nrrd", "mha"])
def test_a_volume_comes_back_with_its_values_and_grid(tmp_path: Path, suffix: str, packed: bool) -> None:
    volume = small_phantom()
    intake = scan_paths([write(itk_image(volume), tmp_path / f"a.{suffix}", packed=packed)], tmp_path)
    assert only_verdict(intake) == ("imported", "ok")
    assert np.array_equal(pixels_of(intake.series[0]), volume.hu)
    assert intake.series[0].geometry.same_grid(volume.geometry, tolerance_mm=1e-3)


@pytest.mark.parametrize("suffix", ["nrrd", "mha"])
def test_turned_axes_keep_voxels_in_place(tmp_path: Path, suffix: str) -> None:
    volume = small_phantom()
    image = itk_image(volume, DIRECTION)
    (plan,) = scan_paths([write(image, tmp_path / f"a.{suffix}")], tmp_path).series
    assert np.array_equal(plan.geometry.source.to_file(pixels_of(plan)), volume.hu.transpose(2, 1, 0))
    place = plan.geometry.file_affine_lps() @ [3, 5, 7, 1]
    assert np.allclose(place[:3], image.TransformIndexToPhysicalPoint((3, 5, 7)), atol=1e-3)


@pytest.mark.parametrize(
    ("header", "data", "packed"),
    [("a.mhd", "a.raw", False), ("a.mhd", "a.zraw", True), ("a.nhdr", "a.raw", False), ("a.nhdr", "a.raw.gz", True)],
)
def test_a_header_with_its_values_beside_it_is_one_series(tmp_path: Path, header: str, data: str, packed: bool) -> None:
    volume = small_phantom()
    write(itk_image(volume), tmp_path / header, packed=packed)
    moved = [
        ReceivedFile((tmp_path / name).rename(tmp_path / f"stored{number}"), f"case/{name}")
        for number, name in enumerate((header, data))
    ]
    intake = scan(moved, tmp_path / "work")
    assert [verdict.status for verdict in intake.verdicts] == ["imported", "imported"]
    assert np.array_equal(pixels_of(intake.series[0]), volume.hu)


def test_a_header_never_opens_a_file_that_was_not_sent(tmp_path: Path) -> None:
    path = write(itk_image(small_phantom()), tmp_path / "a.mhd")
    for target in (str(tmp_path / "a.raw"), "../a.raw", "a.raw"):
        path.write_text(path.read_text().rsplit("ElementDataFile", 1)[0] + f"ElementDataFile = {target}\n")
        intake = scan_paths([path], tmp_path)
        assert only_verdict(intake) == ("rejected", "missing-companion")
        assert "Send both together" in intake.verdicts[0].reason


@pytest.mark.parametrize("names", ["LIST", "slice%03d.raw 1 10 1"])
def test_values_in_many_files_are_refused(tmp_path: Path, names: str) -> None:
    path = write(itk_image(small_phantom()), tmp_path / "a.mhd")
    path.write_text(path.read_text().rsplit("ElementDataFile", 1)[0] + f"ElementDataFile = {names}\n")
    assert only_verdict(scan_paths([path], tmp_path)) == ("rejected", "several-files")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("suffix", ["nrrd", "mha"])
def test_a_cut_off_file_is_refused(tmp_path: Path, suffix: str, packed: bool) -> None:
    path = write(itk_image(small_phantom()), tmp_path / f"a.{suffix}", packed=packed)
    path.write_bytes(path.read_bytes()[:-3000])
    assert only_verdict(scan_paths([path], tmp_path)) == ("rejected", "truncated")


@pytest.mark.parametrize(
    "text", ["NRRD0004\ntype: nonsense\n\n", "ObjectType = Image\nNDims = x\nElementDataFile = LOCAL\n"]
)
def test_a_damaged_header_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.nrrd").write_text(text)
    assert only_verdict(scan_paths([tmp_path / "a.nrrd"], tmp_path)) == ("rejected", "damaged-header")


def test_several_values_for_each_voxel_are_refused(tmp_path: Path) -> None:
    image = sitk.Compose([itk_image(small_phantom())] * 3)
    assert only_verdict(scan_paths([write(image, tmp_path / "a.mha")], tmp_path)) == ("rejected", "colour")


def test_a_mask_is_told_from_a_ct(tmp_path: Path) -> None:
    image = sitk.Cast(itk_image(small_phantom()) > 200, sitk.sitkUInt8)
    assert only_verdict(scan_paths([write(image, tmp_path / "a.nrrd")], tmp_path)) == ("skipped", "looks-like-mask")


def test_values_written_as_text_are_read(tmp_path: Path) -> None:
    header = "NRRD0004\ntype: short\ndimension: 3\nsizes: 2 2 2\nencoding: ascii\nspacings: 1 2 3\n\n"
    (tmp_path / "a.nrrd").write_text(header + "-1000 0 100 200 300 400 500 -5\n")
    (plan,) = scan_paths([tmp_path / "a.nrrd"], tmp_path).series
    assert pixels_of(plan).ravel().tolist() == [-1000, 0, 100, 200, 300, 400, 500, -5]
    assert plan.geometry.spacing == (3.0, 2.0, 1.0)


def test_big_endian_values_are_read(tmp_path: Path) -> None:
    header = "NRRD0004\ntype: short\ndimension: 3\nsizes: 2 2 2\nencoding: raw\nendian: big\n\n"
    values = np.array([-1000, 0, 100, 200, 300, 400, 500, -5], ">i2")
    (tmp_path / "a.nrrd").write_bytes(header.encode() + values.tobytes())
    (plan,) = scan_paths([tmp_path / "a.nrrd"], tmp_path).series
    assert pixels_of(plan).ravel().tolist() == values.tolist()
    assert codes(plan) == ["no-orientation", "no-spacing"]


def test_a_single_slice_is_a_volume_of_one(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(small_phantom().hu[0])
    (plan,) = scan_paths([write(image, tmp_path / "a.mha")], tmp_path).series
    assert plan.geometry.shape == (1, 64, 48)


@pytest.mark.parametrize("scale", [0.001, 1000.0])
@pytest.mark.parametrize("suffix", ["nrrd", "mha"])
def test_voxel_sizes_of_no_ct_are_said(tmp_path: Path, suffix: str, scale: float) -> None:
    image = itk_image(small_phantom())
    image.SetSpacing([scale * side for side in image.GetSpacing()])
    (plan,) = scan_paths([write(image, tmp_path / f"a.{suffix}")], tmp_path).series
    assert "unusual-spacing" in codes(plan)
