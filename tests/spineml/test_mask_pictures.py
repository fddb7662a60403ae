"""Masks as PNGs and zips of PNGs."""

import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from spineml.masks import read
from spineml.readers.series import natural_order
from spineml.volumes.volume import SourceGrid
from tests.spineml.mask_files import ONE_PICTURE, SERIES, labels_of, png_bytes, received, refused, write_pngs, write_zip


@pytest.mark.parametrize("white", [1, 255])
def test_pngs_are_read_in_the_natural_order_of_their_names(tmp_path, white):
    files = write_pngs(tmp_path, labels_of(SERIES), white)

    found = read.read_mask([files[2], files[0], files[1]], SERIES)

    assert [file.name for file in files] == ["mask 8.png", "mask 9.png", "mask 10.png"]
    assert (found.labels == labels_of(SERIES)).all()
    assert found.labels.dtype == np.uint8


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_a_black_and_white_png_of_any_mode_is_read(tmp_path, mode):
    labels = labels_of(ONE_PICTURE)
    (tmp_path / "mask.png").write_bytes(png_bytes(labels[0] * np.uint8(255), mode))

    assert (read.read_mask([received(tmp_path / "mask.png")], ONE_PICTURE).labels == labels).all()


def test_a_palette_of_label_colours_is_read_by_its_index(tmp_path):
    picture = Image.fromarray(labels_of(ONE_PICTURE)[0])
    picture.putpalette([0, 0, 0, 128, 0, 0])
    picture.save(tmp_path / "mask.png")

    assert (read.read_mask([received(tmp_path / "mask.png")], ONE_PICTURE).labels == labels_of(ONE_PICTURE)).all()


def test_transparent_pixels_are_background(tmp_path):
    colours = np.full((10, 12, 4), 255, np.uint8)
    colours[..., 3] = labels_of(ONE_PICTURE)[0] * 255
    Image.fromarray(colours).save(tmp_path / "mask.png")

    assert (read.read_mask([received(tmp_path / "mask.png")], ONE_PICTURE).labels == labels_of(ONE_PICTURE)).all()


def test_a_zip_of_pngs_is_read_without_what_macos_adds(tmp_path):
    members = {f"m/{z}.png": png_bytes(pixels * np.uint8(255)) for z, pixels in enumerate(labels_of(SERIES))}
    file = write_zip(tmp_path / "m.zip", {"m/": b"", **members, "__MACOSX/m/._0.png": b"x", "m/.DS_Store": b"x"})

    assert (read.read_mask([file], SERIES).labels == labels_of(SERIES)).all()


def test_pngs_have_the_rows_and_columns_of_the_source(tmp_path):
    prone = replace(SERIES, source=SourceGrid((0, 1, 2), (False, True, True)))
    files = write_pngs(tmp_path, prone.source.to_file(labels_of(prone)))

    assert (read.read_mask(files, prone).labels == labels_of(prone)).all()


def test_pngs_for_a_series_without_axial_slices_are_canonical(tmp_path):
    sagittal = replace(SERIES, source=SourceGrid((2, 0, 1), (True, False, True)))

    assert (read.read_mask(write_pngs(tmp_path, labels_of(SERIES)), sagittal).labels == labels_of(SERIES)).all()


def test_pngs_of_another_size_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", len(header)) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    monkeypatch.setattr(Image, "open", lambda *args, **kwargs: pytest.fail("decoded"))

    message = refused([received(tmp_path / "bomb.png")], read.MaskWrongSize, ONE_PICTURE)

    assert "40000 x 40000" in message
    assert "12 x 10" in message


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_pngs_are_refused(tmp_path, count):
    files = write_pngs(tmp_path, labels_of(SERIES))[:count]

    assert f"{count} slice" in refused(files, read.MaskWrongSliceCount)


def test_a_colour_picture_is_no_mask(tmp_path):
    Image.new("RGB", (12, 10), (255, 0, 0)).save(tmp_path / "mask.png")

    assert "colour image" in refused([received(tmp_path / "mask.png")], read.MaskUnreadable, ONE_PICTURE)


def test_a_zip_bomb_in_a_mask_is_not_inflated(tmp_path):
    picture = png_bytes(labels_of(ONE_PICTURE)[0])
    file = write_zip(tmp_path / "mask.zip", {"0.png": picture + bytes(200_000_000)})

    assert "far more than a mask" in refused([file], read.MaskUnreadable, ONE_PICTURE)


def test_a_zip_with_a_password_is_refused(tmp_path):
    file = write_zip(tmp_path / "mask.zip", {"0.png": png_bytes(labels_of(ONE_PICTURE)[0])})
    content = bytearray(file.path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    file.path.write_bytes(content)

    assert "password" in refused([file], read.MaskUnreadable, ONE_PICTURE)


def test_numbers_in_names_sort_as_numbers():
    names = ["s10.png", "s9.png", "S1.png", "a/s2.png", "s1b.png", "10.png", "9.png"]

    assert sorted(names, key=natural_order) == [
        "9.png",
        "10.png",
        "a/s2.png",
        "S1.png",
        "s1b.png",
        "s9.png",
        "s10.png",
    ]
