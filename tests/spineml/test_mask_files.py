"""What people send as a mask: in zips, with what systems add, or several kinds at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spineml.masks import read as masks
from spineml.readers.series import ReceivedFile
from tests.spineml.mask_files import (
    SERIES,
    good_files,
    labels_of,
    png_bytes,
    received,
    refused,
    write_itk,
    write_zip,
)
from tests.spineml.odd_zips import ENCRYPTED, Member
from tests.spineml.odd_zips import write_zip as write_odd_zip

LABELS = labels_of(SERIES)
PNGS = {f"slice_{z + 1:03d}.png": png_bytes(pixels * np.uint8(255)) for z, pixels in enumerate(LABELS)}
CLUTTER = {
    **{f"._{name}": b"\0\5\x16\7" for name in PNGS},
    "__MACOSX/._slice_001.png": b"\0\5\x16\7",
    ".DS_Store": b"x",
    "THUMBS.DB": b"x",
    "Thumbs.db": b"x",
    "readme.txt": b"Dear colleague",
    "sub/desktop.ini": b"x",
    "report.pdf": b"%PDF",
    "dataset.json": b"{}",
}


def read(file: ReceivedFile) -> np.ndarray:
    return masks.read_mask([file], SERIES).labels


def test_what_systems_and_people_add_is_left_out_of_a_zip(tmp_path: Path) -> None:
    assert (read(write_zip(tmp_path / "m.zip", CLUTTER | PNGS)) == LABELS).all()


def test_what_systems_and_people_add_is_left_out_of_files(tmp_path: Path) -> None:
    files = []
    for number, (name, content) in enumerate((CLUTTER | PNGS).items()):
        path = tmp_path / str(number)
        path.write_bytes(content)
        files.append(ReceivedFile(path, name))
    assert (masks.read_mask(files, SERIES).labels == LABELS).all()


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.npy"])
def test_one_mask_file_in_a_zip_is_that_mask(tmp_path: Path, name: str) -> None:
    good_files(tmp_path)
    content = {f"out/{name}": (tmp_path / name).read_bytes()}
    assert (read(write_zip(tmp_path / "m.zip", content | CLUTTER)) == LABELS).all()


def test_a_header_with_its_values_in_a_zip_is_that_mask(tmp_path: Path) -> None:
    write_itk(tmp_path / "a.mhd", LABELS, SERIES)
    content = {f"out/{name}": (tmp_path / name).read_bytes() for name in ("a.mhd", "a.raw")}
    assert (read(write_zip(tmp_path / "m.zip", content)) == LABELS).all()


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({"a.npy": None}, "Besides the PNGs there is a.npy"),
        ({"sheet.odd": b"what is this"}, "Not a mask or a PNG of a slice: sheet.odd"),
        ({"slice_004.jpg": b"\xff\xd8\xff\xe0"}, "slice_004.jpg"),
        ({"inner.zip": b"PK\3\4"}, "inner.zip is an archive among other files"),
        ({"empty.png": b""}, "empty.png is empty"),
    ],
)
def test_what_is_no_picture_of_a_slice_is_named(tmp_path: Path, others: dict[str, bytes | None], words: str) -> None:
    good_files(tmp_path)
    added = {
        name: content if content is not None else (tmp_path / name).read_bytes() for name, content in others.items()
    }
    assert words in refused([write_zip(tmp_path / "m.zip", PNGS | added)], masks.MaskUnreadable)


def test_a_zip_beside_other_files_is_named(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(PNGS["slice_001.png"])
    assert "m.zip is an archive among" in refused(
        [write_zip(tmp_path / "m.zip", PNGS), received(picture)], masks.MaskUnreadable
    )


def test_several_masks_in_a_zip_are_named(tmp_path: Path) -> None:
    good_files(tmp_path)
    content = {name: (tmp_path / name).read_bytes() for name in ("a.nii", "a.npy")}
    reason = refused([write_zip(tmp_path / "m.zip", content)], masks.MaskUnreadable)
    assert "several mask files: a.nii, a.npy" in reason


def test_a_zip_of_nothing_but_clutter_is_no_mask(tmp_path: Path) -> None:
    assert refused([write_zip(tmp_path / "m.zip", CLUTTER)], masks.MaskUnreadable)


@pytest.mark.parametrize("name", ["m.7z", "m.tar.gz", "m.rar"])
def test_another_archive_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(
        {"m.7z": b"7z\xbc\xaf\x27\x1c", "m.rar": b"Rar!\x1a\x07\0"}.get(name, b"\x1f\x8b\x08x")
    )
    reason = refused([received(tmp_path / name)], masks.MaskUnreadable)
    assert "zip of PNGs" in reason


def test_compression_and_password_of_a_zip_are_told(tmp_path: Path) -> None:
    for change, words in (({"method": 9}, "Deflate64"), ({"flags": ENCRYPTED}, "password")):
        members = [Member(name.encode(), content, **change) for name, content in PNGS.items()]
        file = received(write_odd_zip(tmp_path / "m.zip", members))
        assert words in refused([file], masks.MaskUnreadable)


def test_one_damaged_picture_in_a_zip_is_named(tmp_path: Path) -> None:
    members = [Member(name.encode(), content, crc=7 if "2" in name else None) for name, content in PNGS.items()]
    reason = refused([received(write_odd_zip(tmp_path / "m.zip", members))], masks.MaskUnreadable)
    assert reason.startswith("slice_002.png: ")
