"""DICOM files to series: order, gaps, tilt, duplicates, several series in one upload."""

import random
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from pydicom.dataset import Dataset

from spineml.errors import UnreadableFile
from spineml.phantom import write_dicom_series
from spineml.volumes.volume import Geometry, Volume
from tests.spineml.intake_helpers import codes, only_verdict, pixels_of, scan_paths, small_phantom
from tests.spineml.real_data import REAL_DATA, needs_real_data


def shuffled(paths: list[Path]) -> list[Path]:
    """Rename at random: names and order of arrival must not matter."""
    order = random.Random(7).sample(paths, len(paths))
    return [path.rename(path.with_name(f"x{number}.dcm")) for number, path in enumerate(order)]


def edit(path: Path, **values: object) -> None:
    dataset = pydicom.dcmread(path)
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)


def test_slices_are_ordered_by_their_place_not_by_name_or_number(tmp_path: Path) -> None:
    volume = small_phantom()
    paths = shuffled(write_dicom_series(volume, tmp_path / "s"))
    for number, path in enumerate(paths):
        edit(path, InstanceNumber=number)
    intake = scan_paths(paths, tmp_path)
    (plan,) = intake.series
    assert np.array_equal(pixels_of(plan), volume.hu)
    assert plan.geometry == volume.geometry
    assert {(verdict.status, verdict.code) for verdict in intake.verdicts} == {("imported", "ok")}


def test_the_series_can_be_read_twice_and_left_half_read(tmp_path: Path) -> None:
    volume = small_phantom()
    (plan,) = scan_paths(write_dicom_series(volume, tmp_path / "s"), tmp_path).series
    assert next(iter(plan.slices()))[0] == 0
    assert np.array_equal(pixels_of(plan), pixels_of(plan))


def test_the_grid_is_the_one_another_library_finds(tmp_path: Path) -> None:
    angle = np.radians(15)
    direction = (np.cos(angle), -np.sin(angle), 0.0, np.sin(angle), np.cos(angle), 0.0, 0.0, 0.0, 1.0)
    base = small_phantom()
    geometry = Geometry(base.hu.shape, base.geometry.spacing, tuple(map(float, direction)), (5.0, -6.0, 7.0))
    paths = write_dicom_series(Volume(base.hu, geometry), tmp_path / "s")
    (plan,) = scan_paths(paths, tmp_path).series
    image = sitk.ReadImage([str(path) for path in paths])
    assert np.allclose(image.TransformIndexToPhysicalPoint((3, 5, 7)), (plan.geometry.affine_lps() @ [3, 5, 7, 1])[:3])
    assert np.array_equal(sitk.GetArrayFromImage(image).clip(-1024), pixels_of(plan))


def test_missing_slices_are_counted_placed_and_left_empty(tmp_path: Path) -> None:
    volume = small_phantom(12)
    paths = write_dicom_series(volume, tmp_path / "s")
    kept = [path for z, path in enumerate(paths) if z not in (4, 7, 8)]
    (plan,) = scan_paths(kept, tmp_path).series
    assert plan.geometry == volume.geometry
    assert codes(plan) == ["missing-slices"]
    assert plan.warnings[0].startswith("3 slices are missing: 1 after slice 4 (at -388.0 mm), 2 after slice 6")
    assert plan.meta.empty_slices == (4, 7, 8)
    pixels = pixels_of(plan)
    assert (pixels[[4, 7, 8]] == -1024).all()
    assert np.array_equal(pixels[[3, 5, 6, 9]], volume.hu[[3, 5, 6, 9]])


def test_parts_far_apart_become_series_of_their_own(tmp_path: Path) -> None:
    volume = small_phantom(30)
    paths = write_dicom_series(volume, tmp_path / "s")
    intake = scan_paths(paths[:5] + paths[22:], tmp_path)
    assert [plan.geometry.shape[0] for plan in intake.series] == [5, 8]
    assert {code for plan in intake.series for code in codes(plan)} == {"wide-gap"}
    assert np.array_equal(pixels_of(intake.series[1]), volume.hu[22:])


def test_uneven_spacing_is_said(tmp_path: Path) -> None:
    paths = write_dicom_series(small_phantom(), tmp_path / "s")
    for z, path in enumerate(paths):
        edit(path, ImagePositionPatient=[0, 0, [0, 4, 8, 13.5, 17, 21.7, 25, 31][z]])
    (plan,) = scan_paths(paths, tmp_path).series
    assert codes(plan) == ["uneven-spacing"]
    assert "from 3.30 to 6.00 mm" in plan.warnings[0]
    assert plan.geometry.spacing[0] == pytest.approx(31 / 7)


def test_slices_shifted_sideways_are_said(tmp_path: Path) -> None:
    paths = write_dicom_series(small_phantom(), tmp_path / "s")
    edit(paths[3], ImagePositionPatient=[20, 0, -388])
    (plan,) = scan_paths(paths, tmp_path).series
    assert "shifted-slices" in codes(plan)


def test_thin_slices_far_apart_are_said(tmp_path: Path) -> None:
    paths = write_dicom_series(small_phantom(), tmp_path / "s", overrides={"SliceThickness": "1"})
    (plan,) = scan_paths(paths, tmp_path).series
    assert codes(plan) == ["sparse-slices"]


@pytest.mark.parametrize("tilt", [-12.0, 18.5])
def test_gantry_tilt_is_measured_and_voxels_keep_their_true_places(tmp_path: Path, tilt: float) -> None:
    volume = small_phantom()
    paths = shuffled(write_dicom_series(volume, tmp_path / "s", tilt_deg=tilt))
    (plan,) = scan_paths(paths, tmp_path).series
    assert codes(plan) == ["gantry-tilt"]
    assert f"tilted by {abs(tilt):.1f} degrees" in plan.warnings[0]
    assert plan.meta.gantry_tilt_deg == pytest.approx(abs(tilt), abs=0.02)
    assert np.array_equal(pixels_of(plan), volume.hu)
    for path in paths:
        header = pydicom.dcmread(path)
        z = header.InstanceNumber - 1
        down = np.array(header.ImageOrientationPatient[3:], float) * 3.0
        corner = np.array(header.ImagePositionPatient, float)
        assert np.allclose((plan.geometry.affine_lps() @ [0, 10, z, 1])[:3], corner + 10 * down, atol=1e-3)
    upright = 4.0 * 3.0 * 3.5
    assert plan.geometry.voxel_volume_mm3 == pytest.approx(upright * np.cos(np.radians(tilt)), rel=1e-4)


@pytest.mark.parametrize(
    ("orientation", "normal"),
    [
        ([0, 1, 0, 0, 0, -1], (1.0, 0, 0)),  # sagittal
        ([1, 0, 0, 0, 0, -1], (0, 1.0, 0)),  # coronal
        ([-1, 0, 0, 0, -1, 0], (0, 0, 1.0)),  # axial, prone
    ],
)
def test_other_planes_are_turned_to_axial_slices_of_the_body(
    tmp_path: Path, orientation: list[int], normal: tuple[float, ...]
) -> None:
    volume = small_phantom(5)
    paths = write_dicom_series(volume, tmp_path / "s")
    for z, path in enumerate(paths):
        edit(path, ImageOrientationPatient=orientation, ImagePositionPatient=[4 * z * part for part in normal])
    (plan,) = scan_paths(shuffled(paths), tmp_path).series
    file_array = plan.geometry.source.to_file(pixels_of(plan))
    assert np.array_equal(file_array, volume.hu)
    assert np.array(plan.geometry.direction).reshape(3, 3).trace() == pytest.approx(3.0)


def test_a_byte_identical_slice_is_used_once(tmp_path: Path) -> None:
    paths = write_dicom_series(small_phantom(), tmp_path / "s")
    copy = shutil.copy(paths[2], tmp_path / "s" / "again.dcm")
    intake = scan_paths([*paths, copy], tmp_path)
    assert [plan.geometry.shape[0] for plan in intake.series] == [8]
    verdict = intake.verdicts[-1]
    assert (verdict.status, verdict.code) == ("skipped", "duplicate")
    assert "0002.dcm" in verdict.reason


def test_a_series_sent_again_under_other_identifiers_is_used_once(tmp_path: Path) -> None:
    volume = small_phantom()
    paths = write_dicom_series(volume, tmp_path / "a") + write_dicom_series(volume, tmp_path / "b", series="2")
    unique = [path.rename(path.with_name(f"{path.parent.name}{path.name}")) for path in paths]
    intake = scan_paths(unique, tmp_path)
    assert len(intake.series) == 1
    assert [verdict.code for verdict in intake.verdicts] == ["ok"] * 8 + ["duplicate"] * 8


def test_different_images_at_one_place_become_several_series(tmp_path: Path) -> None:
    first, second = small_phantom(seed=1), small_phantom(seed=2)
    paths = write_dicom_series(first, tmp_path / "a")
    for z, path in enumerate(write_dicom_series(second, tmp_path / "b")):
        edit(path, AcquisitionNumber=2, SOPInstanceUID=f"1.2.3.{z}")
        paths.append(path.rename(path.with_name(f"late{z}.dcm")))
    intake = scan_paths(paths[::-1], tmp_path)
    assert [codes(plan) for plan in intake.series] == [["several-at-one-place"]] * 2
    assert np.array_equal(pixels_of(intake.series[0]), first.hu)
    assert np.array_equal(pixels_of(intake.series[1]), second.hu)


def test_two_series_in_one_upload_are_kept_apart(tmp_path: Path) -> None:
    one, two = small_phantom(5, 1), small_phantom(7, 2)
    paths = write_dicom_series(one, tmp_path / "a")
    paths += [p.rename(p.with_name(f"b{p.name}")) for p in write_dicom_series(two, tmp_path / "b", series="2")]
    intake = scan_paths(random.Random(1).sample(paths, len(paths)), tmp_path)
    found = {plan.geometry.shape[0]: plan for plan in intake.series}
    assert np.array_equal(pixels_of(found[5]), one.hu)
    assert np.array_equal(pixels_of(found[7]), two.hu)
    assert not found[5].notices


def test_a_localizer_is_split_off_and_said(tmp_path: Path) -> None:
    paths = write_dicom_series(small_phantom(), tmp_path / "s")
    edit(paths[0], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    intake = scan_paths(paths, tmp_path)
    assert [plan.geometry.shape[0] for plan in intake.series] == [7]
    assert (intake.verdicts[0].status, intake.verdicts[0].code) == ("skipped", "localizer")


def test_mixed_orientations_of_one_series_are_kept_apart_and_said(tmp_path: Path) -> None:
    paths = write_dicom_series(small_phantom(), tmp_path / "s")
    edit(paths[0], ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    intake = scan_paths(paths, tmp_path)
    assert len(intake.series) == 2
    assert all("mixed-orientation" in codes(plan) for plan in intake.series)
    assert "The series contains images of 2 orientations" in intake.verdicts[3].reason


def test_a_file_that_cannot_be_used_does_not_spoil_the_others(tmp_path: Path) -> None:
    volume = small_phantom()
    paths = write_dicom_series(volume, tmp_path / "s")
    paths[7].write_bytes(paths[7].read_bytes()[:3000])
    intake = scan_paths(paths, tmp_path)
    assert np.array_equal(pixels_of(intake.series[0]), volume.hu[:7])
    assert (intake.verdicts[7].status, intake.verdicts[7].code) == ("rejected", "truncated")


def test_without_positions_the_number_decides_and_it_is_said(tmp_path: Path) -> None:
    volume = small_phantom()
    missing = {"ImagePositionPatient": None, "ImageOrientationPatient": None}
    paths = shuffled(write_dicom_series(volume, tmp_path / "s", overrides=missing))
    (plan,) = scan_paths(paths, tmp_path).series
    assert codes(plan) == ["no-position"]
    assert np.array_equal(pixels_of(plan), volume.hu)


def test_without_spacing_lengths_are_in_pixels_and_it_is_said(tmp_path: Path) -> None:
    paths = write_dicom_series(small_phantom(), tmp_path / "s", overrides={"PixelSpacing": None})
    intake = scan_paths(paths, tmp_path)
    (plan,) = intake.series
    assert (plan.geometry.spacing_known, plan.geometry.spacing) == (False, (1.0, 1.0, 1.0))
    assert (intake.verdicts[0].status, intake.verdicts[0].code) == ("warning", "no-spacing")


def test_a_stated_spacing_stands_in_for_a_missing_one(tmp_path: Path) -> None:
    paths = write_dicom_series(small_phantom(), tmp_path / "s", overrides={"PixelSpacing": None})
    (plan,) = scan_paths(paths, tmp_path, pixel_spacing_mm=(3.0, 3.5)).series
    assert plan.geometry.spacing == pytest.approx((4.0, 3.0, 3.5))
    assert plan.geometry.spacing_known


@pytest.mark.parametrize(
    ("overrides", "depth"),
    [({}, 4.0), ({"SpacingBetweenSlices": "2.5"}, 2.5), ({"SliceThickness": None}, 1.0)],
)
def test_a_single_slice_is_a_volume_of_one(tmp_path: Path, overrides: dict[str, object], depth: float) -> None:
    volume = small_phantom(1)
    intake = scan_paths(write_dicom_series(volume, tmp_path / "s", overrides=overrides), tmp_path)
    assert only_verdict(intake) == ("imported", "ok")
    assert intake.series[0].geometry.shape == (1, 64, 48)
    assert intake.series[0].geometry.spacing[0] == depth


def test_a_missing_rescale_is_said(tmp_path: Path) -> None:
    paths = write_dicom_series(small_phantom(1), tmp_path / "s", overrides={"RescaleIntercept": None})
    assert only_verdict(scan_paths(paths, tmp_path)) == ("warning", "no-rescale")


def test_values_other_than_hounsfield_units_are_said(tmp_path: Path) -> None:
    paths = write_dicom_series(small_phantom(1), tmp_path / "s", overrides={"RescaleType": "ED"})
    assert only_verdict(scan_paths(paths, tmp_path)) == ("warning", "not-hu")


def test_pixels_that_turn_out_damaged_name_their_file(tmp_path: Path) -> None:
    paths = write_dicom_series(small_phantom(3), tmp_path / "s")
    (plan,) = scan_paths(paths, tmp_path).series
    paths[1].write_bytes(paths[1].read_bytes()[:3000])
    with pytest.raises(UnreadableFile, match="could not be decoded") as error:
        list(plan.slices())
    assert error.value.name == "0001.dcm"


def enhanced(volume: Volume, paths: list[Path]) -> Dataset:
    """All slices of a series in one Enhanced CT file, the highest first."""
    dataset = pydicom.dcmread(paths[0])
    frames = [pydicom.dcmread(path) for path in paths[::-1]]
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    dataset.NumberOfFrames = len(frames)
    dataset.PixelData = b"".join(frame.PixelData for frame in frames)
    shared, measures, plane, values = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = dataset.PixelSpacing, dataset.SliceThickness
    plane.ImageOrientationPatient = dataset.ImageOrientationPatient
    values.RescaleIntercept, values.RescaleSlope = "-1024", "1"
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    shared.PixelValueTransformationSequence = [values]
    dataset.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for frame in frames:
        place, group = Dataset(), Dataset()
        place.ImagePositionPatient = frame.ImagePositionPatient
        group.PlanePositionSequence = [place]
        groups.append(group)
    dataset.PerFrameFunctionalGroupsSequence = groups
    for keyword in ("PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient", "RescaleIntercept"):
        delattr(dataset, keyword)
    return dataset


def test_an_enhanced_multi_frame_file_is_a_series(tmp_path: Path) -> None:
    volume = small_phantom()
    path = tmp_path / "enhanced.dcm"
    enhanced(volume, write_dicom_series(volume, tmp_path / "s")).save_as(path)
    (plan,) = scan_paths([path], tmp_path).series
    assert plan.geometry == volume.geometry
    assert np.array_equal(pixels_of(plan), volume.hu)


@needs_real_data
def test_the_real_jpeg_2000_series_equals_what_another_library_reads(tmp_path: Path) -> None:
    folder = REAL_DATA / "totalsegmentator" / "example_ct_dicom"
    (plan,) = scan_paths(sorted(folder.iterdir()), tmp_path).series
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    assert np.array_equal(sitk.GetArrayFromImage(image).clip(-1024), pixels_of(plan))
    assert np.allclose(image.GetOrigin(), plan.geometry.origin)
    assert plan.geometry.spacing == pytest.approx((2.0, 0.9765625, 0.9765625))
    assert not plan.notices


@needs_real_data
def test_the_real_single_slices_are_75_different_ones(tmp_path: Path) -> None:
    intake = scan_paths(sorted((REAL_DATA / "siim-tcga-ct").glob("*.dcm")), tmp_path)
    assert len(intake.series) == 75
    assert {plan.geometry.shape for plan in intake.series} == {(1, 512, 512)}
    found = [(verdict.status, verdict.code) for verdict in intake.verdicts]
    assert (found.count(("imported", "ok")), found.count(("skipped", "duplicate"))) == (75, 5)
    assert all(plan.meta.patient_id.startswith("TCGA-") for plan in intake.series)
