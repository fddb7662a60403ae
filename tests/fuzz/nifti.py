"""NIfTI-1 and NIfTI-2 files by their grammar: good ones with some fields made odd."""

from __future__ import annotations

import gzip
import math
import struct
from collections.abc import Iterator
from random import Random

from spineml.readers.headers.nifti import FIELDS_1, FIELDS_2

CODES = {"i2": "h", "i4": "i", "i8": "q", "u1": "B", "f4": "f", "f8": "d"}
WHOLE = (
    -1,
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    16,
    64,
    100,
    255,
    256,
    512,
    768,
    1024,
    1280,
    1536,
    2048,
    2304,
    32767,
    -32768,
    2**31 - 1,
    2**62,
    -(2**62),
)
REAL = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    0.7,
    2.5,
    352.0,
    348.0,
    347.5,
    351.0,
    540.0,
    544.0,
    1e6,
    1e9,
    1e30,
    3e38,
    1e300,
    -1e300,
    1e-30,
    1e-300,
)
ODD_REAL = (float("nan"), float("inf"), float("-inf"))
TYPES = ((2, "B"), (4, "h"), (8, "i"), (16, "f"), (64, "d"), (256, "b"), (512, "H"), (768, "I"))


def files(seed: int) -> Iterator[tuple[str, bytes]]:
    """Odd NIfTI files without an end; the same for the same seed."""
    rng = Random(f"nifti {seed}")
    while True:
        yield _file(rng)


def _file(rng: Random) -> tuple[str, bytes]:
    second = rng.random() < 0.35
    order = rng.choice("<<<>")
    length = 540 if second else 348
    fields = {name: (place, CODES[code], count) for name, place, code, count in (FIELDS_2 if second else FIELDS_1)}
    head = bytearray(length + 4)
    struct.pack_into(f"{order}i", head, 0, rng.choice((length,) * 50 + (0, 348, 540, -1)))
    magic = rng.choice((b"n+",) * 40 + (b"ni", b"n-", b"N+")) + (b"2\0\r\n\x1a\n" if second else b"1\0")
    head[(4 if second else 344) : (12 if second else 348)] = magic
    code, letter = rng.choice(TYPES)
    spacing = [-1.0, 0.8, 0.8, 2.0, 1.0, 1.0, 1.0, 1.0]
    values = {
        "dim": [3, 10, 8, 6, 1, 1, 1, 1], "datatype": [code], "pixdim": spacing, "offset": [length + 4], "units": [2],
        "slope": [1.0], "intercept": [0.0], "intent": [0], "qform_code": [1], "sform_code": [1],
        "quaternion": [0.0, 0.0, 1.0],
        "quaternion_offset": [-16.0, 19.0, -100.0],
        "rows": [-0.8, 0, 0, 16.0, 0, -0.8, 0, 19.0, 0, 0, 2.0, -100.0],
    }  # fmt: skip
    for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 6))):
        name = rng.choice(sorted(values))
        place = rng.randrange(len(values[name]))
        choice = WHOLE if fields[name][1] in "hiqB" else REAL + ODD_REAL
        values[name][place] = rng.choice(choice)
    for name, numbers in values.items():
        place, kind, count = fields[name]
        for index, number in enumerate(numbers[:count]):
            struct.pack_into(f"{order}{kind}", head, place + index * struct.calcsize(kind), _fitting(kind, number))
    body = _values(rng, order, letter)
    if rng.random() < 0.15:
        head[length : length + 4] = b"\1\0\0\0"
        body = struct.pack(f"{order}ii", rng.choice((16, 0, -1, 2**31 - 1)), 6) + bytes(8) + body
    return _wrapped(rng, bytes(head) + body)


def _fitting(kind: str, number: float) -> float | int:
    if kind == "f":
        return number if abs(number) < 3.4e38 or math.isnan(number) else float("inf")
    if kind == "d":
        return float(number)
    bits = 8 * struct.calcsize(kind)
    wrapped = int(number) % 2**bits
    return wrapped if kind == "B" or wrapped < 2 ** (bits - 1) else wrapped - 2**bits


def _values(rng: Random, order: str, letter: str) -> bytes:
    numbers: list[float] = [float(place * 37 % 200) for place in range(10 * 8 * 6)]
    if letter in "hifd":
        numbers = [number * 10 - 1000 for number in numbers]
    if letter in "fd" and rng.random() < 0.2:
        numbers[rng.randrange(len(numbers))] = rng.choice(ODD_REAL)
    if letter not in "fd":
        numbers = [int(number) - (100 if letter == "b" else 0) for number in numbers]
    raw = struct.pack(f"{order}{len(numbers)}{letter}", *numbers)
    return raw[: rng.randrange(len(raw))] if rng.random() < 0.1 else raw


def _wrapped(rng: Random, content: bytes) -> tuple[str, bytes]:
    kind = rng.random()
    if kind < 0.5:
        return rng.choice(("a.nii", "a.img", "a.hdr")), content
    if kind < 0.55:
        content += bytes(rng.choice((10**6, 3 * 10**7)))
    packed = gzip.compress(content, 1, mtime=0)
    if kind > 0.9:
        packed = packed[: rng.randrange(len(packed))]
    elif kind > 0.85:
        packed += rng.choice((packed, b"\0" * 50, b"junk", gzip.compress(b"", mtime=0) * 500))
    return "a.nii.gz", packed
