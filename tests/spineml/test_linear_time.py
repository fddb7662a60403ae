"""Whatever looks at foreign text takes time in proportion to it: here 200 kB, where a quadratic one takes minutes."""

import importlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spineml.csv_text import csv_text
from spineml.message import message
from spineml.readers.headers.itk import HeaderLines
from spineml.readers.headers.metaimage import is_meta, meta_header
from spineml.readers.headers.npy import read_npy_header
from spineml.readers.headers.nrrd import nrrd_header
from spineml.readers.pairs.pairs import stem_of
from spineml.readers.series import FileNotUsed, natural_order

LONG = 200_000
TEXTS = {
    "blanks": " " * LONG,
    "lines": "\n" * LONG,
    "blanks and lines": " \n" * (LONG // 2),
    "digits": "9" * LONG,
    "words and digits": "a1" * (LONG // 2),
    "at signs": "@" * LONG,
    "names": "@a.-" * (LONG // 4),
    "almost a name": "@" + "." * LONG,
    "brackets": "(" * LONG,
    "braces": "{" * LONG,
    "gaps": "{a" * (LONG // 2),
    "endings": "_mask-seg.label" * (LONG // 15),
    "equal signs": "=" * LONG,
    "colons": "a:" * (LONG // 2),
    "dashes": "-" * LONG,
}


ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("spineml", "spineplatform", "accounts", "cases", "training", "inference")
WITHOUT_MODULES = {"inference/bench", "migrations", "management"}


def patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Every regular expression that a module of the platform keeps, with the module's name."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).with_suffix("").as_posix()
            if "re.compile(" in path.read_text() and not any(part in name for part in WITHOUT_MODULES):
                module = importlib.import_module(name.replace("/", "."))
                yield from ((name, found) for value in vars(module).values() for found in _patterns_in(value))


def _patterns_in(value: object) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        yield from _patterns_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _patterns_in(one)


def header_lines(text: str) -> None:
    list(HeaderLines(text.encode(), complete=True))


def nrrd_directions(text: str) -> None:
    head = f"NRRD0005\ntype: short\ndimension: 3\nsizes: 1 1 1\nencoding: raw\nspace: RAS\nspace directions: {text}\n\n"
    nrrd_header(head.encode(), complete=True)


def nrrd_lines(text: str) -> None:
    nrrd_header(f"NRRD0005\n{text}\n\n".encode(), complete=True)


def meta_lines(text: str) -> None:
    meta_header(f"ObjectType = Image\n{text}\nElementDataFile{text}".encode(), complete=True)


def filled_message(text: str) -> None:
    str(message("{name} is damaged.", name=text))


def csv_cell(text: str) -> None:
    csv_text(["a"], [[text]])


LOOKS: tuple[Callable[[str], object], ...] = (
    header_lines,
    nrrd_directions,
    nrrd_lines,
    meta_lines,
    natural_order,
    stem_of,
    filled_message,
    csv_cell,
    lambda text: is_meta(text.encode()),
)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_long_foreign_text_is_looked_at_in_linear_time(text: str) -> None:
    for look in LOOKS:
        try:
            look(text)
        except FileNotUsed:
            continue


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_long_numpy_header_is_looked_at_in_linear_time(tmp_path: Path, text: str) -> None:
    header = f"{{'descr': {text}"[:9000].encode()
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)

    with pytest.raises(FileNotUsed):
        read_npy_header(tmp_path / "a.npy")


@pytest.mark.timeout(60)
def test_every_regular_expression_of_the_platform_is_linear() -> None:
    found = list(patterns())
    assert len(found) >= 10
    for _, pattern in found:
        for text in TEXTS.values():
            whole: Any = text if isinstance(pattern.pattern, str) else text.encode()
            pattern.sub(whole[:0], whole)
            pattern.fullmatch(whole + whole[:1])
