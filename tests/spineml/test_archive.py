"""Zip archives that strangers made."""

import contextlib
import random
import stat
import struct
import time
import unicodedata
import zipfile
import zlib
from pathlib import Path

import pytest

from spineml.errors import ArchiveRejected
from spineml.readers.archives.archive import Spent, Unpacked, ZipLimits, is_zip, unpack
from tests.spineml.odd_zips import BZIP2, DEFLATED, ENCRYPTED, LZMA, STORED, UTF8, XZ, Member, write_zip


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


def unpacked(tmp_path: Path, members: list[Member], **options: object) -> Unpacked:
    return unpack(write_zip(tmp_path / "a.zip", members, **options), tmp_path / "into")


def names(found: Unpacked) -> list[str]:
    return [file.name for file in found.files]


def only_bad(tmp_path: Path, bad: Member) -> tuple[str, str]:
    """Code and reason of a member that fails between two that are read."""
    found = unpacked(tmp_path, [Member(b"1.dcm", b"one"), bad, Member(b"2.dcm", b"two")])
    assert names(found) == ["1.dcm", "2.dcm"]
    assert [file.path.read_bytes() for file in found.files] == [b"one", b"two"]
    assert len(list((tmp_path / "into").iterdir())) == 2
    (verdict,) = found.verdicts
    return verdict.code, verdict.reason


def test_files_keep_their_names_but_are_stored_under_neutral_ones(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"case/Müller/1.dcm": b"one", "case/2.nii.gz": b"two", "case/": b""})
    received = unpack(archive, tmp_path / "into").files
    assert [file.name for file in received] == ["case/Müller/1.dcm", "case/2.nii.gz"]
    assert [file.path.name for file in received] == ["000000.dcm", "000001.nii.gz"]
    assert [file.path.read_bytes() for file in received] == [b"one", b"two"]


# --- names are labels -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("../evil.dcm", "evil.dcm"),
        ("case/../../evil.dcm", "case/evil.dcm"),
        ("..\\evil.dcm", "evil.dcm"),  # Windows separators
        ("/etc/evil.dcm", "etc/evil.dcm"),
        ("C:\\evil.dcm", "evil.dcm"),
        ("//host/share/evil.dcm", "host/share/evil.dcm"),
        ("CT 10:30/IM1", "CT 10:30/IM1"),
        ("L: spine/IM1", "L: spine/IM1"),
        ("ct:IM1", "ct:IM1"),
        (".", "unnamed"),
        ("", "unnamed"),
        ("a\0b.dcm", "ab.dcm"),
        ("a\nb\u202e.dcm", "ab.dcm"),
        ("7" * 4400 + ".png", "…" + "7" * 395 + ".png"),
        (unicodedata.normalize("NFD", "요추/영상.dcm"), "요추/영상.dcm"),
    ],
)
def test_a_name_is_only_a_label(tmp_path: Path, name: str, label: str) -> None:
    found = unpacked(tmp_path, [Member(name.encode(), b"x", flags=UTF8)])
    assert names(found) == [label]
    assert [path.parent for path in tmp_path.rglob("00*")] == [tmp_path / "into"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "into"]


def test_names_that_are_the_same_are_told_apart(tmp_path: Path) -> None:
    several = [b"a.dcm", b"A.dcm", b"a.dcm", b"./a.dcm", b"a.dcm (2)"]
    found = unpacked(tmp_path, [Member(name, b"%d" % n) for n, name in enumerate(several)])
    assert names(found) == ["a.dcm", "A.dcm", "a.dcm (3)", "a.dcm (4)", "a.dcm (2)"]
    assert [file.path.read_bytes() for file in found.files] == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("요추 CT/IM0001.dcm", "cp949"),
        ("환자다.png", "euc-kr"),
        ("똠방각하 펲시콜라 요추 정면 사진.png", "cp949"),
        ("요추 CT/IM0001.dcm", "utf-8"),  # macOS does not set the flag
        ("腰椎/画像のファイル.dcm", "cp932"),
        ("腰椎.dcm", "cp932"),
        ("患者 影像检查/1.dcm", "gbk"),
        ("Größe/Müller.dcm", "cp437"),
        ("élève/côté.dcm", "cp437"),
        ("Müller.dcm", "utf-8"),
        ("plain.dcm", "ascii"),
    ],
)
def test_names_without_a_stated_encoding_are_readable(tmp_path: Path, name: str, encoding: str) -> None:
    assert names(unpacked(tmp_path, [Member(name.encode(encoding), b"x"), Member(b"IM1", b"y")])) == [name, "IM1"]


def test_the_unicode_path_goes_first_if_it_was_made_for_the_name(tmp_path: Path) -> None:
    raw, path = b"\xbf\xe4\xc3\xdf.dcm", "요추 (1).dcm".encode()
    fits = struct.pack("<2HBL", 0x7075, 5 + len(path), 1, zlib.crc32(raw)) + path
    stale = struct.pack("<2HBL", 0x7075, 5 + len(path), 1, 7) + path
    found = unpacked(tmp_path, [Member(raw, b"x", extra=fits), Member(raw, b"y", extra=stale)])
    assert names(found) == ["요추 (1).dcm", "요추.dcm"]


def test_a_name_that_says_it_is_utf8_and_is_not_is_shown_with_gaps(tmp_path: Path) -> None:
    assert names(unpacked(tmp_path, [Member(b"a\xff.dcm", b"x", flags=UTF8)])) == ["a\ufffd.dcm"]


# --- one bad member ---------------------------------------------------------------------------------------------------
def test_only_the_damaged_member_fails(tmp_path: Path) -> None:
    assert only_bad(tmp_path, Member(b"x.dcm", b"content", crc=1))[0] == "damaged-in-archive"


@pytest.mark.parametrize(
    "bad",
    [
        Member(b"x", b"abc" * 9, size=5),
        Member(b"x", b"abc" * 9, size=500),
        Member(b"x", b"abc" * 9, packed=b"\xff\xfe\xfd"),
        Member(b"x", b"abc" * 9, packed=b""),
        Member(b"x", b"abc" * 9, method=STORED, size=5),
        Member(b"x", b"abc" * 9, method=BZIP2, packed=b"BZh9 no"),
        Member(b"x", b"abc" * 9, method=LZMA, packed=b"no"),
        Member(b"x", b"abc" * 9, method=LZMA, packed=b"\x09\x04\x05\x00\x5d\xff\xff\xff\xff" + bytes(20)),
        Member(b"x", b"abc" * 9, method=LZMA, packed=b"\x09\x04\x05\x00\xff\x00\x00\x01\x00" + bytes(20)),
        Member(b"x", b"abc" * 9, method=XZ, packed=b"\xfd7zXZ\0no"),
    ],
)
def test_a_member_that_does_not_hold_what_the_table_says_fails_alone(tmp_path: Path, bad: Member) -> None:
    code, reason = only_bad(tmp_path, bad)
    assert code == "damaged-in-archive"
    assert "damaged" in reason


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    link = Member(b"link.dcm", b"/etc/passwd", attributes=(stat.S_IFLNK | 0o777) << 16, made_by=3 << 8)
    code, reason = only_bad(tmp_path, link)
    assert code == "link"
    assert "link" in reason


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    assert only_bad(tmp_path, Member(b"p", b"", attributes=stat.S_IFIFO << 16, made_by=3 << 8))[0] == "link"


def test_a_member_with_a_password_fails_alone(tmp_path: Path) -> None:
    code, reason = only_bad(tmp_path, Member(b"x.dcm", b"secret", flags=ENCRYPTED))
    assert code == "encrypted"
    assert "password" in reason
    assert only_bad(tmp_path, Member(b"x.dcm", b"secret", method=99))[0] == "encrypted"


@pytest.mark.parametrize(
    ("method", "called"),
    [(9, "Deflate64"), (6, "Implode"), (1, "Shrink"), (93, "Zstandard"), (98, "PPMd"), (97, "WavPack"), (77, "77")],
)
def test_a_compression_that_is_not_read_is_named(tmp_path: Path, method: int, called: str) -> None:
    archive = write_zip(tmp_path / "a.zip", [Member(b"%d.dcm" % n, b"x", method=method) for n in range(3)])
    reason = refused(tmp_path, archive)
    assert called in reason
    assert "Deflate" in reason.replace("Deflate64", "")
    assert "damaged" not in reason
    assert only_bad(tmp_path, Member(b"x", b"x", method=method))[0] == "zip-compression"


@pytest.mark.parametrize("method", [STORED, DEFLATED, BZIP2, LZMA, XZ])
def test_what_zip_programs_write_is_read(tmp_path: Path, method: int) -> None:
    content = bytes(range(256)) * 20_000
    found = unpacked(tmp_path, [Member(b"a", content, method=method), Member(b"b", b"", method=method)])
    assert [file.path.read_bytes() for file in found.files] == [content, b""]


def test_zip64_descriptors_comments_and_bytes_before_the_archive_are_read(tmp_path: Path) -> None:
    members = [Member(b"a.dcm", b"one" * 99, described=True), Member(b"b.dcm", b"two", method=STORED)]
    for wide in (False, True):
        for before in (b"", b"PK\3\4 not quite" + bytes(999)):
            found = unpacked(tmp_path, members, wide=wide, before=before, comment=b"PK\5\6 is a magic number")
            assert [file.path.read_bytes() for file in found.files] == [b"one" * 99, b"two"]


def test_a_file_that_is_called_a_zip_and_ends_like_one_is_one(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "stored", [Member(b"a", b"x")], before=b"#!/bin/sh")
    assert is_zip(path, "Study.ZIP")
    assert not is_zip(path, "study.dcm")
    path.write_bytes(b"#!/bin/sh")
    assert not is_zip(path, "study.zip")


def test_documents_that_are_zips_inside_are_not_opened(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "stored", {"word/document.xml": b"x"})
    assert is_zip(path, "report")
    assert not is_zip(path, "Report.DOCX")


def test_folders_are_no_files(tmp_path: Path) -> None:
    folders = [Member(b"a/"), Member(b"b\\"), Member(b"c", attributes=0x10)]
    assert names(unpacked(tmp_path, [*folders, Member(b"a/1", b"x")])) == ["a/1"]


# --- bombs ------------------------------------------------------------------------------------------------------------
def test_a_member_that_expands_too_much_fails_alone(tmp_path: Path) -> None:
    code, reason = only_bad(tmp_path, Member(b"bomb.raw", bytes(40_000_000)))
    assert code == "expands-too-much"
    assert "200 times" in reason


def test_a_bomb_of_many_small_members_is_refused_before_anything_is_unpacked(tmp_path: Path) -> None:
    part = Member(b"x", bytes(15_000_000))
    part.packed = part.raw()
    archive = write_zip(tmp_path / "a.zip", [part] * 10)
    begin = time.process_time()
    assert "expands more than 200 times" in refused(tmp_path, archive)
    assert time.process_time() - begin < 1


def test_archives_of_one_upload_have_their_limits_together(tmp_path: Path) -> None:
    part = Member(b"x", bytes(15_000_000))
    part.packed = part.raw()
    archive, spent = write_zip(tmp_path / "a.zip", [part] * 4), Spent()
    for number in range(2):
        unpack(archive, tmp_path / str(number), spent=spent)
    with pytest.raises(ArchiveRejected, match="expands"):
        unpack(archive, tmp_path / "third", spent=spent)
    assert spent.files == 8


@pytest.mark.parametrize("method", [DEFLATED, BZIP2, LZMA, XZ])
def test_a_size_that_lies_does_not_fill_memory_or_disk(tmp_path: Path, method: int) -> None:
    bomb = Member(b"x", bytes(200_000_000), method=method, size=10)
    archive = write_zip(tmp_path / "a.zip", [bomb])
    begin = time.process_time()
    assert "damaged" in refused(tmp_path, archive)
    assert time.process_time() - begin < 1


def test_members_that_share_bytes_are_refused(tmp_path: Path) -> None:
    kernel = Member(b"kernel", b"x" * 5000)
    twins = [Member(b"%d" % n, b"x" * 5000, offset=0) for n in range(5)]
    assert "share the same bytes" in refused(tmp_path, write_zip(tmp_path / "a.zip", [kernel, *twins]))
    inside = Member(b"in", b"x" * 5000, offset=31)
    assert "share the same bytes" in refused(tmp_path, write_zip(tmp_path / "a.zip", [kernel, inside]))


def test_unpacking_has_a_time_limit(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"a": b"x" * 5_000_000})
    assert "takes too long" in refused(tmp_path, archive, ZipLimits(max_seconds=0))


def test_too_many_bytes_are_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"a": b"x" * 600, "b": b"y" * 600})
    assert "Send it in parts" in refused(tmp_path, archive, ZipLimits(max_total_bytes=1000))


def test_what_the_disk_has_no_room_for_is_refused(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", [Member(b"a", b"x", size=2**52)], wide=True)
    assert "enough space" in refused(tmp_path, archive, ZipLimits(max_total_bytes=2**60, max_ratio=2**60))


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {str(number): b"x" for number in range(11)})
    assert "at most 10 are accepted" in refused(tmp_path, archive, ZipLimits(max_files=10))


def test_a_large_table_of_contents_is_not_read(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"n" * 60_000: b"x"})
    assert "table of contents" in refused(tmp_path, archive, ZipLimits(max_table_bytes=50_000))


def test_twenty_thousand_files_of_one_name_take_no_time(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", [Member(b"a", b"", method=STORED)] * 20_000)
    begin = time.process_time()
    assert names(unpack(archive, tmp_path / "into"))[-1] == "a (20000)"
    assert time.process_time() - begin < 10


# --- the archive as such ----------------------------------------------------------------------------------------------
def test_an_empty_archive_is_refused(tmp_path: Path) -> None:
    assert "contains no files" in refused(tmp_path, make_zip(tmp_path / "a.zip", {}))
    assert "contains no files" in refused(tmp_path, write_zip(tmp_path / "a.zip", [Member(b"folder/")]))


def test_a_part_of_a_split_archive_is_told(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", [Member(b"a", b"x")])
    raw = bytearray(archive.read_bytes())
    raw[-18] = 2  # the number of this disk
    archive.write_bytes(raw)
    assert "split" in refused(tmp_path, archive)


@pytest.mark.parametrize("keep", [30, 0.5, 0.9])
def test_a_cut_off_archive_is_refused(tmp_path: Path, keep: float) -> None:
    archive = make_zip(tmp_path / "a.zip", {f"{n}.dcm": bytes(range(256)) * 40 for n in range(5)})
    raw = archive.read_bytes()
    archive.write_bytes(raw[: int(keep if keep > 1 else keep * len(raw))])
    assert "damaged or incomplete" in refused(tmp_path, archive)


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    assert "password" in refused(tmp_path, write_zip(tmp_path / "a.zip", [Member(b"a.dcm", b"x", flags=ENCRYPTED)]))


def test_an_archive_in_the_archive_is_handed_on_unopened(tmp_path: Path) -> None:
    inner = make_zip(tmp_path / "inner.zip", {"a.dcm": b"x"})
    outer = make_zip(tmp_path / "outer.zip", {"inner.zip": inner.read_bytes()})
    (file,) = unpack(outer, tmp_path / "into").files
    assert is_zip(file.path)


def test_damaged_archives_raise_nothing_else(tmp_path: Path) -> None:
    """A few bytes are other ones, in headers, in the table or in the data."""
    members = [Member(b"a.dcm", b"one" * 50), Member(b"b.dcm", b"two", method=STORED), Member(b"c", b"x", method=BZIP2)]
    for seed in range(500):
        draw = random.Random(seed)
        archive = write_zip(tmp_path / "a.zip", members, wide=bool(seed % 2))
        raw = bytearray(archive.read_bytes())
        for _ in range(draw.randint(1, 4)):
            raw[draw.randrange(len(raw))] = draw.choice([0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)])
        archive.write_bytes(raw)
        with contextlib.suppress(ArchiveRejected):
            unpack(archive, tmp_path / "into")
