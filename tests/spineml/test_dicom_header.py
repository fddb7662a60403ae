"""What a DICOM header tells: CT or not, whole or cut off, decodable or not."""

from pathlib import Path

import pydicom
import pytest
from pydicom.uid import UID

from spineml.phantom import write_dicom_series
from spineml.readers.dicom.header import can_decode, looks_like_dicom, read_header
from spineml.readers.series import FileNotUsed, ReceivedFile
from tests.spineml.intake_helpers import small_phantom
from tests.spineml.real_data import REAL_DATA, needs_real_data


@pytest.fixture
def slice_path(tmp_path: Path) -> Path:
    return write_dicom_series(small_phantom(1), tmp_path / "s")[0]


def refusal(path: Path) -> FileNotUsed:
    with pytest.raises(FileNotUsed) as error:
        read_header(ReceivedFile(path, path.name))
    return error.value


def change(path: Path, **values: object) -> Path:
    dataset = pydicom.dcmread(path)
    for keyword, value in values.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(path)
    return path


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        ({"Modality": "MR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4"}, "not-ct", "an MR image"),
        ({"Modality": "US", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1"}, "not-ct", "an ultrasound image"),
        ({"Modality": "RTSTRUCT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.481.3"}, "not-ct", "contours"),
        ({"Modality": "SEG", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4"}, "not-ct", "a segmentation"),
        ({"Modality": "", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.128"}, "not-ct", "Positron Emission"),
        ({"PixelData": None}, "no-pixels", "no pixel data"),
        ({"SamplesPerPixel": 3, "PixelData": bytes(64 * 48 * 6)}, "colour", "colour image"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer", "scout view"),
        ({"RescaleIntercept": "nan"}, "bad-rescale", "not a valid number"),
        ({"Rows": 0}, "wrong-size", "0 pixels"),
    ],
)
def test_what_is_no_ct_slice_is_refused_by_name(
    slice_path: Path, values: dict[str, object], code: str, words: str
) -> None:
    refused = refusal(change(slice_path, **values))
    assert refused.code == code
    assert words in refused.reason


def test_a_screen_capture_is_skipped(slice_path: Path) -> None:
    refused = refusal(change(slice_path, SOPClassUID="1.2.840.10008.5.1.4.1.1.7", ImagePositionPatient=None))
    assert (refused.code, refused.status) == ("secondary-capture", "skipped")


@pytest.mark.parametrize("left", [0.3, 0.7, 0.999])
def test_a_cut_off_file_is_refused(slice_path: Path, left: float) -> None:
    raw = slice_path.read_bytes()
    slice_path.write_bytes(raw[: int(len(raw) * left)])
    assert refusal(slice_path).code == "truncated"


def test_a_file_cut_off_in_its_header_is_refused(slice_path: Path) -> None:
    slice_path.write_bytes(slice_path.read_bytes()[:600])
    assert refusal(slice_path).code in ("no-pixels", "damaged-dicom")


def test_a_cut_off_compressed_file_is_refused(slice_path: Path) -> None:
    dataset = pydicom.dcmread(slice_path)
    dataset.compress("1.2.840.10008.1.2.5", encoding_plugin="pydicom")
    dataset.save_as(slice_path)
    assert len(read_header(ReceivedFile(slice_path, "rle")).frame_bytes) == 1
    slice_path.write_bytes(slice_path.read_bytes()[:-200])
    assert refusal(slice_path).code == "truncated"


def test_a_data_set_without_its_preamble_is_still_read(slice_path: Path) -> None:
    dataset = pydicom.dcmread(slice_path)
    bare = pydicom.Dataset(dataset)
    bare.save_as(slice_path, implicit_vr=True, little_endian=True, enforce_file_format=False)
    assert looks_like_dicom(slice_path.read_bytes()[:200])
    assert read_header(ReceivedFile(slice_path, "bare")).rows == 64


@pytest.mark.parametrize(
    ("start", "is_dicom"),
    [
        (b"\0" * 128 + b"DICM", True),
        (b"\x08\x00\x05\x00\x0a\x00\x00\x00", True),
        (b"Dear doctor, this is a letter.", False),
        (b"\x89PNG\r\n\x1a\n", False),
        (b"", False),
    ],
)
def test_dicom_is_known_by_its_content(start: bytes, is_dicom: bool) -> None:
    assert looks_like_dicom(start) is is_dicom


def test_a_description_that_names_the_patient_is_dropped(slice_path: Path) -> None:
    named = change(slice_path, SeriesDescription="Spine of Coded, 2 mm")
    assert read_header(ReceivedFile(named, "n")).meta.description == ""
    plain = change(slice_path, SeriesDescription="Spine 2 mm")
    assert read_header(ReceivedFile(plain, "n")).meta.description == "Spine 2 mm"


def test_the_meta_that_may_be_stored_holds_no_identity(slice_path: Path) -> None:
    meta = read_header(ReceivedFile(slice_path, "n")).meta
    assert meta.patient_id == "PHANTOM-1"
    assert "PHANTOM" not in repr(meta)
    stored = meta.as_json()
    assert stored["study_date"] == "2020-01-02"
    assert not {"patient_id", "study_uid", "series_uid"} & set(stored)
    assert not any("PHANTOM-1" in str(value) or meta.study_uid in str(value) for value in stored.values())


@pytest.mark.parametrize(
    ("syntax", "decodable"),
    [
        ("1.2.840.10008.1.2", True),
        ("1.2.840.10008.1.2.4.51", True),
        ("1.2.840.10008.1.2.4.53", False),
        ("1.2.840.10008.1.2.4.55", False),
        ("1.2.840.10008.1.2.4.102", False),  # a film
        ("1.2.3.4", False),
    ],
)
def test_encodings_that_cannot_be_decoded_are_known_beforehand(syntax: str, decodable: bool) -> None:
    assert can_decode(UID(syntax)) is decodable


@needs_real_data
@pytest.mark.parametrize(("ending", "name"), [("4.53", "JPEG Spectral Selection"), ("4.55", "JPEG Full Progression")])
def test_a_real_file_in_an_unsupported_encoding_is_refused_by_name(ending: str, name: str) -> None:
    (path,) = (REAL_DATA / "transfer-syntaxes").glob(f"*{ending}.dcm")
    refused = refusal(path)
    assert refused.code == "unsupported-encoding"
    assert name in refused.reason
