"""No request carries more than an upload may, whoever sends it and wherever to."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from asgiref.testing import ApplicationCommunicator

from spineplatform.bodies import BodyLimit
from spineplatform.processes import Processes
from spineplatform.shared.api import FORM_BYTES


@pytest.fixture(autouse=True)
def _ten_bytes(settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 10 - FORM_BYTES


async def reader(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers as Django does: with what arrived, or with nothing when the sender went away."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message["body"], message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def status(*parts: bytes, announced: bytes = b"") -> int:
    headers = [(b"content-length", announced)] if announced else []
    talk = ApplicationCommunicator(BodyLimit(reader), {"type": "http", "headers": headers})
    for number, part in enumerate(parts, start=1):
        await talk.send_input({"type": "http.request", "body": part, "more_body": number < len(parts)})
    start, body = await talk.receive_output(), await talk.receive_output()
    if start["status"] != 200:
        assert json.loads(body["body"])["code"] == "too-large"
    return int(start["status"])


async def test_a_body_within_the_limit_passes() -> None:
    assert await status(b"12345", b"67890", announced=b"10") == 200


async def test_an_announced_size_above_the_limit_is_refused_before_anything_is_read() -> None:
    assert await status(announced=b"11") == 413


async def test_a_body_that_grows_above_the_limit_unannounced_is_refused() -> None:
    assert await status(b"12345", b"67890", b"1") == 413


# --- the real web process ---------------------------------------------------------------------------------------------
def request_of(web: str, size: int) -> http.client.HTTPConnection:
    """A request whose body has not been sent yet."""
    connection = http.client.HTTPConnection(urlsplit(web).netloc, timeout=20)
    connection.putrequest("POST", "/accounts/login/")
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    return connection


@pytest.mark.slow
def test_the_web_process_refuses_a_huge_request_at_once(web: str) -> None:
    connection = request_of(web, 10**12)
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.slow
def test_a_large_body_waits_on_the_disk_of_the_state_folder(web: str, processes: Processes) -> None:
    connection = request_of(web, 40 * 1024**2)
    connection.send(bytes(20 * 1024**2))
    opened = Path(f"/proc/{processes.pid('web')}/fd")
    incoming = str(processes.state_dir / "incoming")
    until = time.monotonic() + 20
    while not any(target.startswith(incoming) for target in targets(opened)):
        assert time.monotonic() < until, targets(opened)
        time.sleep(0.05)
    connection.close()


def targets(folder: Path) -> list[str]:
    found = []
    for link in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(link.readlink()))
    return found
