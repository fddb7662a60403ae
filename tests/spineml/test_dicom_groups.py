"""One volume holds one patient, one acquisition and one reconstruction: everything that mixes them is taken apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import generate_uid

from spineml.readers.scan import DetectedSeries, Intake
from tests.spineml.ct_files import steps, write_ct
from tests.spineml.intake_helpers import codes, pixels_of, scan_paths

Found = tuple[int, float, float, int]  # slices, spacing, lowest z, HU of the tissue


def found(plan: DetectedSeries) -> Found:
    pixels = pixels_of(plan)
    tissue = {int(value) for value in pixels[:, 6, 6]}
    assert len(tissue) == 1, f"the slices are of several images: {tissue}"
    return len(pixels), round(plan.geometry.spacing[0], 3), round(plan.geometry.origin[2], 3), tissue.pop()


def series_in(intake: Intake) -> list[Found]:
    return sorted((found(plan) for plan in intake.series), key=lambda one: (one[3], one[2]))


def all_codes(intake: Intake) -> set[str]:
    return {code for plan in intake.series for code in codes(plan)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


TWO_SCANS = [
    ("half a slice apart", steps(10, start=-99.0), -99.0),
    ("share the same positions", steps(10), -100.0),
    ("overlapping", steps(10, start=-92.0), -92.0),
    ("overlapping, counted downwards", steps(10, start=-92.0)[::-1], -92.0),
]
APART: list[dict[str, Any]] = [
    {"AcquisitionNumber": 2},
    {"AcquisitionTime": "101500.000000"},
    {"AcquisitionDateTime": "20200102101500"},
    {"TemporalPositionIdentifier": 2},
    {"NominalPercentageOfCardiacPhase": 75},
    {"ContrastBolusAgent": "Iomeprol"},
    {"ConvolutionKernel": "B70f"},
    {"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]},
    {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 DUAL ENERGY 80"]},
    {"KVP": 80},
    {"FilterType": "WEDGE_2"},
    {"ReconstructionDiameter": 200},
    {"StationName": "CT-2"},
    {"EchoNumbers": 2},
    {"SliceThickness": "1.0"},
    {"SeriesDescription": "Spine late"},
]


@pytest.mark.parametrize(("how", "places", "low"), TWO_SCANS, ids=[one[0] for one in TWO_SCANS])
@pytest.mark.parametrize("values", APART, ids=[f"{next(iter(one))} {next(iter(one.values()))}" for one in APART])
def test_two_scans_under_one_series_are_two_series(
    folder: Path, how: str, places: list[float], low: float, values: dict[str, Any]
) -> None:
    first = {"AcquisitionTime": "101000.000000"} if "AcquisitionTime" in values else {}
    first |= {"AcquisitionDateTime": "20200102101000"} if "AcquisitionDateTime" in values else {}
    paths = write_ct(folder / "s", steps(10), 40, **first)
    paths += write_ct(folder / "s", places, 140, first_number=11, **values)
    intake = scan_paths(paths, folder)
    assert series_in(intake) == [(10, 2.0, -100.0, 40), (10, 2.0, low, 140)]
    assert all_codes(intake) <= {"mixed-series", "several-at-one-place"}
    assert {verdict.status for verdict in intake.verdicts} == {"warning"}


def test_two_scans_that_only_the_numbers_tell_apart_are_two_series(folder: Path) -> None:
    paths = write_ct(folder / "s", steps(10), 40)
    paths += write_ct(folder / "s", steps(10, start=-99.0), 140, first_number=11)
    assert series_in(scan_paths(paths, folder)) == [(10, 2.0, -100.0, 40), (10, 2.0, -99.0, 140)]


def test_two_kernels_that_follow_each_other_are_two_series(folder: Path) -> None:
    paths = write_ct(folder / "s", steps(6), 40)
    paths += write_ct(folder / "s", steps(6, start=-88.0), 140, first_number=7, ConvolutionKernel="B70f")
    intake = scan_paths(paths, folder)
    assert series_in(intake) == [(6, 2.0, -100.0, 40), (6, 2.0, -88.0, 140)]
    assert "reconstruction kernels" in intake.verdicts[0].reason


def test_a_slice_that_is_missing_from_one_of_two_scans_is_missing_there(folder: Path) -> None:
    paths = write_ct(folder / "s", [z for z in steps(10) if z != -90.0], 40)
    paths += write_ct(folder / "s", steps(10, start=-99.0), 140, first_number=11, AcquisitionNumber=2)
    late, early = sorted(scan_paths(paths, folder).series, key=lambda plan: plan.geometry.origin[2], reverse=True)
    assert (early.geometry.shape[0], early.meta.empty_slices) == (10, (5,))
    assert (late.geometry.shape[0], late.meta.empty_slices) == (10, ())


@pytest.mark.parametrize("numbers", [[4, 4, 5, 5], [1, 2, 3, 4], [1, 1, 1, 2, 2, 2, 3, 3, 3]])
def test_the_rotations_of_one_scan_stay_one_series(folder: Path, numbers: list[int]) -> None:
    places = steps(len(numbers))
    paths = write_ct(folder / "s", places, each=lambda number, z: {"AcquisitionNumber": numbers[number]})
    intake = scan_paths(paths, folder)
    assert series_in(intake) == [(len(numbers), 2.0, -100.0, 40)]
    assert not all_codes(intake)


def test_two_scans_of_several_rotations_each_are_two_series(folder: Path) -> None:
    paths = write_ct(folder / "s", steps(12), 40, each=lambda number, z: {"AcquisitionNumber": 1 + number // 4})
    paths += write_ct(
        folder / "s", steps(12), 140, first_number=13, each=lambda number, z: {"AcquisitionNumber": 4 + number // 4}
    )
    assert series_in(scan_paths(paths, folder)) == [(12, 2.0, -100.0, 40), (12, 2.0, -100.0, 140)]


def test_each_slice_with_a_time_of_its_own_is_one_series(folder: Path) -> None:
    paths = write_ct(folder / "s", steps(8), each=lambda number, z: {"AcquisitionTime": f"1010{number:02d}.5"})
    intake = scan_paths(paths, folder)
    assert series_in(intake) == [(8, 2.0, -100.0, 40)]
    assert not all_codes(intake)


def test_two_scans_with_a_time_of_its_own_for_each_slice_are_two_series(folder: Path) -> None:
    paths = write_ct(folder / "s", steps(8), 40, each=lambda number, z: {"AcquisitionTime": f"1010{number:02d}.5"})
    paths += write_ct(
        folder / "s",
        steps(8),
        140,
        first_number=9,
        each=lambda number, z: {"AcquisitionTime": f"1012{number:02d}.5", "InstanceNumber": 1},
    )
    assert series_in(scan_paths(paths, folder)) == [(8, 2.0, -100.0, 40), (8, 2.0, -100.0, 140)]


def test_slices_of_another_acquisition_within_a_whole_stack_stay_and_are_named(folder: Path) -> None:
    numbers = [1, 1, 1, 2, 2, 1, 1, 1]
    paths = write_ct(folder / "s", steps(8), each=lambda number, z: {"AcquisitionNumber": numbers[number]})
    (plan,) = scan_paths(paths, folder).series
    assert codes(plan) == ["mixed-acquisitions"]
    assert "slices 4, 5" in plan.warnings[0]
    assert plan.meta.empty_slices == ()


def test_a_copy_of_a_few_slices_in_another_folder_is_left_out(folder: Path) -> None:
    paths = write_ct(folder / "a", steps(8))
    again = write_ct(folder / "b", steps(3), prefix="again")
    intake = scan_paths([*paths, *again], folder)
    assert series_in(intake) == [(8, 2.0, -100.0, 40)]
    assert [verdict.code for verdict in intake.verdicts[8:]] == ["duplicate"] * 3


def test_alike_slices_of_two_scans_stay_in_both(folder: Path) -> None:
    """Air above the head is the same in both: neither scan loses a slice for it."""
    paths = write_ct(folder / "s", steps(6), 40)
    paths += write_ct(folder / "s", steps(5), 140, first_number=7, AcquisitionNumber=2)
    paths += write_ct(folder / "s", [-90.0], 40, first_number=12, AcquisitionNumber=2)
    assert [plan.geometry.shape[0] for plan in scan_paths(paths, folder).series] == [6, 6]


def test_derived_images_of_another_kind_do_not_join_the_slices(folder: Path) -> None:
    paths = write_ct(folder / "s", steps(8))
    paths += write_ct(folder / "s", [-84.0], 900, first_number=9, ImageType=["DERIVED", "SECONDARY", "MIP"])
    intake = scan_paths(paths, folder)
    assert sorted(plan.geometry.shape[0] for plan in intake.series) == [1, 8]
    assert "projection" in all_codes(intake)


@pytest.mark.parametrize("kind", ["LOCALIZER", "SCREEN SAVE", "CT_SOM5 PROT", "DOSE_INFO"])
def test_scouts_and_pictures_of_screens_are_left_out(folder: Path, kind: str) -> None:
    paths = write_ct(folder / "s", steps(6))
    paths += write_ct(folder / "s", [-88.0], 900, first_number=7, ImageType=["DERIVED", "SECONDARY", kind])
    intake = scan_paths(paths, folder)
    assert series_in(intake) == [(6, 2.0, -100.0, 40)]
    assert intake.verdicts[-1].status == "skipped"


# --- patients ---------------------------------------------------------------------------------------------------------
PEOPLE = [
    ({"PatientID": "A"}, {"PatientID": "B"}),
    ({"PatientID": "A", "PatientName": "Kim^Minsu"}, {"PatientID": "A", "PatientName": "Park^Younghee"}),
    ({"PatientID": "", "PatientName": "Kim^Minsu"}, {"PatientID": "", "PatientName": "Kim^Younghee"}),
    ({"PatientID": "", "PatientName": "김^민수"}, {"PatientID": "", "PatientName": "김^영희"}),
    (
        {"PatientID": "", "PatientName": "Kim^Minsu", "PatientBirthDate": "19700101"},
        {"PatientID": "", "PatientName": "Kim^Minsu", "PatientBirthDate": "19800101"},
    ),
]


@pytest.mark.parametrize(("one", "other"), PEOPLE)
@pytest.mark.parametrize("start", [-99.0, -100.0, -80.0])
def test_two_patients_are_never_one_volume(
    folder: Path, one: dict[str, str], other: dict[str, str], start: float
) -> None:
    paths = write_ct(folder / "a", steps(10), 40, **one)
    paths += write_ct(folder / "b", steps(10, start=start), 140, prefix="b", **other)
    intake = scan_paths(paths, folder)
    assert series_in(intake) == [(10, 2.0, -100.0, 40), (10, 2.0, start, 140)]
    keys = {(plan.meta.patient_id, plan.meta.study_uid) for plan in intake.series}
    assert len(keys) == 2
    assert all_codes(intake) == {"several-patients"}


def test_two_patients_with_the_same_pixels_are_two_series(folder: Path) -> None:
    paths = write_ct(folder / "a", steps(6), PatientID="A")
    paths += write_ct(folder / "b", steps(6), prefix="b", PatientID="B")
    assert {plan.meta.patient_id for plan in scan_paths(paths, folder).series} == {"A", "B"}


SPELLINGS = [
    ({"PatientID": "4711 "}, {"PatientID": "4711"}),
    ({"PatientID": "004711"}, {"PatientID": "4711"}),
    ({"PatientID": ""}, {"PatientID": "4711"}),
    ({"PatientID": "ab-1"}, {"PatientID": "AB-1"}),
    ({"PatientName": "Phantom^Test"}, {"PatientName": "PHANTOM TEST"}),
    ({"PatientName": "Phantom^Test"}, {"PatientName": ""}),
    ({"PatientName": "Hong^Gildong"}, {"PatientName": "홍^길동"}),
    ({"PatientID": "", "PatientName": ""}, {"PatientID": "4711"}),
]


@pytest.mark.parametrize(("one", "other"), SPELLINGS)
def test_a_patient_who_is_spelt_in_two_ways_is_one(folder: Path, one: dict[str, str], other: dict[str, str]) -> None:
    paths = write_ct(folder / "s", steps(5), **one)
    paths += write_ct(folder / "s", steps(5, start=-90.0), first_number=6, **other)
    (plan,) = scan_paths(paths, folder).series
    assert found(plan) == (10, 2.0, -100.0, 40)
    assert not plan.notices


# --- identifiers that are new in each file ----------------------------------------------------------------------------
FRESH = [
    ("FrameOfReferenceUID",),
    ("StudyInstanceUID",),
    ("SeriesInstanceUID",),
    ("SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"),
]


@pytest.mark.parametrize("names", FRESH, ids="+".join)
def test_identifiers_drawn_anew_for_each_file_make_no_new_series(folder: Path, names: tuple[str, ...]) -> None:
    paths = write_ct(folder / "s", steps(12), each=lambda number, z: {name: generate_uid() for name in names})
    intake = scan_paths(paths, folder)
    assert series_in(intake) == [(12, 2.0, -100.0, 40)]
    assert all_codes(intake) == {"new-identifiers"}


def fresh(number: int, z: float) -> dict[str, str]:
    return {name: str(generate_uid()) for name in ("SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")}


def test_fresh_identifiers_do_not_hide_a_missing_slice(folder: Path) -> None:
    paths = write_ct(folder / "s", [z for z in steps(12) if z != -90.0], each=fresh)
    (plan,) = scan_paths(paths, folder).series
    assert (plan.geometry.shape[0], plan.meta.empty_slices) == (12, (5,))


def test_fresh_identifiers_do_not_mix_two_acquisitions(folder: Path) -> None:
    paths = write_ct(folder / "s", steps(6), 40, each=fresh)
    paths += write_ct(folder / "s", steps(6), 140, first_number=7, AcquisitionNumber=2, each=fresh)
    assert series_in(scan_paths(paths, folder)) == [(6, 2.0, -100.0, 40), (6, 2.0, -100.0, 140)]


def test_single_slices_of_two_patients_under_fresh_identifiers_stay_apart(folder: Path) -> None:
    paths = write_ct(
        folder / "s",
        steps(12),
        each=lambda number, z: {"SeriesInstanceUID": generate_uid(), "PatientID": f"P{number % 2}"},
    )
    assert [plan.geometry.shape[0] for plan in scan_paths(paths, folder).series] == [6, 6]


def test_two_frames_of_reference_with_a_gap_between_are_two_series(folder: Path) -> None:
    paths = write_ct(folder / "s", steps(6), 40)
    paths += write_ct(folder / "s", steps(6, start=-83.0), 140, first_number=7, FrameOfReferenceUID="2.25.9")
    assert series_in(scan_paths(paths, folder)) == [(6, 2.0, -100.0, 40), (6, 2.0, -83.0, 140)]


def test_the_order_of_the_files_makes_no_difference(folder: Path) -> None:
    paths = write_ct(folder / "s", steps(10), 40)
    paths += write_ct(folder / "s", steps(10, start=-99.0), 140, first_number=11, AcquisitionNumber=2)
    order = np.random.default_rng(3).permutation(len(paths))
    assert series_in(scan_paths([paths[i] for i in order], folder)) == series_in(scan_paths(paths, folder))


# --- without places ---------------------------------------------------------------------------------------------------
NOWHERE: dict[str, Any] = {"ImagePositionPatient": None, "ImageOrientationPatient": None}


@pytest.mark.parametrize("values", [{"AcquisitionNumber": 2}, {"AcquisitionTime": "101500"}, {"KVP": 80}])
def test_two_scans_that_do_not_say_where_they_lie_are_two_series(folder: Path, values: dict[str, Any]) -> None:
    paths = write_ct(folder / "a", steps(5), 40, **NOWHERE)
    paths += write_ct(folder / "b", steps(5), 140, prefix="b", **NOWHERE, **values)
    intake = scan_paths(paths, folder)
    assert sorted(found(plan)[3] for plan in intake.series) == [40, 140]


def test_a_copy_of_a_slice_that_does_not_say_where_it_lies_is_used_once(folder: Path) -> None:
    paths = write_ct(folder / "a", steps(5), **NOWHERE)
    paths += write_ct(folder / "b", steps(1), prefix="b", **NOWHERE)
    (plan,) = scan_paths(paths, folder).series
    assert plan.geometry.shape[0] == 5


def test_pixel_spacings_that_differ_by_rounding_are_one_series(folder: Path) -> None:
    paths = write_ct(folder / "s", steps(6), each=lambda number, z: {"PixelSpacing": [0.7425 + number * 1e-6] * 2})
    assert [plan.geometry.shape[0] for plan in scan_paths(paths, folder).series] == [6]
