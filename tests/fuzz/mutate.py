"""Damage to files that were good: bytes, numbers in headers, cuts and repeats, the start of a file above all."""

from __future__ import annotations

from random import Random

HEAD = 1024
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
DIGITS = b"0123456789"


def mutated(rng: Random, content: bytes) -> bytes:
    """``content`` with one to eight changes."""
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 2, 3, 5, 8))):
        rng.choice(CHANGES)(rng, damaged)
    return bytes(damaged)


def _at(rng: Random, damaged: bytearray) -> int:
    """A place: mostly in the header, or among the last bytes, where archives keep theirs."""
    if not damaged:
        return 0
    kind = rng.random()
    end = min(HEAD, len(damaged))
    if kind < 0.6:
        return rng.randrange(end)
    return rng.randrange(len(damaged)) if kind < 0.85 else len(damaged) - 1 - rng.randrange(end)


def _byte(rng: Random, damaged: bytearray) -> None:
    place = _at(rng, damaged)
    if damaged:
        damaged[place] = rng.choice((rng.randrange(256), damaged[place] ^ (1 << rng.randrange(8)), 0, 255))


def _number(rng: Random, damaged: bytearray) -> None:
    size = rng.choice((1, 2, 4, 8))
    place = _at(rng, damaged)
    value = rng.choice(NUMBERS) % 256**size
    damaged[place : place + size] = value.to_bytes(size, rng.choice(("little", "big")))


def _digits(rng: Random, damaged: bytearray) -> None:
    """A number written as text becomes another."""
    places = [place for place in range(min(len(damaged), 4 * HEAD)) if damaged[place] in DIGITS]
    if places:
        place = rng.choice(places)
        damaged[place : place + 1] = rng.choice((b"-1", b"0", b"99999999", b"1e999", b"nan", b"", b"9" * 4400))


def _cut(rng: Random, damaged: bytearray) -> None:
    place = _at(rng, damaged)
    del damaged[place : place + rng.choice((1, 2, 4, 16, 100, 1000, len(damaged)))]


def _repeat(rng: Random, damaged: bytearray) -> None:
    place = _at(rng, damaged)
    damaged[place:place] = damaged[place : place + rng.choice((1, 4, 64, 1000))] * rng.choice((1, 1, 2, 50))


def _insert(rng: Random, damaged: bytearray) -> None:
    place = _at(rng, damaged)
    damaged[place:place] = rng.choice((b"\0", b"\n", b"\r\n", b"\x0b", b" " * 2000, b"\xff" * 16, b"../../"))


CHANGES = (_byte, _byte, _byte, _number, _number, _digits, _digits, _cut, _repeat, _insert)
