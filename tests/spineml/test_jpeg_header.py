"""JPEG headers are judged before a decoder sees them: some damage would end the whole process."""

import contextlib
import struct
from pathlib import Path

import pydicom
import pytest
from pydicom.encaps import get_frame
from pydicom.uid import JPEGBaseline8Bit, JPEGLosslessSV1, JPEGLSLossless

from spineml.errors import UnreadableFile
from spineml.readers.dicom.jpeg_header import check_jpeg_2000, checked_jpeg
from tests.spineml.intake_helpers import pixels_of, scan_paths
from tests.spineml.real_data import REAL_DATA, needs_real_data

SHAPE = (64, 48)


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">HH", marker, len(body) + 2) + body


FRAME = struct.pack(">BHHBBBB", 16, *SHAPE, 1, 1, 0x11, 0)
TABLE = bytes([0x00, 1, 1, *[0] * 14, 3, 4])
SCAN = bytes([1, 1, 0x00, 1, 0, 0])


def lossless(frame: bytes = FRAME, table: bytes = TABLE, scan: bytes = SCAN, extra: bytes = b"") -> bytes:
    parts = [b"\xff\xd8", extra, segment(0xFFC3, frame), segment(0xFFC4, table), segment(0xFFDA, scan), b"data"]
    return b"".join(parts)


def test_a_sound_header_passes_and_loses_only_its_comments() -> None:
    noise = segment(0xFFE0, b"JFIF\0\xff\xff") + segment(0xFFFE, b"made for Doe^Jane")
    assert checked_jpeg(lossless(extra=noise), JPEGLosslessSV1, SHAPE, 16) == lossless()


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"not JPEG at all",
        lossless()[:20],  # cut off
        lossless(frame=struct.pack(">BHHBBBB", 16, 64, 49, 1, 1, 0x11, 0)),  # another width
        lossless(frame=struct.pack(">BHHBBBB", 17, *SHAPE, 1, 1, 0x11, 0)),  # more bits than there is room for
        lossless(frame=struct.pack(">BHHBBBB", 16, *SHAPE, 3, 1, 0x11, 0)),  # colour
        lossless(frame=FRAME + b"x"),
        lossless(table=bytes([0x00, 3, *[0] * 15, 1, 2, 3])),  # three codes of one bit
        lossless(table=bytes([0x00, 1, 1, *[0] * 14, 3])),  # a symbol is missing
        lossless(table=bytes([0x44, 1, 1, *[0] * 14, 3, 4])),  # a table number that does not exist
        lossless(scan=bytes([1, 2, 0x00, 1, 0, 0])),  # another component
        lossless(scan=bytes([1, 1, 0x10, 1, 0, 0])),  # a table that is not there
        lossless(scan=bytes([1, 1, 0x00, 8, 0, 0])),  # a predictor that does not exist
        lossless(extra=segment(0xFFC3, FRAME)),  # two frames
        lossless(extra=segment(0xFFC0, FRAME)),  # another kind of frame
        lossless(extra=segment(0xFFDD, b"x")),
        lossless(extra=segment(0xFFDB, b"\x00short")),
        lossless(extra=segment(0xFFF8, b"\x02")),
        lossless(extra=b"\xff\x00\x00\x02"),
    ],
)
def test_a_damaged_header_is_refused(stream: bytes) -> None:
    with pytest.raises((ValueError, struct.error)):
        checked_jpeg(stream, JPEGLosslessSV1, SHAPE, 16)


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGLSLossless])
def test_another_kind_of_jpeg_is_refused(syntax: str) -> None:
    with pytest.raises(ValueError, match="unexpected segment"):
        checked_jpeg(lossless(), pydicom.uid.UID(syntax), SHAPE, 16)


def test_jpeg_2000_of_another_size_is_refused() -> None:
    def stream(columns: int, rows: int, components: int) -> bytes:
        start = b"\xff\x4f\xff\x51\x00\x29\x00\x00" + struct.pack(">8I", columns, rows, 0, 0, columns, rows, 0, 0)
        return start + struct.pack(">H", components)

    check_jpeg_2000(stream(48, 64, 1), SHAPE)
    check_jpeg_2000(b"boxes of a JP2 file come first", SHAPE)
    for wrong in (stream(49, 64, 1), stream(48, 2**31, 1), stream(48, 64, 3)):
        with pytest.raises(ValueError, match="another size"):
            check_jpeg_2000(wrong, SHAPE)


@needs_real_data
@pytest.mark.parametrize(
    ("ending", "place"),
    [
        ("4.50", 11),  # the version of JFIF: GDCM ends the process on it
        ("4.51", 11),
        ("4.57", 11),
        ("4.70", 11),
        ("4.90", 9),  # the width
        ("2.5", 5),  # where the segments begin: the Rust decoder panics on it
    ],
)
def test_a_damaged_real_file_never_ends_the_process(tmp_path: Path, ending: str, place: int) -> None:
    folder = REAL_DATA / "transfer-syntaxes"
    (path,) = (path for path in folder.glob("CTImage.dcm_*.dcm") if path.stem.endswith(f".{ending}"))
    raw = path.read_bytes()
    stream = get_frame(pydicom.dcmread(path).PixelData, 0, number_of_frames=1)
    begin = raw.index(stream[:64])
    damaged = tmp_path / "damaged.dcm"
    damaged.write_bytes(raw[: begin + place] + b"\xff" + raw[begin + place + 1 :])
    (plan,) = scan_paths([damaged], tmp_path).series
    with contextlib.suppress(UnreadableFile):
        assert pixels_of(plan).shape == (1, 512, 512)
