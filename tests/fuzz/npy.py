"""NumPy files by their grammar: good ones with some parts of the header made odd."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.fuzz import odd

DESCRS = (
    "'<i2'", "'>i2'", "'|u1'", "'|b1'", "'<f4'", "'<f8'", "'<f2'", "'|O'", "'O'", "'<c16'", "'|S5'", "'<U3'",
    "'<M8[ns]'", "'<m8'", "'|V8'",
    "'<i3'", "'<i99999999999'", "'i2'", "'=i2'", "''", "'<'", "'<i2,<i2'", "'(2,3)<i2'", "[('a', '<i2')]",
    "[('a', '|O')]", "[", "2", "None",
    "'<f16'", "'int16'", "'<i2\\x00'", "\"<i2\"", "b'<i2'", "'<i' '2'", "__import__('os')", "'<g'", "'?'",
)  # fmt: skip
SHAPES = (
    "(6, 8, 10)", "(6, 8, 10, )", "(48, 10)", "(480,)", "()", "(480)", "(6, 8, 10, 1)", "(0, 8, 10)", "(-6, 8, 10)",
    "(6, 8, 3)",
    "(1000000, 1000000, 1000000)", "(4611686018427387904, 4, 1)", "(6L, 8L, 10L)", "(6.0, 8, 10)", "(True, 8, 10)",
    "(6, (8, 10))",
    "(" * 200 + ")" * 200, "(6, 8, " + "9" * 4400 + ")", "[6, 8, 10]", "(6 8 10)", "(1,)" * 40,
    "(" + "1, " * 40 + ")", "6", "'6'", "(1<<9,)",
)  # fmt: skip
ORDERS = ("False", "True", "0", "1", "None", "false", "'True'", "not True")


def files(seed: int) -> Iterator[tuple[str, bytes]]:
    """Odd .npy files without an end; the same for the same seed."""
    rng = Random(f"npy {seed}")
    while True:
        entries = [["'descr'", "'<i2'"], ["'fortran_order'", rng.choice(ORDERS[:2])], ["'shape'", "(6, 8, 10)"]]
        for _ in range(rng.choice((0, 1, 1, 1, 2))):
            place = rng.randrange(3)
            entries[place][1] = rng.choice((DESCRS, ORDERS, SHAPES)[place])
        if rng.random() < 0.06:
            entries.insert(rng.randrange(4), rng.choice([*entries, ["'x'", "1"], [odd.word(rng), odd.word(rng)]]))
        if rng.random() < 0.03:
            del entries[rng.randrange(len(entries))]
        separator = odd.mostly(rng, ", ", ",", " ", ";", ", ,")
        text = (
            "{"
            + separator.join(f"{key}: {value}" for key, value in entries)
            + odd.mostly(rng, ", }", "}", "", "}}", "} + {}")
        )
        yield "a.npy", _file(rng, text.encode("utf-8", "surrogatepass"))


def _file(rng: Random, header: bytes) -> bytes:
    version = rng.choice(((1, 0),) * 30 + ((2, 0), (2, 0), (3, 0), (0, 0), (9, 9), (1, 255)))
    size = 2 if version[0] == 1 else 4
    start = 8 + size
    header = header[:60000] + b" " * (-(len(header) + start + 1) % 64) + b"\n"
    length = rng.choice((len(header),) * 60 + (0, 1, 65535, len(header) - 5, len(header) + 500)) % 256**size
    body = b"".join((place * 37 % 3000 - 1000).to_bytes(2, "little", signed=True) for place in range(480))
    body = body[: rng.randrange(len(body))] if rng.random() < 0.15 else body
    magic = rng.choice((b"\x93NUMPY",) * 60 + (b"\x93NUMPX", b"\x93numpy"))
    return magic + bytes(version) + length.to_bytes(size, "little") + header + body
