"""Zip archives that strangers made."""

import stat
import zipfile
from pathlib import Path

import pytest

from spineml.archive import ZipLimits, is_zip, unpack
from spineml.errors import ArchiveRejected


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def refused(tmp_path: Path, archive: Path, limits: ZipLimits | None = None) -> str:
    with pytest.raises(ArchiveRejected) as error:
        unpack(archive, tmp_path / "into", limits or ZipLimits())
    assert not list((tmp_path / "into").iterdir()), "something was left behind"
    return str(error.value)


def test_files_keep_their_names_but_are_stored_under_neutral_ones(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"case/Müller/1.dcm": b"one", "case/2.nii.gz": b"two", "case/": b""})
    received = unpack(archive, tmp_path / "into")
    assert [file.name for file in received] == ["case/Müller/1.dcm", "case/2.nii.gz"]
    assert [file.path.name for file in received] == ["000000.dcm", "000001.nii.gz"]
    assert [file.path.read_bytes() for file in received] == [b"one", b"two"]


@pytest.mark.parametrize(
    "name",
    [
        "../evil.dcm",
        "case/../../evil.dcm",
        "..\\evil.dcm",  # Windows separators
        "/etc/evil.dcm",
        "C:\\evil.dcm",
    ],
)
def test_a_file_outside_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    archive = make_zip(tmp_path / "a.zip", {"good.dcm": b"x", name: b"evil"})
    assert "outside its folder" in refused(tmp_path, archive)
    assert not (tmp_path / "evil.dcm").exists()


def test_a_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.dcm")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "holds a link" in refused(tmp_path, tmp_path / "a.zip")


def test_a_bomb_is_refused_before_anything_is_unpacked(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"bomb.raw": b"\0" * 40_000_000})
    assert "expands more than 200 times" in refused(tmp_path, archive)


def test_too_many_bytes_are_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"a": b"x" * 600, "b": b"y" * 600})
    assert "Send it in parts" in refused(tmp_path, archive, ZipLimits(max_total_bytes=1000))


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {str(number): b"x" for number in range(11)})
    assert "at most 10 are accepted" in refused(tmp_path, archive, ZipLimits(max_files=10))


def test_an_empty_archive_is_refused(tmp_path: Path) -> None:
    assert "holds no files" in refused(tmp_path, make_zip(tmp_path / "a.zip", {}))


def test_a_size_that_lies_is_caught_while_unpacking(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"a.dcm": b"x" * 5000})
    raw = archive.read_bytes()
    archive.write_bytes(raw.replace((5000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    assert "damaged or incomplete" in refused(tmp_path, archive)


@pytest.mark.parametrize("keep", [30, 0.5, 0.9])
def test_a_cut_off_archive_is_refused(tmp_path: Path, keep: float) -> None:
    archive = make_zip(tmp_path / "a.zip", {f"{n}.dcm": bytes(range(256)) * 40 for n in range(5)})
    raw = archive.read_bytes()
    archive.write_bytes(raw[: int(keep if keep > 1 else keep * len(raw))])
    assert "damaged or incomplete" in refused(tmp_path, archive)


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"a.dcm": b"x"})
    raw = bytearray(archive.read_bytes())
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(raw)
    assert "password" in refused(tmp_path, archive)


def test_an_archive_in_the_archive_is_handed_on_unopened(tmp_path: Path) -> None:
    inner = make_zip(tmp_path / "inner.zip", {"a.dcm": b"x"})
    outer = make_zip(tmp_path / "outer.zip", {"inner.zip": inner.read_bytes()})
    (file,) = unpack(outer, tmp_path / "into")
    assert is_zip(file.path)


def test_a_file_without_a_name_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, make_zip(tmp_path / "a.zip", {"good.dcm": b"x", ".": b"nameless"}))
