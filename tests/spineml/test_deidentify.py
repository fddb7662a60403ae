"""De-identification by the basic profile of DICOM PS3.15."""

import contextlib
import tracemalloc
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from spineml.errors import UnreadableFile
from spineml.phantom import write_dicom_series
from spineml.readers.dicom.deidentify import deidentify_dicom, patient_pseudonym, pseudonymous_uid
from tests.spineml.intake_helpers import pixels_of, scan_paths, small_phantom
from tests.spineml.real_data import REAL_DATA, needs_real_data

# pydicom warns about damaged files before they are refused here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom.filereader")

SECRETS = ("Doe", "MRN-4711", "Jane", "St Nowhere", "19611224", "20200102", "Scanner Room 7", "Weberstrasse")
SALT = "a secret"


def identified(folder: Path) -> list[Path]:
    """A series whose headers name the patient wherever a scanner might."""
    request = Dataset()
    request.RequestedProcedureDescription = "Spine for Doe"
    request.ReferencedSOPInstanceUID = "1.2.3.4"
    reference = Dataset()
    reference.ReferencedSOPInstanceUID = "1.2.3.4"
    reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    nested = Dataset()
    nested.OperatorsName = "Doe^Jane"
    overrides = {
        "PatientName": "Doe^Jane",
        "PatientBirthDate": "19611224",
        "PatientAddress": "Weberstrasse 1",
        "OtherPatientIDs": "MRN-4711",
        "InstitutionName": "St Nowhere",
        "StationName": "Scanner Room 7",
        "OperatorsName": "Doe^Jane",
        "SeriesDescription": "Doe spine",
        "ImageComments": "Jane again",
        "AcquisitionDate": "20200102",
        "RequestAttributesSequence": [request],
        "ReferencedImageSequence": [reference],
        "CTExposureSequence": [nested],  # a sequence that stays, with something in it that must go
    }
    paths = write_dicom_series(small_phantom(3), folder, patient_id="MRN-4711", overrides=overrides)
    for path in paths:
        dataset = pydicom.dcmread(path)
        dataset.add_new(0x00090010, "LO", "ACME")
        dataset.add_new(0x00091001, "LO", "Doe^Jane")
        dataset.add_new(0x60003000, "OW", b"an overlay ")
        dataset.file_meta.SourceApplicationEntityTitle = "Scanner Room 7"
        dataset.preamble = b"Doe" + bytes(125)
        dataset.save_as(path)
    return paths


@pytest.fixture
def pair(tmp_path: Path) -> tuple[list[Path], list[Path]]:
    before = identified(tmp_path / "before")
    after = [tmp_path / f"after{number}.dcm" for number in range(3)]
    for source, target in zip(before, after, strict=True):
        deidentify_dicom(source, target, uid_salt=SALT)
    return before, after


def test_nothing_that_names_the_patient_is_left_anywhere_in_the_file(pair: tuple[list[Path], list[Path]]) -> None:
    before, after = pair
    assert all(secret.encode() in before[0].read_bytes() for secret in SECRETS)
    for path in after:
        raw = path.read_bytes()
        assert [secret for secret in SECRETS if secret.encode() in raw] == []


def test_pixels_geometry_and_rescale_stay_as_they_were(tmp_path: Path, pair: tuple[list[Path], list[Path]]) -> None:
    (old,) = scan_paths(pair[0], tmp_path).series
    (new,) = scan_paths(pair[1], tmp_path).series
    assert new.geometry == old.geometry
    assert np.array_equal(pixels_of(new), pixels_of(old))
    for before, after in zip(*map(lambda paths: map(pydicom.dcmread, paths), pair), strict=True):  # noqa: C417
        assert after.PixelData == before.PixelData
        for keyword in ("ImagePositionPatient", "PixelSpacing", "RescaleIntercept", "KVP", "Manufacturer"):
            assert after[keyword].value == before[keyword].value


def test_uids_are_new_but_still_belong_together(pair: tuple[list[Path], list[Path]]) -> None:
    before, after = ([pydicom.dcmread(path) for path in paths] for paths in pair)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        assert len({after_one[keyword].value for after_one in after}) == 1
        assert after[0][keyword].value != before[0][keyword].value
    assert len({one.SOPInstanceUID for one in after}) == 3
    assert after[0].file_meta.MediaStorageSOPInstanceUID == after[0].SOPInstanceUID
    assert after[0].ReferencedImageSequence[0].ReferencedSOPInstanceUID == pseudonymous_uid("1.2.3.4", SALT)
    assert after[0].ReferencedImageSequence[0].ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"


def test_the_patient_gets_a_pseudonym_and_the_method_is_stated(pair: tuple[list[Path], list[Path]]) -> None:
    dataset = pydicom.dcmread(pair[1][0])
    assert dataset.PatientID == patient_pseudonym("MRN-4711", SALT)
    assert dataset.PatientIdentityRemoved == "YES"
    assert dataset.DeidentificationMethodCodeSequence[0].CodeValue == "113100"


def test_dates_are_emptied(pair: tuple[list[Path], list[Path]]) -> None:
    dataset = pydicom.dcmread(pair[1][0])
    assert (dataset.StudyDate, dataset.PatientBirthDate) == ("", "")


def test_pseudonyms_depend_on_the_salt_alone_and_are_valid() -> None:
    assert pseudonymous_uid("1.2.3", SALT) == pseudonymous_uid("1.2.3", SALT)
    assert pseudonymous_uid("1.2.3", SALT) != pseudonymous_uid("1.2.3", "another")
    assert pseudonymous_uid("1.2.3", SALT) != pseudonymous_uid("1.2.4", SALT)
    assert pydicom.uid.UID(pseudonymous_uid("1.2.3", SALT)).is_valid
    assert patient_pseudonym("1", SALT) != patient_pseudonym("1", "another")
    assert patient_pseudonym("", SALT) == ""


def test_a_file_without_a_patient_id_stays_without(tmp_path: Path) -> None:
    (path,) = write_dicom_series(small_phantom(1), tmp_path / "s", overrides={"PatientID": None})
    deidentify_dicom(path, tmp_path / "o.dcm", uid_salt=SALT)
    assert pydicom.dcmread(tmp_path / "o.dcm").PatientID == ""


def test_class_and_instance_may_stand_in_the_file_meta_information_alone(tmp_path: Path) -> None:
    (path,) = write_dicom_series(small_phantom(1), tmp_path / "s", overrides={"SOPClassUID": "", "SOPInstanceUID": ""})
    stated = pydicom.dcmread(path).file_meta.MediaStorageSOPInstanceUID
    deidentify_dicom(path, tmp_path / "o.dcm", uid_salt=SALT)
    after = pydicom.dcmread(tmp_path / "o.dcm")
    assert after.SOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
    assert after.SOPInstanceUID == after.file_meta.MediaStorageSOPInstanceUID == pseudonymous_uid(stated, SALT)


def test_a_file_that_names_its_instance_nowhere_gets_one(tmp_path: Path) -> None:
    (path,) = write_dicom_series(small_phantom(1), tmp_path / "s")
    dataset = pydicom.dcmread(path)
    del dataset.SOPInstanceUID, dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.save_as(path, enforce_file_format=False)
    deidentify_dicom(path, tmp_path / "o.dcm", uid_salt=SALT)
    assert pydicom.dcmread(tmp_path / "o.dcm").SOPInstanceUID.is_valid


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"no DICOM at all, but some text that is long enough" * 10)
    with pytest.raises(UnreadableFile, match="cannot be de-identified"):
        deidentify_dicom(tmp_path / "a.dcm", tmp_path / "o.dcm", uid_salt=SALT)


@needs_real_data
@pytest.mark.parametrize("ending", ["1.2", "2.2", "1.99", "4.50", "4.70", "4.80", "4.90", "2.5"])
def test_every_encoding_keeps_its_pixels_byte_for_byte(tmp_path: Path, ending: str) -> None:
    folder = REAL_DATA / "transfer-syntaxes"
    (path,) = (path for path in folder.glob("CTImage.dcm_*") if path.name.endswith(f".{ending}.dcm"))
    deidentify_dicom(path, tmp_path / "o.dcm", uid_salt=SALT)
    before, after = pydicom.dcmread(path), pydicom.dcmread(tmp_path / "o.dcm")
    assert after.PixelData == before.PixelData
    assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID


@needs_real_data
def test_a_series_with_empty_instance_uids_is_readable(tmp_path: Path) -> None:
    path = min((REAL_DATA / "totalsegmentator" / "example_ct_dicom").iterdir())
    deidentify_dicom(path, tmp_path / "o.dcm", uid_salt=SALT)
    assert pydicom.dcmread(tmp_path / "o.dcm").PixelData == pydicom.dcmread(path).PixelData


def test_an_element_that_states_gigabytes_takes_no_memory(tmp_path: Path) -> None:
    """Behind the pixels, where a scan of the header does not look."""
    path = write_dicom_series(small_phantom(1), tmp_path)[0]
    path.write_bytes(path.read_bytes() + b"\xfc\xff\xfc\xffOB\0\0\xf0\xff\xff\xff" + bytes(10))
    tracemalloc.start()

    with contextlib.suppress(UnreadableFile):
        deidentify_dicom(path, tmp_path / "clean.dcm", uid_salt="salt")

    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()
