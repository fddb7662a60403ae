"""Headers of NRRD and MetaImage by their grammar: good ones with some lines made odd."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from tests.fuzz import odd

VALUES = b"".join((place * 37 % 3000 - 1000).to_bytes(2, "little", signed=True) for place in range(10 * 8 * 6))
NRRD_LINES = (
    ("type", "short"), ("dimension", "3"), ("space", "left-posterior-superior"), ("sizes", "10 8 6"),
    ("space directions", "(0.7,0,0) (0,0.7,0) (0,0,2.5)"), ("kinds", "domain domain domain"), ("endian", "little"),
    ("encoding", "raw"), ("space origin", "(-20,15,100)"),
)  # fmt: skip
NRRD_MORE = (
    ("spacings", "1 2 3"), ("axis mins", "0 0 0"), ("axis maxs", "1 1 1"), ("centers", "cell cell cell"),
    ("byte skip", "4"),
    ("line skip", "1"), ("byteskip", "-1"), ("data file", "./ct.raw"), ("datafile", "ct.raw"), ("space dimension", "3"),
    ("content", "x"), ("block size", "4"), ("units", '"mm" "mm" "mm"'),
    ("measurement frame", "(1,0,0) (0,1,0) (0,0,1)"), ("number", "480"),
)  # fmt: skip
META_LINES = (
    ("ObjectType", "Image"), ("NDims", "3"), ("BinaryData", "True"), ("BinaryDataByteOrderMSB", "False"),
    ("CompressedData", "False"), ("TransformMatrix", "1 0 0 0 1 0 0 0 1"), ("Offset", "-20 15 100"),
    ("ElementSpacing", "0.7 0.7 2.5"), ("DimSize", "10 8 6"), ("ElementType", "MET_SHORT"),
)  # fmt: skip
META_MORE = (
    ("HeaderSize", "0"), ("HeaderSize", "-1"), ("ElementSize", "1 1 1"), ("Position", "0 0 0"), ("Origin", "0 0 0"),
    ("Comment", "x"),
    ("Rotation", "1 0 0 0 1 0 0 0 1"), ("CenterOfRotation", "0 0 0"), ("AnatomicalOrientation", "RAI"),
    ("CompressedDataSize", "99"),
    ("ElementNumberOfChannels", "1"), ("ElementByteOrderMSB", "True"), ("Modality", "MET_MOD_CT"), ("ElementMin", "0"),
)  # fmt: skip
Line = tuple[str, str]


def nrrd_files(seed: int) -> Iterator[tuple[str, bytes]]:
    """Odd NRRD files without an end; the same for the same seed."""
    rng = Random(f"nrrd {seed}")
    while True:
        encoding = rng.choice(("raw", "raw", "gzip", "bzip2", "hex", "text"))
        lines = [(key, encoding if key == "encoding" else value) for key, value in NRRD_LINES]
        lines = _odd(rng, lines, NRRD_MORE, _path_field("data file"))
        magic = odd.mostly(rng, "NRRD0005", "NRRD0001", "NRRD0009", "NRRD000", "NRRD0005 ", "NRRD000x")
        end = odd.mostly(rng, "\n", "", "\r\n", "\r", "\n\n", "\x0b")
        separator = odd.mostly(rng, ": ", ":", ":=", " : ", "=", " ")
        text = magic + "\n" + _joined(rng, lines, separator) + end
        values = odd.packed(rng, VALUES, encoding)
        yield rng.choice(("a.nrrd", "a.nhdr", "sub/a.nrrd")), text.encode("utf-8", "surrogatepass") + values


def meta_files(seed: int) -> Iterator[tuple[str, bytes]]:
    """Odd MetaImage files without an end; the same for the same seed."""
    rng = Random(f"meta {seed}")
    while True:
        encoding = rng.choice(("raw", "raw", "zlib", "gzip", "text"))
        made = {"CompressedData": str(encoding in ("zlib", "gzip")), "BinaryData": str(encoding != "text")}
        lines = [(key, made.get(key, value)) for key, value in META_LINES]
        lines = _odd(rng, lines, META_MORE, _path_field("ElementDataFile"))
        place = odd.mostly(rng, "LOCAL", *odd.PATHS, share=0.2)
        lines.append((odd.mostly(rng, "ElementDataFile", "elementdatafile", "ElementDataFile ", "ElementData"), place))
        separator = odd.mostly(rng, " = ", "=", ":", " : ", " ", "==", "= ")
        text = _joined(rng, lines, separator)
        values = odd.packed(rng, VALUES, encoding)
        yield rng.choice(("a.mha", "a.mhd", "sub/a.mha")), text.encode("utf-8", "surrogatepass") + values


def _path_field(field: str) -> Callable[[Random], Line]:
    return lambda rng: (field, rng.choice(odd.PATHS))


def _odd(rng: Random, lines: list[Line], more: tuple[Line, ...], path: Callable[[Random], Line]) -> list[Line]:
    """Some lines changed, left out, doubled, added, or exchanged."""
    for _ in range(rng.choice((0, 0, 1, 1, 1, 1, 2, 4))):
        place = rng.randrange(len(lines)) if lines else 0
        if lines and rng.random() < 0.5:
            _exchange(rng, lines, place)
        else:
            remarks = [(f"#{odd.word(rng)}", "")] * rng.choice((1, 5, 2000))
            fresh = rng.choice(([rng.choice(more)], [path(rng)], [(odd.word(rng), odd.word(rng))], remarks))
            lines[place:place] = fresh
    if rng.random() < 0.05:
        rng.shuffle(lines)
    return lines


def _exchange(rng: Random, lines: list[Line], place: int) -> None:
    key, value = lines[place]
    kind = rng.randrange(6)
    if kind == 0:
        del lines[place]
    elif kind == 1:
        lines.insert(rng.randrange(len(lines) + 1), lines[place])
    else:
        lines[place] = (key, odd.word(rng) if kind == 2 else odd.several(rng, value))


def _joined(rng: Random, lines: list[Line], separator: str) -> str:
    newlines = odd.NEWLINES if rng.random() < 0.1 else ("\n",)
    return "".join(f"{key}{separator}{value}{rng.choice(newlines)}" for key, value in lines)
