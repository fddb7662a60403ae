"""Pictures to series."""

import contextlib
import io
import resource
import struct
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spineml.errors import UnreadableFile
from spineml.readers.scan import Intake, ReceivedFile, scan
from spineml.readers.series import natural_order
from tests.spineml.intake_helpers import codes, only_verdict, pixels_of, scan_paths, small_phantom
from tests.spineml.odd_pictures import Field, chunk, grey_page, jpeg, png, tiff


def save(path: Path, pixels: np.ndarray, **options: object) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def grey(seed: int = 0, shape: tuple[int, ...] = (20, 30)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


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


@pytest.mark.parametrize(("top", "said"), [(1, ["looks-like-mask"]), (255, ["looks-like-mask"]), (0, [])])
def test_pictures_of_two_values_are_said_to_look_like_a_mask(tmp_path: Path, top: int, said: list[str]) -> None:
    pixels = np.eye(9, dtype=np.uint8) * top if top else np.arange(81, dtype=np.uint8).reshape(9, 9)
    paths = [save(tmp_path / f"slice{n}.png", np.roll(pixels, n, axis=1)) for n in range(3)]
    (plan,) = scan_paths(paths, tmp_path).series

    pixels_of(plan)

    assert [notice.code for notice in plan.doubts()] == said


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


# --- what would take long or much memory ------------------------------------------------------------------------------
def scan_bytes(tmp_path: Path, *contents: bytes, **options: object) -> Intake:
    """Scan pictures that are sent in one folder; it must take neither long nor many bytes."""
    paths = []
    for number, content in enumerate(contents):
        paths.append(tmp_path / f"{number}.img")
        paths[-1].write_bytes(content)
    begin, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    intake = scan_paths(paths, tmp_path, **options)
    assert time.process_time() - begin < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000
    return intake


@pytest.mark.parametrize(("width", "height"), [(8193, 8193), (8193, 1), (40_000, 40_000), (8000, 8000), (2**31, 2**31)])
def test_a_giant_picture_is_refused_by_its_header(tmp_path: Path, width: int, height: int) -> None:
    several = [png(width, height, pixels=b"\0" * 100), tiff([grey_page(width, height)], data=bytes(100))]
    for content in several:
        intake = scan_bytes(tmp_path, content)
        assert only_verdict(intake) == ("rejected", "too-large")
        assert "8192" in intake.verdicts[0].reason


def test_pictures_that_expand_a_thousand_times_are_refused_together(tmp_path: Path) -> None:
    one = png(4096, 4096)
    intake = scan_bytes(tmp_path, *[one] * 20)
    assert [verdict.code for verdict in intake.verdicts].count("expands-too-much") == 12
    assert len(intake.series) == 1


def test_a_tiff_of_many_empty_pages_is_refused(tmp_path: Path) -> None:
    page = grey_page(4096, 4096)
    intake = scan_bytes(tmp_path, tiff([page] * 2000, data=bytes(100)))
    assert only_verdict(intake)[0] == "rejected"


def test_a_tiff_of_thousands_of_pages_is_read_in_one_pass(tmp_path: Path) -> None:
    intake = scan_bytes(tmp_path, tiff([grey_page(4, 4)] * 4000, data=bytes(range(16))))
    begin = time.process_time()
    assert pixels_of(intake.series[0]).shape == (4000, 4, 4)
    assert time.process_time() - begin < 10


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (tiff([grey_page(4, 4)] * 5001, data=bytes(16)), "too-large"),
        (tiff([grey_page(4, 4)] * 3, data=bytes(16), loop=True), "damaged-image"),
        (tiff([grey_page(4, 4)], loop=True), "damaged-image"),
        (tiff([]), "damaged-image"),
        (tiff([grey_page(0, 4)]), "damaged-image"),
        (tiff([{}]), "damaged-image"),
        (tiff([grey_page(4, 4, t322=(4, [65536]), t323=(4, [65536]), t324=(4, [16]), t325=(4, [16]))]), "too-large"),
        (tiff([grey_page(8000, 4000, t322=(4, [1]), t323=(4, [1]), t324=(4, [16]), t325=(4, [16]))]), "too-large"),
        (tiff([grey_page(4, 4, t273=(4, [16] * 70_000), t279=(4, [1] * 70_000))]), "too-large"),
        (tiff([grey_page(4, 4, t277=(3, [9]))]), "wrong-kind"),
        (tiff([grey_page(4, 4, t258=(3, [16, 16, 16]), t277=(3, [3]), t262=(3, [2]))]), "wrong-dtype"),
        (tiff([grey_page(4, 4, t258=(3, [16]), t262=(3, [0]))], data=bytes(32)), "wrong-dtype"),
        (tiff([grey_page(4, 4) | {30_000 + n: (1, [0]) for n in range(600)}]), "too-large"),
        (png(4, 4, depth=16, colour=2), "wrong-dtype"),
        (png(4, 4, depth=16, colour=6), "wrong-dtype"),
        (png(4, 4, depth=7), "damaged-image"),
        (png(4, 4, colour=1), "damaged-image"),
        (png(4, 4, interlace=2), "damaged-image"),
        (png(0, 4), "damaged-image"),
        (png(4, 4, extra=chunk(b"acTL", struct.pack(">II", 9, 0))), "wrong-kind"),
        (png(4, 4, extra=chunk(b"tEXt", b"a\0b") * 2000), "too-large"),
        (png(4, 4, extra=chunk(b"eXIf", b"", length=2**31)), "too-large"),
        (b"\x89PNG\r\n\x1a\n", "damaged-image"),
        (b"\xff\xd8\xff", "damaged-image"),
        (b"\xff\xd8\xff\xe0\0\0", "damaged-image"),
        (jpeg()[:-2] + b"\xff\xda" * 100, "too-large"),
        (jpeg().replace(b"\xff\xc0\0\x0b\x08", b"\xff\xc0\0\x0b\x0c"), "wrong-kind"),
        (jpeg().replace(b"\xff\xc0", b"\xff\xc3"), "wrong-kind"),
        (jpeg().replace(b"\x0b\x08\0\x0a\0\x14", b"\x0b\x08\xff\xff\xff\xff"), "too-large"),
        (b"II*\0", "damaged-image"),
        (b"II+\0" + b"\xff" * 12, "damaged-image"),
        (b"MM\0*\0\0\0\x08\xff\xff" + bytes(99), "too-large"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)}",
)
def test_an_odd_picture_is_told_and_taken_for_nothing_else(tmp_path: Path, content: bytes, code: str) -> None:
    intake = scan_bytes(tmp_path, content)
    assert only_verdict(intake) == ("rejected", code)
    assert intake.verdicts[0].reason


def test_a_place_that_no_file_has_is_damage(tmp_path: Path) -> None:
    content = tiff([grey_page(4, 4, t282=(4, [1, 2, 3]))], data=bytes(16), big=True)
    at = content.index(struct.pack("<HHQ", 282, 4, 3)) + 12
    odd = content[:at] + b"\xff" * 8 + content[at + 8 :]
    assert only_verdict(scan_bytes(tmp_path, odd)) == ("rejected", "damaged-image")


def test_notes_that_share_bytes_do_not_fill_memory(tmp_path: Path) -> None:
    data = bytes(2_000_000)
    fields: dict[int, Field] = {30_000 + n: (1, [0]) for n in range(400)}
    content = bytearray(tiff([grey_page(4, 4) | fields], data=data))
    for n in range(400):  # each of them states all bytes there are
        at = content.index(struct.pack("<HHI", 30_000 + n, 1, 1))
        content[at : at + 12] = struct.pack("<HHII", 30_000 + n, 1, len(data), 16)
    assert only_verdict(scan_bytes(tmp_path, bytes(content))) == ("rejected", "too-large")


@pytest.mark.parametrize(
    "content",
    [
        png(4, 4, depth=1),
        png(4, 4, depth=2),
        png(4, 4, depth=8, colour=6),
        png(4, 4, depth=4, colour=3),
        png(4, 4, depth=8, colour=3, extra=b""),
        png(4, 4, depth=8, colour=4),
        png(4, 4, interlace=1, pixels=bytes(64)),
        png(4, 4, extra=chunk(b"tEXt", b"Comment\0hello") + chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(900_000)))),
        jpeg(progressive=True),
        jpeg(mode="CMYK"),
        jpeg(mode="RGB"),
        tiff([grey_page(4, 4)], data=bytes(16)),
        tiff([grey_page(4, 4)], data=bytes(16), order=">"),
        tiff([grey_page(4, 4)], data=bytes(16), big=True),
        tiff([grey_page(4, 4, t262=(3, [0]))], data=bytes(16)),
        tiff([grey_page(4, 4, t258=(3, [16]), t339=(3, [2]), t279=(4, [32]))], data=bytes(32), order=">"),
    ],
    ids=lambda value: f"{len(value)}",
)
def test_odd_but_honest_pictures_are_read(tmp_path: Path, content: bytes) -> None:
    intake = scan_bytes(tmp_path, content)
    assert only_verdict(intake) == ("warning", "picture")
    assert pixels_of(intake.series[0]).shape[0] == 1


@pytest.mark.parametrize("order", ["<", ">"])
def test_signed_values_of_either_byte_order_are_hounsfield_units(tmp_path: Path, order: str) -> None:
    values = np.array([[-1000, 0], [700, 30]], f"{order}i2")
    page = grey_page(2, 2, t258=(3, [16]), t339=(3, [2]), t279=(4, [8]))
    intake = scan_bytes(tmp_path, tiff([page], data=values.tobytes(), order=order))
    assert pixels_of(intake.series[0])[0].tolist() == values.tolist()


def test_a_text_that_expands_does_not_fill_memory(tmp_path: Path) -> None:
    bomb = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(200_000_000), 9))
    assert len(scan_bytes(tmp_path, png(4, 4, extra=bomb)).verdicts) == 1


def test_a_photograph_that_should_be_turned_says_so(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    (plan,) = scan_bytes(tmp_path, jpeg(exif=exif)).series
    assert "turned" in codes(plan)


def test_the_second_picture_of_a_phone_is_no_slice(tmp_path: Path) -> None:
    first, second = (Image.open(io.BytesIO(jpeg(mode="RGB"))) for _ in range(2))
    buffer = io.BytesIO()
    first.save(buffer, "MPO", save_all=True, append_images=[second])
    (plan,) = scan_bytes(tmp_path, buffer.getvalue()).series
    assert plan.geometry.shape[0] == 1
    assert "lossy" in codes(plan)


def test_a_stack_larger_than_a_volume_may_be_is_refused(tmp_path: Path) -> None:
    intake = scan_bytes(tmp_path, *[png(100, 100)] * 5, max_volume_bytes=60_000)
    assert {verdict.code for verdict in intake.verdicts} == {"too-large"}


def test_several_damaged_pictures_do_not_spoil_the_others(tmp_path: Path) -> None:
    good = png(64, 64, depth=16, pixels=np.random.default_rng(0).bytes(64 * 129))
    intake = scan_bytes(tmp_path, *[good, good[:900], good[:900], good[:900], good])
    assert {verdict.status for verdict in intake.verdicts} <= {"warning", "rejected"}


@pytest.mark.parametrize(
    "name",
    ["7" * 4400 + ".png", "a\0.png", "\ud800.png", "\n", "/" * 50 + "a.png"],
    ids=["digits", "NUL", "surrogate", "line", "folders"],
)
def test_a_picture_of_any_name_is_read(tmp_path: Path, name: str) -> None:
    path = save(tmp_path / "stored", grey(), format="PNG")
    intake = scan([ReceivedFile(path, name)], tmp_path / "work")
    assert only_verdict(intake) == ("warning", "picture")


def test_numbers_of_any_length_sort_as_numbers() -> None:
    long = "9" * 5000
    names = [f"1{long}.png", f"{long}.png", "10.png", "٣.png", "009.png", "9a.png"]
    ordered = sorted(names, key=natural_order)
    assert ordered == ["٣.png", "009.png", "9a.png", "10.png", f"{long}.png", f"1{long}.png"]


def test_a_picture_cut_off_in_its_header_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", grey())
    path.write_bytes(path.read_bytes()[:20])
    assert only_verdict(scan_paths([path], tmp_path)) == ("rejected", "damaged-image")


def test_a_picture_cut_off_in_its_pixels_names_its_file(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", grey(shape=(200, 200)))
    path.write_bytes(path.read_bytes()[:5000])
    intake = scan_paths([path], tmp_path)
    with pytest.raises(UnreadableFile, match=r"a\.png.*truncated"):
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


def test_a_chunk_that_states_gigabytes_takes_no_memory(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(tmp_path / "a.png")
    content = bytearray((tmp_path / "a.png").read_bytes())
    place = content.index(b"IDAT")
    content[place - 4 : place] = b"\x7f\xff\xff\xff"
    (tmp_path / "a.png").write_bytes(content)
    (plan,) = scan_paths([tmp_path / "a.png"], tmp_path).series
    tracemalloc.start()

    with contextlib.suppress(UnreadableFile):
        pixels_of(plan)

    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()
