"""Zip archives by their grammar: honest members with odd names, sizes, methods, flags, extra fields and records.

Some hold folders of pairs or masks, so that what follows the unpacking is tried too.
"""

from __future__ import annotations

import io
import stat
import struct
import zlib
from collections.abc import Iterator
from random import Random

import numpy as np
from PIL import Image

from tests.fuzz.mutate import mutated
from tests.spineml.odd_zips import BZIP2, DEFLATED, ENCRYPTED, LZMA, STORED, UTF8, XZ, Member, zip_bytes

METHODS = (STORED, DEFLATED, DEFLATED, DEFLATED, BZIP2, LZMA, XZ)
UNREAD = (1, 6, 9, 10, 19, 93, 95, 97, 98, 99, 0xFFFF)
NUMBERS = (0, 1, 7, 2**16, 2**31, 2**32 - 1)
WIDE_NUMBERS = (*NUMBERS, 2**32, 2**48, 2**63, 2**64 - 1)
SHAPE = (8, 10)
WORDS = (
    *("IM0001", "IM0001.dcm", "DICOMDIR", "slice_001.png", "._slice_001.png", "__MACOSX/a", "Thumbs.db", "a.nii.gz"),
    *("../a", "/etc/passwd", "C:\\a", "10:30/a", "", ".", "..", "/", "\\", "a/", "\0", "a\0b", "a\n", "7" * 4400),
    *("요추 CT/IM0001.dcm", "요추", "腰椎", "画像.png", "Größe", "\u202ea", "a" * 70_000, "inner.zip"),
    *("images/a.png", "masks/a.png", "a_mask.png", "imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz", "dataset.json"),
    *("s1/ct.nii.gz", "s1/segmentations/vertebrae_L1.nii.gz", "s1/segmentations/liver.nii.gz", "표.csv", "t.csv"),
    *("rawdata/sub-a/sub-a_ct.nii.gz", "derivatives/sub-a/sub-a_seg-vert_msk.nii.gz", "volume-1", "segmentation-1"),
)
LAYOUTS = (
    ("images/{}.png", ("masks/{}.png",)),
    ("{}.png", ("{}_mask.png",)),
    ("rawdata/sub-{0}/sub-{0}_ct.png", ("derivatives/sub-{0}/sub-{0}_seg-vert_msk.png",)),
    ("imagesTr/x_{:03d}_0000.png", ("labelsTr/x_{:03d}.png",)),
    (
        "s{}/ct.png",
        ("s{}/segmentations/vertebrae_L1.png", "s{}/segmentations/sacrum.png", "s{}/segmentations/liver.png"),
    ),
    ("volume-{}.png", ("segmentation-{}.png",)),
)
TABLES = (b"name,patient\n0,A\n1,B\n", b"name;patient;split\n0;A;train", b"\xff\xfen", b"name,patient\n0,\n")
DESCRIPTIONS = (b"{}", b'{"labels": {"0": "L1"}}', b"[" * 9999, b'{"labels": 1}')
ENCODINGS = ("utf-8", "utf-8", "cp949", "cp932", "gbk", "cp437")


def files(seed: int) -> Iterator[tuple[str, bytes]]:
    """Odd archives without an end; the same for the same seed."""
    rng = Random(f"zip {seed}")
    while True:
        content = _archive(rng)
        yield rng.choice(("a.zip", "a", "요추.zip")), mutated(rng, content) if rng.random() < 0.3 else content


def _archive(rng: Random) -> bytes:
    kind = rng.random()
    if kind < 0.1:
        members = _pair_folder(rng)
    elif kind < 0.3:
        members = [_slice(rng, number) for number in range(rng.choice((1, 4, 6, 6)))]
        members += [_member(rng) for _ in range(rng.choice((0, 0, 1)))]
    else:
        members = [_member(rng) for _ in range(rng.choice((0, 1, 1, 2, 3, 8)))]
    if len(members) > 1 and rng.random() < 0.1:
        members[-1].offset = rng.choice((0, 1, 31, 2**32 - 2))
    before = rng.choice((b"", b"", b"", b"MZ", b"PK\3\4", b"PK\7\x08PK\3\4", bytes(100)))
    comment = rng.choice((b"", b"", b"PK\5\6", bytes(30), b"PK\5\6" + bytes(18)))
    content = bytearray(zip_bytes(members, before=before, comment=comment, wide=rng.random() < 0.2))
    if rng.random() < 0.3:
        _change_record(rng, content)
    return bytes(content)


def _slice(rng: Random, number: int) -> Member:
    pixels = np.zeros(SHAPE, np.uint8)
    pixels[2:5, 3 : 4 + number % 4] = rng.choice((1, 255))
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, "PNG")
    return Member(f"slice_{number + 1:03d}.png".encode(), sink.getvalue(), method=rng.choice(METHODS))


def _pair_folder(rng: Random) -> list[Member]:
    """Images and masks named as in one of the public sets, with a part left out, doubled or renamed."""
    image, masks = rng.choice(LAYOUTS)
    members = []
    for number in range(rng.choice((1, 2, 3))):
        pixels = np.random.default_rng(number).integers(0, 255, SHAPE, np.uint8)
        sink = io.BytesIO()
        Image.fromarray(pixels).save(sink, "PNG")
        members.append(Member(image.format(number).encode(), sink.getvalue()))
        for mask in masks:
            marked = _slice(rng, number)
            members.append(Member(mask.format(number).encode(), marked.content))
    table = rng.choice(
        (b"name,patient\n0,A\n1,B\n", b"name;patient;split\n0;A;train", b"\xff\xfen", b"name,patient\n0,\n")
    )
    members.append(Member("표.csv".encode(rng.choice(("cp949", "utf-8"))), table))
    members.append(
        Member(b"dataset.json", rng.choice((b"{}", b'{"labels": {"0": "L1"}}', b"[" * 9999, b'{"labels": 1}')))
    )
    for _ in range(rng.choice((0, 0, 1, 2))):
        one = rng.choice(members)
        one.name = (
            rng.choice(members).name if rng.random() < 0.5 else rng.choice(WORDS).encode("utf-8", "replace")[:900]
        )
    return rng.sample(members, rng.choice((len(members), len(members), max(1, len(members) - 1))))


def _member(rng: Random) -> Member:
    word = rng.choice(WORDS)
    name = word.encode(rng.choice(ENCODINGS), "replace")[:0xFFFF]
    content = rng.choice((b"", b"x", b"abc" * 99, bytes(3000), rng.randbytes(500), b"name,patient\na,1\n", b"{}"))
    member = Member(name, content, method=rng.choice(METHODS), flags=rng.choice((0, 0, UTF8)))
    for change in rng.sample(CHANGES, rng.choice((0, 0, 1, 1, 2))):
        change(rng, member)
    return member


def _size(rng: Random, member: Member) -> None:
    member.size = rng.choice((*NUMBERS, len(member.content) + 1, len(member.content) * 1000))


def _packed_size(rng: Random, member: Member) -> None:
    member.packed_size = rng.choice((*NUMBERS, len(member.raw()) + 1, len(member.raw()) - 1)) % 2**32


def _checksum(rng: Random, member: Member) -> None:
    member.crc = rng.choice(NUMBERS)


def _method(rng: Random, member: Member) -> None:
    member.packed, member.method = member.raw(), rng.choice((*UNREAD, *METHODS))


def _packed(rng: Random, member: Member) -> None:
    raw = bytearray(member.raw())
    if raw:
        raw[rng.randrange(min(len(raw), 16))] = rng.randrange(256)
    member.packed = bytes(raw[: rng.choice((len(raw), len(raw) // 2))])


def _bomb(rng: Random, member: Member) -> None:
    member.content, member.method = bytes(rng.choice((17 * 1024**2, 40 * 1024**2))), rng.choice((DEFLATED, BZIP2, XZ))
    if rng.random() < 0.5:
        member.size = rng.choice((1, 1000))


def _flags(rng: Random, member: Member) -> None:
    member.flags = rng.choice((ENCRYPTED, 0x2000, 0x40, 0xFFFF, UTF8, rng.randrange(0x10000)))


def _mode(rng: Random, member: Member) -> None:
    kind = rng.choice((stat.S_IFLNK, stat.S_IFIFO, stat.S_IFDIR, stat.S_IFCHR, stat.S_IFREG, 0xF000))
    member.attributes, member.made_by = (kind << 16) | rng.choice((0, 0x10)), rng.choice((0, 3 << 8))


def _extra(rng: Random, member: Member) -> None:
    wide = struct.pack("<2H3Q", 1, 24, *(rng.choice(WIDE_NUMBERS) for _ in range(3)))
    path = rng.choice(WORDS).encode()[:500]
    checksum = zlib.crc32(member.name) if rng.random() < 0.7 else 0
    unicode_path = struct.pack("<2HBL", 0x7075, 5 + len(path), 1, checksum) + path
    member.extra = rng.choice((wide, wide[:9], unicode_path, unicode_path[:7], rng.randbytes(20), wide + unicode_path))
    if member.extra is wide:
        member.size = member.packed_size = 2**32 - 1


def _described(rng: Random, member: Member) -> None:
    member.described = rng.random() < 0.9


CHANGES = (
    *(_size, _packed_size, _checksum, _method, _packed, _flags, _mode, _extra, _extra, _described),
    *(_size, _packed_size, _checksum, _method, _packed, _flags, _mode, _extra, _described, _bomb),
)


def _change_record(rng: Random, content: bytearray) -> None:
    """One number of the table of contents or of the end record is another one."""
    magic = rng.choice((b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7"))
    place = content.find(magic)
    if place < 0:
        return
    at = place + 4 + rng.randrange(18)
    width = rng.choice((2, 4))
    content[at : at + width] = (rng.choice(NUMBERS) % 256**width).to_bytes(width, "little")
