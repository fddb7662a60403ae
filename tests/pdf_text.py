"""What a PDF says, as a viewer would search it: for PDFs of ours alone."""

from __future__ import annotations

import base64
import re
import zlib

STREAM = re.compile(rb"/ASCII85Decode /FlateDecode.*?stream\r?\n(.*?)~>\s*endstream", re.DOTALL)
SHOWN = re.compile(rb"/(F\d+) [\d.]+ Tf|\(((?:\\.|[^\\)])*)\) Tj", re.DOTALL)
ESCAPED = re.compile(rb"\\(\d{3}|.)", re.DOTALL)
NAMED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def pdf_text(pdf: bytes) -> str:
    """All text in its order. The codes of a font with ``UCS2`` encoding are UTF-16, those of others are Latin."""
    fonts = [part for part in pdf.split(b"endobj") if b"UCS2" in part]
    wide = {name for font in fonts for name in re.findall(rb"/Name /(F\d+)", font)}
    return "".join(_page(zlib.decompress(base64.a85decode(stream)), wide) for stream in STREAM.findall(pdf))


def _page(content: bytes, wide: set[bytes]) -> str:
    text, font = [], b""
    for chosen, shown in SHOWN.findall(content):
        font = chosen or font
        text.append(_unescaped(shown).decode("utf-16-be" if font in wide else "latin-1"))
    return "".join(text)


def _unescaped(text: bytes) -> bytes:
    def plain(found: re.Match[bytes]) -> bytes:
        code = found[1]
        return bytes([int(code, 8)]) if len(code) == 3 else NAMED.get(code, code)

    return ESCAPED.sub(plain, text)
