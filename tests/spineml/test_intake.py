"""A whole upload: every file gets one verdict, and none spoils the others."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spineml.phantom import write_dicom_series, write_nifti
from spineml.readers.scan import ReceivedFile, scan, unpack
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
        ("report.docx", zipped(), ("skipped", "not-an-image")),
        ("viewer.jar", zipped(), ("skipped", "not-an-image")),
        ("inner.dcm", zipped(), ("rejected", "nested-archive")),  # by content, whatever it is called
        ("series.7z", b"7z\xbc\xaf\x27\x1c....", ("rejected", "other-archive")),
        ("series.tar.gz", b"\x1f\x8b\x08broken", ("rejected", "other-archive")),
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
    assert [plan.meta.source_kind for plan in intake.series] == ["dicom", "nifti"]
    assert [verdict.name for verdict in intake.verdicts] == [str(path.relative_to(tmp_path)) for path in paths]
    statuses = [verdict.status for verdict in intake.verdicts]
    assert statuses == ["imported"] * 9 + ["skipped", "skipped", "rejected"]
    assert [step[0] for step in seen] == list(range(1, 13))
    assert {step[1] for step in seen} == {12}
    assert np.array_equal(pixels_of(intake.series[0]), volume.hu)


def png(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (32, 32), np.uint8)).save(path)
    return path


def test_the_icons_of_a_patient_cd_are_no_cases(tmp_path: Path) -> None:
    root = tmp_path / "cd"
    paths = write_dicom_series(small_phantom(), root / "DICOM")
    paths += [png(root / "VIEWER/icons/zoom.png"), png(root / "VIEWER/splash.jpg"), png(root / "shot.tif")]
    for name in ("VIEWER/run.bat", "VIEWER/logo.gif", "VIEWER/help.css", "DICOMDIR", "AUTORUN.INF"):
        (root / name).write_bytes(b"GIF89a")
        paths.append(root / name)
    intake = scan(received(paths, root), tmp_path / "work")
    assert [plan.meta.source_kind for plan in intake.series] == ["dicom"]
    assert {verdict.status for verdict in intake.verdicts[8:]} == {"skipped"}
    assert [verdict.code for verdict in intake.verdicts[8:11]] == ["beside-ct"] * 3
    assert "upload it separately" in intake.verdicts[8].reason


def test_icons_are_no_cases_where_the_images_of_the_cd_are_damaged(tmp_path: Path) -> None:
    for name in ("DICOMDIR", "IM1"):
        (tmp_path / name).write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 99)
        intake = scan_paths([tmp_path / name, png(tmp_path / "zoom.png")], tmp_path)
        assert not intake.series
        assert intake.verdicts[1].code == "beside-ct"


def test_the_preview_of_a_volume_is_no_case(tmp_path: Path) -> None:
    intake = scan_paths([write_nifti(small_phantom(), tmp_path / "ct.nii.gz"), png(tmp_path / "ct_snp.png")], tmp_path)
    assert [plan.meta.source_kind for plan in intake.series] == ["nifti"]


def test_pictures_that_were_paired_or_sent_alone_are_taken(tmp_path: Path) -> None:
    assert len(scan_paths([png(tmp_path / "a.png"), tmp_path / "a.png"], tmp_path).series) == 1
    paths = [*write_dicom_series(small_phantom(1), tmp_path / "s"), png(tmp_path / "a.png")]
    assert len(scan_paths(paths, tmp_path, paired=True).series) == 2


def tar(mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        member = tarfile.TarInfo("a.dcm")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"abc"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "called"),
    [
        ("ct.7z", b"7z\xbc\xaf\x27\x1c\0\4", "7z"),
        ("ct", tar("w"), "tar"),
        ("ct.tar", bytes(600), "tar"),
        ("ct.tgz", tar("w:gz"), "tar.gz"),
        ("ct", tar("w:gz"), "tar.gz"),
        ("ct.tar.gz", tar("w:gz")[:40], "tar.gz"),
        ("ct.tar.bz2", tar("w:bz2"), "bzip2"),
        ("ct.tar.xz", tar("w:xz"), "xz"),
        ("ct.zst", b"\x28\xb5\x2f\xfd\0\0", "Zstandard"),
        ("ct.rar", b"Rar!\x1a\x07\x01\0", "RAR"),
        ("ct.rar", b"Rar!\x1a\x07\0", "RAR"),
        ("ct.alz", b"ALZ\x01\n\0", "ALZ"),
        ("ct.egg", b"EGGA\0\1", "EGG"),
        ("ct.lzh", b"\x21\x00-lh5-", "LZH"),
        ("ct.gz", gzip.compress(b"letter"), "gzip"),
        ("cd.iso", bytes(32769) + b"CD001" + bytes(99), "disc"),
    ],
)
def test_another_archive_is_named_and_a_zip_is_asked_for(
    tmp_path: Path, name: str, content: bytes, called: str
) -> None:
    path = tmp_path / "stored"
    path.write_bytes(content)
    (verdict,) = scan([ReceivedFile(path, name)], tmp_path / "work").verdicts
    assert (verdict.status, verdict.code) == ("rejected", "other-archive")
    assert called in verdict.reason
    assert "inside the upload" not in verdict.reason
    assert "zip" in verdict.reason


def test_the_kinds_that_are_accepted_include_zips(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    assert "zips" in scan_paths([tmp_path / "model.h5"], tmp_path).verdicts[0].reason


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
    assert reason.startswith("The rescale slope or intercept is not a valid number")
