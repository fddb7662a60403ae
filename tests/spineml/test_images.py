"""Pictures to series."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spineml.errors import UnreadableFile
from spineml.series import natural_order
from tests.spineml.intake_helpers import codes, only_verdict, pixels_of, scan_paths, small_phantom


def save(path: Path, pixels: np.ndarray, **options: object) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def grey(seed: int = 0, shape: tuple[int, ...] = (20, 30)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def huge_png(path: Path, width: int, height: int) -> Path:
    """A valid header and not much more."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return path


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp.png"])
def test_eight_bits_span_the_stated_window(tmp_path: Path, suffix: str) -> None:
    pixels = np.array([[0, 255, 51]], np.uint8)
    intake = scan_paths([save(tmp_path / f"a.{suffix}", pixels)], tmp_path)
    assert only_verdict(intake) == ("warning", "picture")
    (plan,) = intake.series
    assert pixels_of(plan).tolist() == [[[-500, 1300, -140]]]
    assert plan.meta.intensity == "8-bit windowed"
    assert codes(plan) == ["windowed", "no-spacing"]
    assert "-500 to 1300 HU" in intake.verdicts[0].reason


def test_the_sender_may_state_window_and_spacing(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.array([[0, 255]], np.uint8))
    options = {"window_center": 40, "window_width": 400, "pixel_spacing_mm": (0.5, 0.6)}
    (plan,) = scan_paths([path], tmp_path, **options).series
    assert pixels_of(plan).tolist() == [[[-160, 240]]]
    assert plan.geometry.spacing == (1.0, 0.5, 0.6)
    assert codes(plan) == ["windowed"]


@pytest.mark.parametrize(
    ("values", "hu", "convention"),
    [
        ([0, 1024, 4095], [-1024, 0, 3071], "16-bit HU+1024"),
        ([31744, 32768, 33768], [-1024, 0, 1000], "16-bit HU+32768"),
        ([0, 65535, 13107], [-500, 1300, -140], "16-bit windowed"),
    ],
)
@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bits_follow_one_of_three_conventions(
    tmp_path: Path, values: list[int], hu: list[int], convention: str, suffix: str
) -> None:
    path = save(tmp_path / f"a.{suffix}", np.array([values], np.uint16))
    (plan,) = scan_paths([path], tmp_path).series
    assert pixels_of(plan).tolist() == [[hu]]
    assert plan.meta.intensity == convention


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32])
def test_signed_and_float_tiff_holds_hounsfield_units(tmp_path: Path, dtype: type) -> None:
    values = np.array([[-1000, 0, 700]], dtype)
    path = tmp_path / "a.tif"
    if dtype is np.int16:
        image = Image.fromarray(values.view(np.uint16))
        image.save(path, tiffinfo={339: 2})
    else:
        save(path, values)
    (plan,) = scan_paths([path], tmp_path).series
    assert pixels_of(plan).tolist() == [[[-1000, 0, 700]]]


def test_pictures_of_one_folder_and_size_are_a_stack_in_natural_order(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"slice{n}.png", np.full((4, 5), n, np.uint8)) for n in (10, 9, 1, 100)]
    intake = scan_paths(paths, tmp_path)
    (plan,) = intake.series
    assert [file.name for file in plan.files] == ["slice1.png", "slice9.png", "slice10.png", "slice100.png"]
    assert np.diff(pixels_of(plan)[:, 0, 0]).min() > 0
    assert "order-guessed" in codes(plan)


def test_a_stack_needs_both_spacings(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{n}.png", grey(n)) for n in range(3)]
    (plan,) = scan_paths(paths, tmp_path, pixel_spacing_mm=(0.5, 0.5)).series
    assert not plan.geometry.spacing_known
    (plan,) = scan_paths(paths, tmp_path, pixel_spacing_mm=(0.5, 0.5), slice_spacing_mm=3.0).series
    assert plan.geometry.spacing == (3.0, 0.5, 0.5)


def test_stacking_can_be_switched_off(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{n}.png", grey(n)) for n in range(3)]
    assert len(scan_paths(paths, tmp_path, stack_images=False).series) == 3


def test_sizes_are_not_mixed(tmp_path: Path) -> None:
    paths = [save(tmp_path / "a.png", grey()), save(tmp_path / "b.png", grey(shape=(8, 9)))]
    shapes = {plan.geometry.shape for plan in scan_paths(paths, tmp_path).series}
    assert shapes == {(1, 20, 30), (1, 8, 9)}


def test_the_pages_of_a_tiff_are_a_stack(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.full((4, 5), 50 * n, np.uint8)) for n in range(4)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    (plan,) = scan_paths([tmp_path / "a.tif"], tmp_path).series
    assert pixels_of(plan)[:, 0, 0].tolist() == [-500, -147, 206, 559]


def test_colour_becomes_grey_and_is_said(tmp_path: Path) -> None:
    value = grey()
    (plan,) = scan_paths([save(tmp_path / "a.png", np.stack([value] * 3, axis=2))], tmp_path).series
    (plain,) = scan_paths([save(tmp_path / "b.png", value)], tmp_path).series
    assert np.array_equal(pixels_of(plan), pixels_of(plain))
    assert "colour" in codes(plan)


def test_jpeg_is_said_to_lose_detail(tmp_path: Path) -> None:
    smooth = np.tile(np.arange(0, 240, 4, dtype=np.uint8), (40, 1))
    (plan,) = scan_paths([save(tmp_path / "a.jpg", smooth, quality=95)], tmp_path).series
    assert "lossy" in codes(plan)
    assert np.abs(pixels_of(plan)[0] - (smooth * (1800 / 255) - 500)).max() < 40


@pytest.mark.parametrize("side", [8193, 40_000])
def test_a_giant_picture_is_refused_by_its_header(tmp_path: Path, side: int) -> None:
    intake = scan_paths([huge_png(tmp_path / "a.png", side, side)], tmp_path)
    assert only_verdict(intake) == ("rejected", "too-large")
    assert "8192" in intake.verdicts[0].reason


def test_a_picture_cut_off_in_its_header_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", grey())
    path.write_bytes(path.read_bytes()[:20])
    assert only_verdict(scan_paths([path], tmp_path)) == ("rejected", "damaged-image")


def test_a_picture_cut_off_in_its_pixels_names_its_file(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", grey(shape=(200, 200)))
    path.write_bytes(path.read_bytes()[:5000])
    intake = scan_paths([path], tmp_path)
    with pytest.raises(UnreadableFile, match=r"a\.png.*cut off"):
        pixels_of(intake.series[0])


def test_a_damaged_sixteen_bit_picture_does_not_spoil_its_stack(tmp_path: Path) -> None:
    values = small_phantom(3).hu.astype(np.int32) + 1024
    paths = [save(tmp_path / f"{z}.png", values[z].astype(np.uint16)) for z in range(3)]
    paths[1].write_bytes(paths[1].read_bytes()[:1500])
    intake = scan_paths(paths, tmp_path)
    assert [verdict.status for verdict in intake.verdicts] == ["warning", "rejected", "warning"]
    assert intake.series[0].geometry.shape[0] == 2


def test_names_sort_as_people_count() -> None:
    assert sorted(["s10", "s9", "S1b", "s1a"], key=natural_order) == ["s1a", "S1b", "s9", "s10"]
    assert sorted(["a²", "a1"], key=natural_order) == ["a1", "a²"]  # a digit by Unicode, but no number
