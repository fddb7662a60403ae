"""One slice as an HTTP answer: the chunk as it is stored, so that nothing is decoded on the way to the viewer."""

from __future__ import annotations

import hashlib
import struct
import zlib

from django.db.models.fields.files import FieldFile
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers

from spineml.message import message
from spineml.volumes.canonical_file import SliceFileReader
from spineplatform.shared import storage
from spineplatform.shared.errors import NotFound

YEAR_SECONDS = 365 * 24 * 3600
MOST_AT_ONCE = 32
DTYPES = {"volume": "int16", "mask": "uint8"}


def check_slice(depth: int, z: int) -> None:
    """Raise NotFound unless the series has a slice ``z``."""
    if not 0 <= z < depth:
        raise NotFound(
            message("There is no slice {slice}: this series has the slices 0 to {last}.", slice=z, last=depth - 1)
        )


def slice_response(request: HttpRequest, file: FieldFile, pixel_hash: str, z: int) -> HttpResponse:
    """Slice ``z`` of a stored volume (int16 HU) or mask (uint8 labels): little-endian, row by row.

    Sent deflated (a zlib stream) to whoever accepts that, else as plain bytes. Stored files never change, so browsers
    may keep the answer; ``X-Slice-Shape`` ("rows,columns") and ``X-Slice-Type`` say how to read it.

    Raises:
        NotFound: no such slice.
    """
    deflated = _accepts_deflate(request.headers.get("Accept-Encoding", ""))
    etag = _etag(pixel_hash, z, deflated)
    # Only an answer that was sent before has this tag, so a match needs no file.
    response = get_conditional_response(request, etag=etag)
    if response is None:
        response = _body(file, z, deflated=deflated)
    return _kept(response, etag, ["Accept-Encoding", "Authorization", "Cookie"])


def slices_response(request: HttpRequest, file: FieldFile, pixel_hash: str, *, first: int, count: int) -> HttpResponse:
    """Up to ``count`` slices from ``first`` on, fewer at the end: for each its length (uint32) and its zlib stream.

    Raises:
        NotFound: no such slice.
    """
    etag = _etag(pixel_hash, f"{first}+{count}", deflated=False)
    response = get_conditional_response(request, etag=etag)
    if response is None:
        with SliceFileReader(storage.local_path(file)) as reader:
            depth, height, width = reader.geometry.shape
            check_slice(depth, first)
            chunks = [reader.read_deflated(z) for z in range(first, min(first + count, depth))]
            dtype = DTYPES[reader.kind]
        content = b"".join(struct.pack("<I", len(chunk)) + chunk for chunk in chunks)
        response = HttpResponse(content, content_type="application/octet-stream")
        response["Content-Length"] = str(len(content))
        response["X-Slice-Shape"] = f"{height},{width}"
        response["X-Slice-Type"] = dtype
    return _kept(response, etag, ["Authorization", "Cookie"])


def _kept(response: HttpResponse, etag: str, vary: list[str]) -> HttpResponse:
    """Stored files never change, so a browser may keep what it got."""
    response["ETag"] = etag
    response["Cache-Control"] = f"private, max-age={YEAR_SECONDS}, immutable"
    patch_vary_headers(response, vary)
    return response


def _body(file: FieldFile, z: int, *, deflated: bool) -> HttpResponse:
    with SliceFileReader(storage.local_path(file)) as reader:
        depth, height, width = reader.geometry.shape
        check_slice(depth, z)
        chunk = reader.read_deflated(z)
        dtype = DTYPES[reader.kind]
    content = chunk if deflated else zlib.decompress(chunk)
    response = HttpResponse(content, content_type="application/octet-stream")
    if deflated:
        response["Content-Encoding"] = "deflate"
    response["Content-Length"] = str(len(content))
    response["X-Slice-Shape"] = f"{height},{width}"
    response["X-Slice-Type"] = dtype
    return response


def _etag(pixel_hash: str, z: int | str, deflated: bool) -> str:
    """Strong, so it differs between the encodings (RFC 9110, 8.8.3.3)."""
    key = hashlib.sha256(f"{pixel_hash}/{z}".encode()).hexdigest()[:32]
    return f'"{key}-deflate"' if deflated else f'"{key}"'


def _accepts_deflate(header: str) -> bool:
    """True when ``Accept-Encoding`` names deflate (or everything) with a weight above 0."""
    weights: dict[str, float] = {}
    for part in header.split(","):
        coding, _, parameter = part.strip().partition(";")
        try:
            weights[coding.strip().lower()] = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
    return weights.get("deflate", weights.get("*", 0)) > 0
