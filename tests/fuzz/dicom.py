"""DICOM files by a grammar of attributes: sound ones with odd, contradicting, missing, huge and damaged values."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterator

from pydicom.tag import Tag

Element = tuple[int, int, bytes, bytes]  # group, element, VR, value
LONG_VRS = {b"OB", b"OW", b"UN", b"SQ", b"UT", b"OF", b"OD", b"OL", b"OV", b"UC", b"UR"}
VRS = [b"DS", b"IS", b"US", b"SS", b"UL", b"LO", b"PN", b"CS", b"UI", b"FD", b"FL", b"OB", b"OW", b"UN", b"SQ", b"UT"]
VRS += [b"AT", b"DA", b"TM", b"ZZ", b"\0\0", b"??"]
IMPLICIT, EXPLICIT, BIG = b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.2"
DEFLATED = b"1.2.840.10008.1.2.1.99"
ENCODED = [b"1.2.840.10008.1.2." + ending for ending in (b"4.50", b"4.51", b"4.57", b"4.70", b"4.80", b"4.90", b"5")]
ODD_SYNTAXES = [b"", b"1.2.3.4", b"1.2.840.10008.1.2.4.102", b"\xff\xfe", b"1.2.840.10008.1.2.1\\1.2"]
NUMBERS = [b"0", b"-1", b"1", b"2", b"12", b"1e9", b"1e308", b"-1e308", b"nan", b"inf", b"", b" ", b"abc", b"1\\2"]
NUMBERS += [b"2,5", b"2.5 mm", b"99999999999999999999", b"0.0000001", b"--1", b"1.", b".", b"+", b"1e", b"\xb1"]
TEXTS = [
    b"",
    b"HU",
    b"\0\0",
    b"\xc7\xe3\xb8\xae",
    "김철수".encode(),
    b"\x1b$)C\xc7\xe3",
    b"A" * 5000,
    b"\\" * 200,
    b"^=^=^",
]
TEXTS += [b"\xed\xa0\x80", b"\xff" * 30, b"../../etc/passwd", b"%s%n{0}", b"LOCALIZER", b"DERIVED\\SECONDARY\\MIP"]
COUNTS = [0, 1, 2, 3, 7, 255, 256, 4095, 8192, 8193, 65535, 2**31 - 1, 2**32 - 1]
KEYWORDS = [
    *("SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "StudyDate", "Modality", "Manufacturer"),
    *("SeriesDescription", "PatientName", "PatientID", "PatientBirthDate", "OtherPatientIDs", "ContrastBolusAgent"),
    *("SliceThickness", "KVP", "SpacingBetweenSlices", "ConvolutionKernel", "PatientPosition", "StudyInstanceUID"),
    *("SeriesInstanceUID", "AcquisitionNumber", "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient"),
    *("FrameOfReferenceUID", "TemporalPositionIdentifier", "SamplesPerPixel", "PhotometricInterpretation"),
    *("NumberOfFrames", "FrameIncrementPointer", "Rows", "Columns", "PixelSpacing", "BitsAllocated", "BitsStored"),
    *("HighBit", "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit", "RescaleIntercept"),
    *("RescaleSlope", "RescaleType", "BurnedInAnnotation", "SharedFunctionalGroupsSequence"),
    *("PerFrameFunctionalGroupsSequence", "ModalityLUTSequence", "OtherPatientIDsSequence", "GridFrameOffsetVector"),
    *("ExtendedOffsetTable", "ExtendedOffsetTableLengths", "AcquisitionTime", "AcquisitionDateTime"),
]


def files(seed: int) -> Iterator[tuple[str, bytes]]:
    """Names and contents without end; the same for the same ``seed``."""
    rng = random.Random(seed)
    number = 0
    while True:
        number += 1
        yield f"fuzz{number:05d}.dcm", dicom_file(rng)


def dicom_file(rng: random.Random) -> bytes:
    """One file: a sound CT slice, changed in one to four ways, in a syntax that it may or may not state."""
    elements = _sound(rng)
    for _ in range(rng.randint(1, 4)):
        rng.choice(CHANGES)(rng, elements)
    written = rng.choice([IMPLICIT, EXPLICIT, EXPLICIT, EXPLICIT, BIG, DEFLATED])
    stated = written if rng.random() < 0.8 else rng.choice([IMPLICIT, EXPLICIT, BIG, DEFLATED, *ENCODED, *ODD_SYNTAXES])
    body = b"".join(_written(element, written) for element in sorted(elements, key=lambda one: one[:2]))
    if written == DEFLATED:
        engine = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        body = engine.compress(body) + engine.flush()
    raw = _meta(stated) + body
    return _damaged(rng, raw) if rng.random() < 0.3 else raw


def _sound(rng: random.Random) -> list[Element]:
    rows, columns = rng.choice([(4, 4), (8, 6), (1, 1), (16, 16)])
    place = b"-4\\-5\\%d" % rng.randint(-50, 50)
    values: dict[str, tuple[bytes, bytes]] = {
        "SpecificCharacterSet": (b"CS", b"ISO_IR 192"),
        "ImageType": (b"CS", b"ORIGINAL\\PRIMARY\\AXIAL"),
        "SOPClassUID": (b"UI", b"1.2.840.10008.5.1.4.1.1.2"),
        "SOPInstanceUID": (b"UI", b"2.25.%d" % rng.randint(1, 10**9)),
        "Modality": (b"CS", b"CT"),
        "PatientName": (b"PN", b"Fuzz^Test"),
        "PatientID": (b"LO", b"F1"),
        "SliceThickness": (b"DS", b"2"),
        "StudyInstanceUID": (b"UI", b"2.25.1"),
        "SeriesInstanceUID": (b"UI", b"2.25.%d" % rng.randint(2, 4)),
        "InstanceNumber": (b"IS", b"%d" % rng.randint(1, 99)),
        "ImagePositionPatient": (b"DS", place),
        "ImageOrientationPatient": (b"DS", b"1\\0\\0\\0\\1\\0"),
        "SamplesPerPixel": (b"US", b"\x01\0"),
        "PhotometricInterpretation": (b"CS", b"MONOCHROME2"),
        "Rows": (b"US", struct.pack("<H", rows)),
        "Columns": (b"US", struct.pack("<H", columns)),
        "PixelSpacing": (b"DS", b"0.8\\0.8"),
        "BitsAllocated": (b"US", b"\x10\0"),
        "BitsStored": (b"US", b"\x0c\0"),
        "HighBit": (b"US", b"\x0b\0"),
        "PixelRepresentation": (b"US", b"\0\0"),
        "RescaleIntercept": (b"DS", b"-1024"),
        "RescaleSlope": (b"DS", b"1"),
    }
    found = [_element(keyword, vr, value) for keyword, (vr, value) in values.items()]
    return [*found, (0x7FE0, 0x0010, b"OW", rng.randbytes(rows * columns * 2))]


def _element(keyword: str, vr: bytes, value: bytes) -> Element:
    tag = Tag(keyword)
    return int(tag.group), int(tag.element), vr, value + b" " * (len(value) % 2)


# --- ways to change it ------------------------------------------------------------------------------------------------
def _any_value(rng: random.Random) -> bytes:
    kind = rng.randrange(5)
    if kind == 0:
        return b"\\".join(rng.choice(NUMBERS) for _ in range(rng.choice([1, 2, 3, 6, 6, 7, 300])))
    if kind == 1:
        return rng.choice(TEXTS)
    if kind == 2:
        return struct.pack("<H", rng.choice(COUNTS) & 0xFFFF)
    if kind == 3:
        return struct.pack("<d", rng.choice([0.0, float("nan"), float("inf"), 1e300, -2.5]))
    return rng.randbytes(rng.choice([0, 2, 4, 16, 1000]))


def _put(rng: random.Random, elements: list[Element]) -> None:
    keyword = rng.choice(KEYWORDS)
    element = _element(keyword, rng.choice(VRS), _any_value(rng))
    elements[:] = [one for one in elements if one[:2] != element[:2]]
    elements.append(element)


def _drop(rng: random.Random, elements: list[Element]) -> None:
    elements.pop(rng.randrange(len(elements)))


def _count(rng: random.Random, elements: list[Element]) -> None:
    keyword = rng.choice(["Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "SamplesPerPixel"])
    element = _element(keyword, b"US", struct.pack("<H", rng.choice(COUNTS) & 0xFFFF))
    elements[:] = [one for one in elements if one[:2] != element[:2]] + [element]


def _frames(rng: random.Random, elements: list[Element]) -> None:
    elements.append(_element("NumberOfFrames", b"IS", str(rng.choice([*COUNTS, -5])).encode()))


def _nest(rng: random.Random, elements: list[Element]) -> None:
    """Sequences in sequences, some without end."""
    depth = rng.choice([1, 2, 5, 50, 2000])
    keyword = rng.choice(["PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence", "ModalityLUTSequence"])
    tag = Tag(keyword)
    head = struct.pack("<HH", tag.group, tag.element) + b"SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
    elements.append((int(tag.group), int(tag.element), b"RAW", head * depth))


def _encode(rng: random.Random, elements: list[Element]) -> None:
    """Encapsulated pixels: fragments of any length, with and without a table and an end."""
    fragments = b""
    for _ in range(rng.choice([0, 1, 2, 3, 40])):
        content = rng.choice([b"\xff\xd8\xff\xc3", b"\xff\x4f\xff\x51", b""]) + rng.randbytes(rng.choice([0, 8, 64]))
        length = len(content) if rng.random() < 0.8 else rng.choice(COUNTS)
        fragments += b"\xfe\xff\x00\xe0" + struct.pack("<I", length) + content
    end = b"\xfe\xff\xdd\xe0\0\0\0\0" if rng.random() < 0.8 else b""
    elements[:] = [one for one in elements if one[0] != 0x7FE0]
    elements.append((0x7FE0, 0x0010, b"RAW", b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + fragments + end))


def _resize(rng: random.Random, elements: list[Element]) -> None:
    elements[:] = [one for one in elements if one[0] != 0x7FE0]
    elements.append((0x7FE0, 0x0010, rng.choice([b"OW", b"OB", b"UN"]), rng.randbytes(rng.choice([0, 1, 7, 33, 4096]))))


CHANGES: list[Callable[[random.Random, list[Element]], None]]
CHANGES = [_put, _put, _put, _put, _drop, _count, _frames, _nest, _encode, _resize]


# --- bytes ------------------------------------------------------------------------------------------------------------
def _meta(syntax: bytes) -> bytes:
    elements = [(0x0002, b"UI", b"1.2.840.10008.5.1.4.1.1.2"), (0x0003, b"UI", b"2.25.7"), (0x0010, b"UI", syntax)]
    body = b""
    for element, vr, value in elements:
        padded = value + b"\0" * (len(value) % 2)
        body += struct.pack("<HH2sH", 2, element, vr, len(padded)) + padded
    return bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(body)) + body


def _written(element: Element, syntax: bytes) -> bytes:
    group, number, vr, value = element
    if vr == b"RAW":
        return value
    order = ">" if syntax == BIG else "<"
    tag = struct.pack(order + "HH", group, number)
    if syntax == IMPLICIT:
        return tag + struct.pack("<I", len(value)) + value
    if vr in LONG_VRS:
        return tag + vr + b"\0\0" + struct.pack(order + "I", len(value)) + value
    return tag + vr + struct.pack(order + "H", len(value) & 0xFFFF) + value


def _damaged(rng: random.Random, raw: bytes) -> bytes:
    if rng.random() < 0.4:
        return raw[: rng.randrange(len(raw))]
    changed = bytearray(raw)
    for _ in range(rng.choice([1, 3, 20])):
        changed[rng.randrange(len(changed))] = rng.choice([0, 0xFF, rng.randrange(256)])
    return bytes(changed)
