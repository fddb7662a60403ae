"""Odd DICOM files: an odd optional value spoils nothing, a needed one is named, and no value changes in silence."""

from __future__ import annotations

import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from spineml.readers.dicom.deidentify import deidentify_dicom, table_version
from spineml.readers.dicom.encoding import Inflater
from spineml.readers.dicom.header import read_header
from spineml.readers.dicom.text import decoded
from spineml.readers.scan import scan
from spineml.readers.series import FileNotUsed, IntakeOptions, ReceivedFile
from tests.spineml.ct_files import COLUMNS, ROWS, ct_dataset, in_syntax, raw_value, slice_hu, steps, write_ct
from tests.spineml.intake_helpers import codes, pixels_of, scan_paths

SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]


def hu_at(places: list[float]) -> np.ndarray[Any, Any]:
    return np.stack([slice_hu(z) for z in places])


# --- optional values --------------------------------------------------------------------------------------------------
OPTIONAL = [
    *[("SliceThickness", value) for value in (b"2.0\\2.0", b"2.0 mm", b"2,0", b"abc", b"nan", b"", b"-1", b"1e999")],
    *[("AcquisitionNumber", value) for value in (b"1\\2", b"A1", b"", b"99999999999", b"1.5")],
    *[("InstanceNumber", value) for value in (b"A7", b"", b"1\\2", b"nan", b"-3")],
    *[("PixelSpacing", value) for value in (b"0.8", b"0,8\\0,8", b"0.8mm\\0.8mm", b"0.8\\0.8\\0.8", b" 0.80 \\ 0.80 ")],
    *[("SeriesNumber", value) for value in (b"one", b"1\\1")],
    *[("ConvolutionKernel", value) for value in (b"B30f\\3", b"\xff\xfe", b"")],
    *[("PatientPosition", value) for value in (b"HFS\\HFS",)],
    *[("RescaleType", value) for value in (b"hu", b"")],
    *[("RescaleSlope", value) for value in (b"1,0", b"1.0E+00", b"")],
    *[("SpecificCharacterSet", value) for value in (b"NONSENSE", b"\\\\", b"ISO_IR 149\\ISO_IR 149")],
    *[("ImageType", value) for value in (b"AXIAL", b"\\\\AXIAL")],
    *[("FrameOfReferenceUID", value) for value in (b"not a uid", b"")],
]


@pytest.mark.parametrize(("keyword", "value"), OPTIONAL)
def test_an_odd_optional_value_spoils_nothing(tmp_path: Path, keyword: str, value: bytes) -> None:
    paths = write_ct(tmp_path / "s", steps(4))
    for path in paths:
        raw_value(path, keyword, value)
    (plan,) = scan_paths(paths, tmp_path).series
    assert np.array_equal(pixels_of(plan), hu_at(steps(4)))
    assert plan.geometry.spacing == pytest.approx((2.0, 0.8, 0.8))
    assert plan.geometry.spacing_known
    for path in paths:
        deidentify_dicom(path, tmp_path / "clean.dcm", uid_salt="salt")


@pytest.mark.parametrize(("keyword", "value"), OPTIONAL)
def test_an_odd_optional_value_of_one_slice_takes_it_out_of_no_series(
    tmp_path: Path, keyword: str, value: bytes
) -> None:
    paths = write_ct(tmp_path / "s", steps(7))
    raw_value(paths[3], keyword, value)
    plans = scan_paths(paths, tmp_path).series
    assert [plan.geometry.shape[0] for plan in plans if plan.geometry.shape[0] != 7] == []


NEEDED = [
    ("ImagePositionPatient", b"1\\2", "bad-position"),
    ("ImagePositionPatient", b"a\\b\\c", "bad-position"),
    ("ImagePositionPatient", b"nan\\0\\0", "bad-position"),
    ("ImagePositionPatient", b"1e30\\0\\0", "bad-position"),
    ("RescaleSlope", b"0", "bad-rescale"),
    ("RescaleSlope", b"nan", "bad-rescale"),
    ("RescaleIntercept", b"minus", "bad-rescale"),
    ("RescaleIntercept", b"inf", "bad-rescale"),
]


@pytest.mark.parametrize(("keyword", "value", "code"), NEEDED)
def test_an_odd_needed_value_is_named(tmp_path: Path, keyword: str, value: bytes, code: str) -> None:
    paths = write_ct(tmp_path / "s", steps(3))
    raw_value(paths[1], keyword, value)
    intake = scan_paths(paths, tmp_path)
    verdict = intake.verdicts[1]
    assert (verdict.status, verdict.code) == ("rejected", code)
    assert "damaged" not in verdict.reason
    assert [other.status for other in intake.verdicts].count("rejected") == 1


@pytest.mark.parametrize("bits", [1, 12, 64])
def test_pixels_of_an_odd_size_are_named(tmp_path: Path, bits: int) -> None:
    (path,) = write_ct(tmp_path / "s", [0.0], BitsAllocated=bits, PixelData=bytes(ROWS * COLUMNS * 8))
    assert scan_paths([path], tmp_path).verdicts[0].code == "unsupported-bits"


# --- the transfer syntax ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("written", SYNTAXES, ids=lambda uid: uid.name)
@pytest.mark.parametrize("stated", [None, *SYNTAXES], ids=lambda uid: uid.name if uid else "truly")
def test_a_file_is_read_as_it_was_written_whatever_it_states(tmp_path: Path, written: Any, stated: Any) -> None:
    paths = write_ct(tmp_path / "s", steps(3))
    for path in paths:
        in_syntax(path, written, stated)
    (plan,) = scan_paths(paths, tmp_path).series
    assert np.array_equal(pixels_of(plan), hu_at(steps(3)))
    deidentify_dicom(paths[0], tmp_path / "clean.dcm", uid_salt="salt")
    assert b"Phantom" not in (tmp_path / "clean.dcm").read_bytes()
    (again,) = scan_paths([tmp_path / "clean.dcm"], tmp_path).series
    assert np.array_equal(pixels_of(again), hu_at(steps(1)))


def deflated(path: Path, filler: int) -> Path:
    """A deflated file with ``filler`` zeros before its pixels."""
    dataset = ct_dataset(0.0)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.add_new(0x00291010, "OB", b"")
    dataset.save_as(path, enforce_file_format=True)
    raw = path.read_bytes()
    start = 144 + int.from_bytes(raw[140:144], "little")
    inside = zlib.decompress(raw[start:], -zlib.MAX_WBITS)
    place = inside.index(b"\x29\x00\x10\x10OB\0\0") + 8
    engine = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    with path.open("wb") as sink:
        sink.write(raw[:start] + engine.compress(inside[:place] + filler.to_bytes(4, "little")))
        for _ in range(filler // 2**20):
            sink.write(engine.compress(bytes(2**20)))
        sink.write(engine.compress(inside[place + 4 :]) + engine.flush())
    return path


def test_a_deflated_bomb_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = deflated(tmp_path / "bomb.dcm", 300 * 2**20)
    assert path.stat().st_size < 400_000
    intake = scan_paths([path], tmp_path)
    assert intake.verdicts[0].code == "deflated-too-much"
    assert sum(file.stat().st_size for file in (tmp_path / "work").rglob("*")) < 2**20


def test_a_deflated_bomb_is_not_inflated_on_its_way_to_the_archive_either(tmp_path: Path) -> None:
    from spineml.errors import UnreadableFile

    path = deflated(tmp_path / "bomb.dcm", 300 * 2**20)
    with pytest.raises(UnreadableFile, match="unpacks to far more"):
        deidentify_dicom(path, tmp_path / "clean.dcm", uid_salt="salt")


def test_deflated_files_share_one_budget(tmp_path: Path) -> None:
    paths = [deflated(tmp_path / f"d{number}.dcm", 2**20) for number in range(3)]
    inflater = Inflater(tmp_path, budget=2 * 2**20 + 2**19)
    for path in paths[:2]:
        read_header(ReceivedFile(path, path.name), inflater)
    with pytest.raises(FileNotUsed) as refused:
        read_header(ReceivedFile(paths[2], "d2"), inflater)
    assert refused.value.code == "deflated-too-much"


@pytest.mark.parametrize("count", [10**9, 2**31 - 1, 30_000])
@pytest.mark.parametrize("encoded", [False, True])
def test_a_number_of_frames_that_is_not_there_takes_no_memory(tmp_path: Path, count: int, encoded: bool) -> None:
    dataset = ct_dataset(0.0, NumberOfFrames=count)
    if encoded:
        dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.5"
        dataset.PixelData = encapsulate([bytes(64)])
        dataset["PixelData"].is_undefined_length = True
    dataset.save_as(tmp_path / "many.dcm", enforce_file_format=True)
    began = time.monotonic()
    assert scan_paths([tmp_path / "many.dcm"], tmp_path).verdicts[0].status == "rejected"
    assert time.monotonic() - began < 2


# --- several images in one file ---------------------------------------------------------------------------------------
def enhanced_ct(path: Path, places: list[float], each: Any = lambda number: {}) -> Path:
    """An enhanced CT whose frames lie at ``places``; ``each`` adds functional groups to a frame."""
    dataset = ct_dataset(places[0])
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    dataset.NumberOfFrames = len(places)
    dataset.PixelData = b"".join((slice_hu(z) + 1024).astype("<u2").tobytes() for z in places)
    groups = []
    for number, z in enumerate(places):
        place, group = Dataset(), Dataset()
        place.ImagePositionPatient = [-4, -5, z]
        group.PlanePositionSequence = [place]
        for keyword, values in each(number).items():
            item = Dataset()
            for name, value in values.items():
                setattr(item, name, value)
            setattr(group, keyword, [item])
        groups.append(group)
    dataset.PerFrameFunctionalGroupsSequence = groups
    del dataset.ImagePositionPatient
    dataset.save_as(path, enforce_file_format=True)
    return path


def two_stacks_in_one_file(path: Path) -> Path:
    """Two acquisitions at the same places, in one enhanced CT."""
    both = [*steps(5), *[z + 1 for z in steps(5)]]
    return enhanced_ct(path, both, lambda number: {"FrameContentSequence": {"FrameAcquisitionNumber": 1 + number // 5}})


def test_two_acquisitions_in_one_enhanced_file_are_two_series(tmp_path: Path) -> None:
    plans = scan_paths([two_stacks_in_one_file(tmp_path / "e.dcm")], tmp_path).series
    assert [(plan.geometry.shape[0], plan.geometry.spacing[0]) for plan in plans] == [(5, 2.0), (5, 2.0)]
    low, high = sorted(plans, key=lambda plan: plan.geometry.origin[2])
    assert np.array_equal(pixels_of(low), hu_at(steps(5)))
    assert np.array_equal(pixels_of(high), hu_at(steps(5, start=-99.0)))


@pytest.mark.parametrize(
    ("group", "keyword", "values"),
    [
        ("CTReconstructionSequence", "ConvolutionKernel", ("B30f", "B70f")),
        ("CTXRayDetailsSequence", "KVP", (80, 140)),
        ("FrameContentSequence", "TemporalPositionIndex", (1, 2)),
        ("FrameContentSequence", "StackID", ("1", "2")),
    ],
)
def test_frames_that_were_made_in_two_ways_are_two_series(
    tmp_path: Path, group: str, keyword: str, values: tuple[Any, Any]
) -> None:
    both = [z for z in steps(5) for _ in range(2)]
    path = enhanced_ct(tmp_path / "e.dcm", both, lambda number: {group: {keyword: values[number % 2]}})
    # The same pixels at the same place: let them differ.
    dataset = pydicom.dcmread(path)
    frames = np.frombuffer(dataset.PixelData, "<u2").reshape(10, ROWS, COLUMNS).copy()
    frames[1::2, 6, 6] += 100
    dataset.PixelData = frames.tobytes()
    dataset.save_as(path)
    plans = scan_paths([path], tmp_path).series
    assert [plan.geometry.shape[0] for plan in plans] == [5, 5]
    assert sorted({int(value) for value in pixels_of(plan)[:, 6, 6]} == {40} for plan in plans) == [False, True]


def test_an_enhanced_file_takes_time_in_step_with_its_frames(tmp_path: Path) -> None:
    """Reading the file anew for each frame would take 64 times as long for 8 times as many."""

    def seconds(count: int) -> float:
        """Of the processor: another process that is busy makes no difference."""
        path = enhanced_ct(tmp_path / f"e{count}.dcm", steps(count))
        began = time.process_time()
        (plan,) = scan_paths([path], tmp_path).series
        assert len(pixels_of(plan)) == count
        return time.process_time() - began

    seconds(10)
    few, many = (min(seconds(count) for _ in range(2)) for count in (50, 400))
    assert many <= 9 * few


def multi_frame(path: Path, count: int = 6, **values: Any) -> Path:
    """CT Image Storage with several frames and one place, as some cone-beam scanners write it."""
    places = steps(count)
    pixels = b"".join((slice_hu(z) + 1024).astype("<u2").tobytes() for z in places)
    ct_dataset(places[0], NumberOfFrames=count, PixelData=pixels, **values).save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize(
    "values",
    [
        {"SpacingBetweenSlices": "2"},
        {},  # the thickness stands in
        {"SliceThickness": None, "GridFrameOffsetVector": [0, 2, 4, 6, 8, 10]},
        {"SliceThickness": None, "SliceLocationVector": [7, 9, 11, 13, 15, 17]},
    ],
)
def test_a_plain_multi_frame_file_is_one_series_whose_places_are_worked_out(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    (plan,) = scan_paths([multi_frame(tmp_path / "m.dcm", **values)], tmp_path).series
    assert np.array_equal(pixels_of(plan), hu_at(steps(6)))
    assert (plan.geometry.spacing[0], plan.geometry.origin[2]) == pytest.approx((2.0, -100.0))
    assert codes(plan) == ["places-worked-out"]


def test_a_negative_distance_of_frames_is_a_direction(tmp_path: Path) -> None:
    (plan,) = scan_paths([multi_frame(tmp_path / "m.dcm", SpacingBetweenSlices="-2")], tmp_path).series
    assert plan.geometry.origin[2] == pytest.approx(-110.0)
    assert np.array_equal(pixels_of(plan), hu_at(steps(6))[::-1])


def test_frames_without_any_distance_are_one_series_that_says_so(tmp_path: Path) -> None:
    (plan,) = scan_paths([multi_frame(tmp_path / "m.dcm", SliceThickness=None)], tmp_path).series
    assert len(pixels_of(plan)) == 6
    assert {"no-slice-spacing", "no-position"} <= set(codes(plan))


def test_a_film_is_no_series(tmp_path: Path) -> None:
    path = multi_frame(tmp_path / "m.dcm", FrameIncrementPointer=0x00181063, SliceThickness=None)
    assert scan_paths([path], tmp_path).verdicts[0].code == "moving-picture"


# --- values -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("stated", [-2000, 63536])
@pytest.mark.parametrize("limit", [None, -1999])
def test_padding_is_air_in_whichever_sign_it_is_written(
    tmp_path: Path, signed: bool, stated: int, limit: int | None
) -> None:
    stored = (slice_hu(0.0) + (0 if signed else 1024)).astype(np.int32)
    stored[0, 0] = -2000 if signed else 63536
    values: dict[str, Any] = {"PixelRepresentation": int(signed), "RescaleIntercept": "0" if signed else "-1024"}
    dataset = ct_dataset(0.0, **values)
    dataset.BitsStored, dataset.HighBit = 16, 15
    dataset.PixelData = stored.astype("<i2" if signed else "<u2").tobytes()
    for tag, value in ((0x00280120, stated), (0x00280121, limit)):
        if value is not None:
            dataset.add_new(tag, "SS" if value < 0 else "US", value)
    dataset.save_as(tmp_path / "p.dcm", enforce_file_format=True)
    (plan,) = scan_paths([tmp_path / "p.dcm"], tmp_path).series
    expected = slice_hu(0.0)
    expected[0, 0] = -1024
    assert np.array_equal(pixels_of(plan)[0], expected)
    assert plan.doubts() == []


def test_a_padding_range_over_everything_wipes_nothing(tmp_path: Path) -> None:
    dataset = ct_dataset(0.0)
    dataset.add_new(0x00280120, "US", 63536)
    dataset.add_new(0x00280121, "US", 0)
    dataset.save_as(tmp_path / "p.dcm", enforce_file_format=True)
    (plan,) = scan_paths([tmp_path / "p.dcm"], tmp_path).series
    assert np.array_equal(pixels_of(plan)[0], slice_hu(0.0))


@pytest.mark.parametrize("signed", [0, 1])
def test_an_intercept_that_was_lost_is_said(tmp_path: Path, signed: int) -> None:
    paths = write_ct(tmp_path / "s", steps(3), RescaleIntercept="0", PixelRepresentation=signed)
    (plan,) = scan_paths(paths, tmp_path).series
    assert pixels_of(plan).min() == 24
    said = [notice.code for notice in (*plan.notices, *plan.doubts())]
    assert said == ["values-not-hu", "offset-lost"]


def test_values_that_are_cut_at_the_top_are_said(tmp_path: Path) -> None:
    (path,) = write_ct(tmp_path / "s", [0.0], RescaleSlope="30")
    (plan,) = scan_paths([path], tmp_path).series
    assert pixels_of(plan).max() == 32767
    assert [notice.code for notice in plan.doubts()] == ["values-cut"]


def test_values_in_the_upper_bits_of_a_word_are_read_as_they_are_meant(tmp_path: Path) -> None:
    stored = (slice_hu(0.0) + 1024).astype("<u2") << 4
    dataset = ct_dataset(0.0, BitsStored=12, HighBit=15, PixelData=stored.astype("<u2").tobytes())
    dataset.save_as(tmp_path / "h.dcm", enforce_file_format=True)
    (plan,) = scan_paths([tmp_path / "h.dcm"], tmp_path).series
    assert np.array_equal(pixels_of(plan)[0], slice_hu(0.0))


# --- doubts -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"ImageOrientationPatient": None}, "no-orientation"),
        ({"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]}, "no-orientation"),
        ({"PatientPosition": None}, "no-patient-position"),
        ({"BurnedInAnnotation": "YES"}, "burned-in"),
        ({"GantryDetectorTilt": "15"}, "tilt-doubtful"),
        ({"RescaleType": "HU_MOD"}, "not-hu"),
        ({"RescaleIntercept": None}, "no-rescale"),
        ({"PixelSpacing": None}, "no-spacing"),
    ],
)
def test_a_doubt_is_a_notice(tmp_path: Path, values: dict[str, Any], code: str) -> None:
    (plan,) = scan_paths(write_ct(tmp_path / "s", steps(4), **values), tmp_path).series
    assert code in codes(plan)


def test_places_that_are_not_stated_leave_left_and_right_in_doubt(tmp_path: Path) -> None:
    values = {"ImagePositionPatient": None, "ImageOrientationPatient": None}
    (plan,) = scan_paths(write_ct(tmp_path / "s", steps(4), **values), tmp_path).series
    assert "Check head/feet and left/right" in plan.warnings[0]


# --- character sets ---------------------------------------------------------------------------------------------------
KOREAN = "허리 CT"
SETS = [
    ("ISO_IR 149", KOREAN.encode("cp949")),
    ("ISO 2022 IR 149", KOREAN.encode("cp949")),
    ("\\ISO 2022 IR 149", KOREAN.encode("cp949")),
    ("\\ISO 2022 IR 149", b"\x1b$)C" + KOREAN.encode("cp949")),
    ("ISO IR 149", KOREAN.encode("cp949")),
    ("EUC-KR", KOREAN.encode("cp949")),
    ("ISO_IR 192", KOREAN.encode()),
    ("UTF-8", KOREAN.encode()),
    ("", KOREAN.encode("cp949")),
    ("", KOREAN.encode()),
    ("ISO_IR 100", KOREAN.encode("cp949")),
    ("ISO_IR 100", KOREAN.encode()),
    ("ISO_IR 6", KOREAN.encode("cp949")),
    ("GB18030", KOREAN.encode("gb18030")),
]


@pytest.mark.parametrize(("stated", "raw"), SETS)
def test_korean_is_read_in_every_spelling_of_its_character_set(tmp_path: Path, stated: str, raw: bytes) -> None:
    (path,) = write_ct(tmp_path / "s", [0.0], SpecificCharacterSet="ISO_IR 6")
    raw_value(path, "SpecificCharacterSet", stated.encode())
    raw_value(path, "SeriesDescription", raw)
    assert read_header(ReceivedFile(path, "s")).meta.description == KOREAN


@pytest.mark.parametrize(
    ("charsets", "raw", "text"),
    [
        (["latin_1"], "Müller à é".encode("latin-1"), "Müller à é"),
        (["shift_jis"], "腰椎".encode("shift_jis"), "腰椎"),
        (["gb18030"], "腰椎".encode("gb18030"), "腰椎"),
        ([], "腰椎".encode("shift_jis"), ""),  # what cannot be known is not shown
        ([], b"\xff\xfe\x80", ""),
        (["cp949"], b"\x1b$B9x\x1b(B", "腰"),
    ],
)
def test_text_is_right_or_absent(charsets: list[str], raw: bytes, text: str) -> None:
    assert decoded(raw, charsets) == text


def test_the_table_of_what_is_removed_is_the_newest_installed() -> None:
    import importlib.resources

    folder = importlib.resources.files("dicomanonymizer.dicom_anonymization_databases")
    newest = max(item.name for item in folder.iterdir() if item.name.startswith("dicomfields_"))
    assert f"{table_version()}.py" == newest


def test_an_intercept_that_a_few_slices_lost_is_said(tmp_path: Path) -> None:
    paths = write_ct(tmp_path / "a", steps(8), each=lambda n, z: {"RescaleIntercept": "0" if n in (2, 5) else "-1024"})

    (plan,) = scan_paths(paths, tmp_path).series

    assert codes(plan) == ["mixed-rescale"]
    assert plan.notices[0].text.values["slices"] == "3, 6"


@pytest.mark.parametrize("start", [-99.0, -84.0])
def test_two_scans_that_nothing_but_their_numbers_tells_apart_are_doubted(tmp_path: Path, start: float) -> None:
    one = write_ct(tmp_path / "a", steps(8))
    paths = [*one, *write_ct(tmp_path / "a", steps(8, start=start), tissue=60, prefix="other")]

    plans = scan_paths(paths, tmp_path).series

    assert all("repeated-numbers" in codes(plan) for plan in plans)


def test_one_number_for_all_slices_is_no_doubt(tmp_path: Path) -> None:
    paths = write_ct(tmp_path / "a", steps(8), each=lambda n, z: {"InstanceNumber": 1})

    (plan,) = scan_paths(paths, tmp_path).series

    assert codes(plan) == []


@pytest.mark.parametrize(("modality", "said"), [("MR", ["not-called-ct"]), ("OT", ["not-called-ct"]), (" ct", [])])
def test_ct_images_that_are_called_something_else_are_doubted(tmp_path: Path, modality: str, said: list[str]) -> None:
    (plan,) = scan_paths(write_ct(tmp_path / "a", steps(4), Modality=modality), tmp_path).series

    assert codes(plan) == said


# --- one place for all images -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("upwards", [True, False])
@pytest.mark.parametrize("times", [True, False])
def test_slices_that_all_state_one_place_are_put_where_slice_location_says(
    tmp_path: Path, upwards: bool, times: bool
) -> None:
    places = steps(9, 1.25)[:: 1 if upwards else -1]
    paths = write_ct(
        tmp_path / "s",
        places,
        each=lambda number, z: {
            "ImagePositionPatient": [-4, -5, 0],
            "SliceLocation": str(z),
            "AcquisitionTime": f"1000{number if times else 0:02d}",
        },
    )
    (plan,) = scan_paths(paths, tmp_path).series
    assert codes(plan) == ["places-worked-out"]
    assert plan.geometry.spacing[0] == pytest.approx(1.25)
    assert plan.geometry.origin == pytest.approx((-4, -5, -100))
    np.testing.assert_array_equal(pixels_of(plan), hu_at(sorted(places)))


@pytest.mark.parametrize("location", [None, "0", ""])
def test_slices_that_all_state_one_place_and_no_location_are_one_series_in_the_order_of_their_numbers(
    tmp_path: Path, location: str | None
) -> None:
    values = {} if location is None else {"SliceLocation": location}
    places = steps(9)
    paths = write_ct(tmp_path / "s", places, each=lambda number, z: {"ImagePositionPatient": [0, 0, 0], **values})
    (plan,) = scan_paths(paths[::-1], tmp_path).series
    assert codes(plan) == ["one-place", "no-position"]
    np.testing.assert_array_equal(pixels_of(plan), hu_at(places))


@pytest.mark.parametrize(
    "differs", ["AcquisitionNumber", "AcquisitionTime", "ContentTime", "TemporalPositionIdentifier"]
)
def test_one_slice_that_is_watched_over_time_is_no_volume(tmp_path: Path, differs: str) -> None:
    paths = write_ct(
        tmp_path / "s",
        steps(9),
        each=lambda number, z: {
            "ImagePositionPatient": [0, 0, 0],
            "SliceLocation": "0",
            differs: f"1000{number:02d}" if differs.endswith("Time") else number + 1,
        },
    )
    intake = scan_paths(paths, tmp_path)
    assert [plan.geometry.shape[0] for plan in intake.series] == [1] * 9
    assert all("one after another" in plan.warnings[0] for plan in intake.series)


def test_two_scans_of_one_place_that_each_number_their_slices_are_two_series(tmp_path: Path) -> None:
    paths = [
        path
        for number in (1, 2)
        for path in write_ct(
            tmp_path / str(number),
            steps(6),
            tissue=40 + number,
            AcquisitionNumber=number,
            each=lambda offset, z: {"ImagePositionPatient": [0, 0, 0]},
        )
    ]
    named = [ReceivedFile(path, f"{path.parent.name}/{path.name}") for path in paths]
    (tmp_path / "w").mkdir()
    series = scan(named, tmp_path / "w", IntakeOptions()).series
    assert [plan.geometry.shape[0] for plan in series] == [6, 6]
    assert all({"one-place", "several-at-one-place", "no-position"} == set(codes(plan)) for plan in series)
