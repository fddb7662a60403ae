"""Odd numbers, words and paths of which the grammars make headers."""

from __future__ import annotations

import bz2
import gzip
import zlib
from random import Random

WHOLE = (
    "-1", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "64", "100", "255", "256", "1015", "4096", "8192", "8193",
    "32767",
    "32768", "65535", "65536", "2147483647", "2147483648", "4294967295", "4294967296", "9223372036854775807",
    "18446744073709551616", "-2147483649", "9" * 40, "9" * 4400, "+3", "3.0", "3e0", "0x10", "1_0", "\u0663",
    "\uff13", "", " ", "nan", "3,",
)  # fmt: skip
REAL = (
    "0", "-0", "1", "-1", "0.7", "2.5", "1e-7", "1e-300", "1e-320", "1e6", "1e7", "1e38", "1e300", "1e308", "1e309",
    "-1e309",
    "nan", "-nan", "inf", "-inf", "Infinity", "0x1p3", "1_0", "1,5", "1e", "e5", "--1", "1.2.3", "\u0663.\u0664",
    "9" * 500, "0." + "3" * 500, "",
)  # fmt: skip
PATHS = (
    "ct.raw", "./ct.raw", "sub/ct.raw", "ct.zraw", "../ct.raw", "../../secret.raw", "{secret}", "//{secret}",
    "file://{secret}",
    "./{secret}", "sub/../../secret.raw", "..\\secret.raw", "C:\\secret.raw", "\\\\host\\secret.raw", "~/secret.raw",
    "ct.raw\x00x",
    "ct.raw\x0b{secret}", "%s", "%n%n%n", "ct%03d.raw", "ct%03d.raw 1 10 1", "LIST", "LIST 2", "list\n{secret}",
    "LOCAL", "Local",
    "LOCAL\x0b{secret}", "LOCAL {secret}", "/dev/zero", "/dev/stdin", "/proc/self/environ", "/etc/passwd", "", " ",
    ".", "..", "/",
    "a" * 300, "a/" * 200 + "b", "요추.raw", "ct.raw ", "\tct.raw", "|cat {secret}", "$(cat {secret})", "`id`",
)  # fmt: skip
WORDS = (
    "true", "True", "false", "1", "0", "maybe", "nan", "none", "None", "???", "raw", "gzip", "gz", "bzip2", "zlib",
    "hex", "ascii",
    "text", "txt", "big", "little", "short", "unsigned char", "float", "double", "block", "int64", "MET_SHORT",
    "MET_UCHAR",
    "MET_FLOAT", "MET_CHAR_ARRAY", "MET_STRING", "MET_OTHER", "MET_LONG", "left-posterior-superior", "RAS", "LAS",
    "scanner-xyz",
    "right-anterior-superior-time", "3D-right-handed", "domain", "list", "vector", "RGB-color", "complex", "space",
    "time", "cell",
    "node", "\u00a0", "\x85", "\x1c", "\x0b", "\x0c", "(" * 50, "x" * 1015, "x" * 70000, "{", "}", "%", "\x00",
    "\ud7ff", "김철수",
)  # fmt: skip
NEWLINES = ("\n", "\n", "\n", "\n", "\r\n", "\r", "\x0b", "\x0c", "\x85", "\n\n", "\n\r", " \n", "")


def whole(rng: Random) -> str:
    return rng.choice(WHOLE)


def real(rng: Random) -> str:
    return rng.choice(REAL)


def word(rng: Random) -> str:
    return rng.choice(rng.choice((WHOLE, REAL, PATHS, WORDS)))


def mostly(rng: Random, good: str, *others: str, share: float = 0.04) -> str:
    """``good``, now and then one of the others."""
    return rng.choice(others) if rng.random() < share else good


def several(rng: Random, good: str) -> str:
    """A list of numbers with some exchanged, left out, or too many."""
    parts = good.split(" ")
    for _ in range(rng.randint(1, 2)):
        place = rng.randrange(len(parts) + 1)
        kind = rng.randrange(4)
        if kind == 0 and parts:
            del parts[min(place, len(parts) - 1)]
        elif kind == 1:
            parts.insert(place, rng.choice((whole, real))(rng))
        elif parts:
            parts[min(place, len(parts) - 1)] = rng.choice((whole, real))(rng)
    return mostly(rng, " ", "  ", "\t", ",", ", ").join(parts)


def packed(rng: Random, values: bytes, encoding: str) -> bytes:
    """``values`` as the encoding has them, now and then damaged, cut off, or a bomb."""
    if rng.random() < 0.05:
        values = bytes(rng.choice((10**6, 2 * 10**7)))
    text = " ".join(str(number) for number in values[:4000])
    raw = {
        "gzip": lambda: gzip.compress(values, 1, mtime=0),
        "zlib": lambda: zlib.compress(values, 1),
        "bzip2": lambda: bz2.compress(values, 1),
        "hex": lambda: values.hex(" ", 8).encode(),
        "text": text.encode,
    }.get(encoding, lambda: values)()
    kind = rng.random()
    if kind < 0.15:
        return raw[: rng.randrange(len(raw) + 1)]
    if kind < 0.25:
        return raw + rng.choice((raw, b"\0" * 100, b"x", raw[: len(raw) // 2], raw * 20))
    if kind < 0.4 and raw:
        damaged = bytearray(raw)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        return bytes(damaged)
    return raw
