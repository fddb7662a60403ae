"""A program that speaks to a running platform over HTTP: it knows an address, a token, and the OpenAPI document."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import uuid
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from tests import openapi

AT_ONCE = 32
PATIENCE_S = 180.0
FINISHED = {"succeeded", "failed", "cancelled"}
Answer = tuple[int, Any]


class RestClient:
    def __init__(self, address: str, token: str) -> None:
        self._api = f"{address.rstrip('/')}/api/v1"
        self._token = token

    def get(self, path: str) -> Any:
        status, body = self._ask(path)
        assert status == 200, body
        return body

    def upload(self, *paths: Path, names: Sequence[str] = (), **fields: Any) -> Any:
        """Send files, wait for the import, and return the upload with its verdicts."""
        wanted = {"segment": "false", **{name: str(value) for name, value in fields.items()}}
        status, body = self._send("/uploads/", list(paths), wanted, [("paths", name) for name in names])
        assert status in (200, 201), body
        until = time.monotonic() + PATIENCE_S
        while body["run"]["state"] not in FINISHED:
            assert time.monotonic() < until, f"the import still does not end: {body['run']}"
            time.sleep(0.2)
            body = self.get(f"/uploads/{body['id']}/")
        return body

    def mask(self, series: str, *paths: Path, **fields: str) -> Answer:
        return self._send(f"/series/{series}/masks/", list(paths), fields, [])

    def series_of(self, upload: Any) -> list[Any]:
        """Every series that the files of an upload are in, as the series' own address tells it."""
        ids = dict.fromkeys(one for verdict in upload["verdicts"] for one in verdict["all_series"])
        return [self.get(f"/series/{one}/") for one in ids]

    def voxels(self, address: str, depth: int, kind: str = "<i2") -> npt.NDArray[Any]:
        """All slices of a series or mask; ``address`` is ``/series/<id>`` or ``/masks/<id>``."""
        slices: list[npt.NDArray[Any]] = []
        for first in range(0, depth, AT_ONCE):
            count = min(AT_ONCE, depth - first)
            raw, headers = self._raw(f"{address}/slices/?first={first}&count={count}")
            shape = tuple(int(part) for part in headers["X-Slice-Shape"].split(","))
            place = 0
            for _ in range(count):
                length = int.from_bytes(raw[place : place + 4], "little")
                pixels = zlib.decompress(raw[place + 4 : place + 4 + length])
                slices.append(np.frombuffer(pixels, kind).reshape(shape))
                place += 4 + length
        return np.stack(slices)

    def _send(self, path: str, files: list[Path], fields: dict[str, str], more: list[tuple[str, str]]) -> Answer:
        mark = uuid.uuid4().hex
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in [*fields.items(), *more]
        ]
        for file in files:
            head = f'--{mark}\r\nContent-Disposition: form-data; name="files"; filename="{file.name}"\r\n'
            parts.append(f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + file.read_bytes() + b"\r\n")
        body = b"".join(parts) + f"--{mark}--\r\n".encode()
        return self._ask(path, body, f"multipart/form-data; boundary={mark}")

    def _ask(self, path: str, body: bytes | None = None, kind: str = "application/json") -> Answer:
        request = urllib.request.Request(f"{self._api}{path}", data=body, headers=self._headers(kind))  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return self._held(request, answer)
        except urllib.error.HTTPError as error:
            return self._held(request, error)

    def _held(self, request: urllib.request.Request, answer: Any) -> Answer:
        """Status and body, which are as the OpenAPI document says."""
        body, path = answer.read(), urlsplit(request.full_url).path
        openapi.hold(request.get_method(), path, answer.status, answer.headers["Content-Type"] or "", body)
        return answer.status, json.loads(body or b"null")

    def _raw(self, path: str) -> tuple[bytes, Any]:
        request = urllib.request.Request(f"{self._api}{path}", headers=self._headers("application/json"))  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return answer.read(), answer.headers

    def _headers(self, kind: str) -> dict[str, str]:
        return {"Authorization": f"Token {self._token}", "Content-Type": kind, "Accept": "*/*"}
