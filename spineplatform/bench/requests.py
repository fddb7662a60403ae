"""Just enough HTTP to be a REST client: token login and multipart uploads, over the standard library."""

from __future__ import annotations

import http.client
import json
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class Client:
    """A person's program at the platform, one connection for each request; every answer must be a success."""

    def __init__(self, address: str, username: str, password: str) -> None:
        self._host = urlsplit(address).netloc
        self._headers: dict[str, str] = {}
        body = json.dumps({"username": username, "password": password})
        answer = self._send("POST", "/api/v1/auth/token/", body.encode(), "application/json")
        self._headers["Authorization"] = f"Token {answer['token']}"

    def upload(self, path: Path, title: str) -> dict[str, Any]:
        """Send one file; returns the upload with its run."""
        boundary = uuid.uuid4().hex
        parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="title"\r\n\r\n{title}\r\n'.encode()]
        disposition = f'form-data; name="files"; filename="{path.name}"'
        head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\nContent-Type: application/octet-stream\r\n\r\n"
        parts += [head.encode(), path.read_bytes(), f"\r\n--{boundary}--\r\n".encode()]
        return self._send("POST", "/api/v1/uploads/", b"".join(parts), f"multipart/form-data; boundary={boundary}")

    def get(self, path: str) -> dict[str, Any]:
        return self._send("GET", path, None, "application/json")

    def _send(self, method: str, path: str, body: bytes | None, content_type: str) -> dict[str, Any]:
        with closing(http.client.HTTPConnection(self._host, timeout=120)) as connection:
            connection.request(method, path, body, {**self._headers, "Content-Type": content_type})
            response = connection.getresponse()
            content = response.read()
        if response.status >= 400:
            raise RuntimeError(f"{method} {path}: {response.status} {content[:300]!r}")
        answer: dict[str, Any] = json.loads(content)
        return answer
