"""A whole upload: every file gets one verdict, and none spoils the others."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spineml.intake import ReceivedFile, scan, unpack
from spineml.phantom import write_dicom_series, write_nifti
from tests.spineml.intake_helpers import only_verdict, pixels_of, received, scan_paths, small_phantom

# pydicom warns about damaged files before they are refused here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom.filereader")


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.dcm", b"x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "verdict"),
    [
        ("a.dcm", b"", ("rejected", "empty")),
        ("letter.dcm", b"Dear doctor, please find enclosed the images.", ("rejected", "not-dicom")),
        ("notes.txt", b"Dear doctor", ("skipped", "not-an-image")),
        ("report.pdf", b"%PDF-1.7 ...", ("skipped", "not-an-image")),
        ("DICOMDIR", b"\0" * 128 + b"DICM", ("skipped", "not-an-image")),
        (".DS_Store", b"\0\0\0\1Bud1", ("skipped", "not-an-image")),
        ("case/Thumbs.db", b"\xd0\xcf\x11\xe0", ("skipped", "not-an-image")),
        ("__MACOSX/case/._1.dcm", b"\0\5\x16\7", ("skipped", "not-an-image")),
        ("._1.dcm", b"\0\5\x16\7", ("skipped", "not-an-image")),
        ("inner.zip", zipped(), ("rejected", "nested-archive")),
        ("inner.dcm", zipped(), ("rejected", "nested-archive")),  # by content, whatever it is called
        ("series.7z", b"7z\xbc\xaf\x27\x1c....", ("rejected", "nested-archive")),
        ("series.tar.gz", b"\x1f\x8b\x08broken", ("rejected", "nested-archive")),
        ("model.h5", b"\x89HDF\r\n\x1a\n", ("rejected", "unknown-kind")),
        ("noise", bytes(range(100, 200)), ("rejected", "unknown-kind")),
        ("a.dcm", b"\0" * 128 + b"DICM" + b"\xff" * 40, ("rejected", "not-dicom")),
        ("a.dcm", b"\0" * 128 + b"DICM", ("rejected", "not-dicom")),
    ],
)
def test_what_is_no_image_gets_its_verdict(tmp_path: Path, name: str, content: bytes, verdict: tuple[str, str]) -> None:
    path = tmp_path / "stored"
    path.write_bytes(content)
    intake = scan([ReceivedFile(path, name)], tmp_path / "work")
    assert only_verdict(intake) == verdict
    assert intake.verdicts[0].name == name
    assert not intake.series


def test_an_upload_without_files_is_an_empty_intake(tmp_path: Path) -> None:
    intake = scan([], tmp_path / "work")
    assert (intake.series, intake.verdicts) == ([], [])


def test_everything_in_one_upload_is_sorted_out(tmp_path: Path) -> None:
    volume = small_phantom()
    folder = tmp_path / "case"
    paths = write_dicom_series(volume, folder)
    paths.append(write_nifti(small_phantom(seed=3), folder / "ct.nii.gz"))
    Image.fromarray(np.arange(200, dtype=np.uint8).reshape(10, 20)).save(folder / "picture.png")
    (folder / "readme.txt").write_text("hello")
    (folder / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 100)
    paths += [folder / "picture.png", folder / "readme.txt", folder / "broken.dcm"]
    seen: list[tuple[int, int, str]] = []
    intake = scan(received(paths, tmp_path), tmp_path / "work", progress=lambda *step: seen.append(step))
    assert [plan.meta.source_kind for plan in intake.series] == ["dicom", "image", "nifti"]
    assert [verdict.name for verdict in intake.verdicts] == [str(path.relative_to(tmp_path)) for path in paths]
    statuses = [verdict.status for verdict in intake.verdicts]
    assert statuses == ["imported"] * 9 + ["warning", "skipped", "rejected"]
    assert [step[0] for step in seen] == list(range(1, 13))
    assert {step[1] for step in seen} == {12}
    assert np.array_equal(pixels_of(intake.series[0]), volume.hu)


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    one = write_dicom_series(small_phantom(1, 1), tmp_path / "a", series="1")
    two = write_dicom_series(small_phantom(1, 2), tmp_path / "b", series="2")
    intake = scan_paths([*one, *two], tmp_path)
    assert [verdict.name for verdict in intake.verdicts] == ["0000.dcm", "0000.dcm (2)"]
    assert len(intake.series) == 2


def test_the_same_volume_twice_is_used_once(tmp_path: Path) -> None:
    path = write_nifti(small_phantom(), tmp_path / "a.nii")
    copy = tmp_path / "b.nii"
    copy.write_bytes(path.read_bytes())
    intake = scan_paths([path, copy], tmp_path)
    assert [verdict.code for verdict in intake.verdicts] == ["ok", "duplicate"]
    assert len(intake.series) == 1


def test_names_do_not_decide_what_a_file_is(tmp_path: Path) -> None:
    nifti = write_nifti(small_phantom(), tmp_path / "a.nii.gz").rename(tmp_path / "a.dcm")
    (dicom,) = write_dicom_series(small_phantom(1), tmp_path / "s")
    intake = scan_paths([nifti, dicom.rename(tmp_path / "b.png")], tmp_path)
    assert {plan.meta.source_kind for plan in intake.series} == {"dicom", "nifti"}


def test_a_zip_is_unpacked_and_scanned(tmp_path: Path) -> None:
    volume = small_phantom()
    with zipfile.ZipFile(tmp_path / "case.zip", "w") as archive:
        for path in write_dicom_series(volume, tmp_path / "s"):
            archive.write(path, f"case/{path.name}")
        archive.writestr("case/inner.zip", zipped())
    intake = scan(unpack(tmp_path / "case.zip", tmp_path / "unpacked").files, tmp_path / "work")
    assert np.array_equal(pixels_of(intake.series[0]), volume.hu)
    assert (intake.verdicts[-1].name, intake.verdicts[-1].code) == ("case/inner.zip", "nested-archive")


def test_reasons_say_what_to_do_and_show_no_internals(tmp_path: Path) -> None:
    (path,) = write_dicom_series(small_phantom(1), tmp_path / "s", overrides={"RescaleSlope": "inf"})
    reason = scan_paths([path], tmp_path).verdicts[0].reason
    assert reason == "The DICOM header is damaged. Export the series again and resend it."
