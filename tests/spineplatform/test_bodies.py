"""What a request may carry depends on the address and on who sends it, and nobody sends for ever."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import http.client
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from django.conf import settings as django_settings
from django.test import Client
from django.urls import URLResolver, get_resolver

from accounts.models import Role, User
from accounts.services import token_create
from cases.viewer_api import MAX_BODY
from spineplatform.processes import Processes
from spineplatform.web import bodies
from spineplatform.web.bodies import IN_FLIGHT, MEMORY, allowance
from spineplatform.web.handler import PlatformHandler
from tests import factories
from tests.waiting import PATIENCE_SECONDS, wait_for

pytestmark = pytest.mark.django_db(transaction=True)
LOG_IN, UPLOAD_PAGE = "/accounts/login/", "/cases/upload/"
UPLOADS, SETTINGS = "/api/v1/uploads/", "/api/v1/me/viewer-settings/"
SOMEWHERE = "00000000-0000-4000-8000-000000000000"
Headers = list[tuple[bytes, bytes]]


def scope(path: str, headers: Headers, method: str = "POST") -> dict[str, Any]:
    client = ("127.0.0.1", 1)
    every = [(b"host", b"localhost"), *headers]
    return {"type": "http", "method": method, "path": path, "query_string": b"", "headers": every, "client": client}


class Talk:
    """One request to Django by way of the handler, sent piece by piece."""

    def __init__(self, path: str, headers: Headers, method: str = "POST") -> None:
        self.app = ApplicationCommunicator(PlatformHandler(), scope(path, headers, method))

    async def send(self, piece: bytes, *, more: bool = True) -> None:
        await self.app.send_input({"type": "http.request", "body": piece, "more_body": more})

    async def answer(self) -> tuple[int, bytes]:
        start = await self.app.receive_output(timeout=PATIENCE_SECONDS)
        body, more = b"", True
        while more:
            part = await self.app.receive_output(timeout=PATIENCE_SECONDS)
            body, more = body + part.get("body", b""), part.get("more_body", False)
        await self.app.wait(timeout=PATIENCE_SECONDS)
        return start["status"], body


def json_body(*more: tuple[bytes, bytes]) -> Headers:
    return [(b"content-type", b"application/json"), *more]


def token_of(user: User) -> tuple[bytes, bytes]:
    return b"authorization", f"Token {token_create(user=user).token}".encode()


async def known(*roles: Role) -> tuple[bytes, bytes]:
    user = await database_sync_to_async(factories.user)(*(roles or (Role.CLINICIAN,)))
    return await database_sync_to_async(token_of)(user)


# --- how much ---------------------------------------------------------------------------------------------------------
def limits_of_addresses() -> dict[str, int]:
    return {name: allowance(scope(path, [])).limit for name, path in every_address()}


def every_address() -> Iterator[tuple[str, str]]:
    """Each address of the platform by its route, with something for each of its gaps."""
    for route, callback in routes(get_resolver(), ""):
        path = "/" + re.sub("<(?:(uuid|int):)?[^>]*>", lambda gap: {"uuid": SOMEWHERE}.get(gap[1] or "", "1"), route)
        if not route.startswith("admin/"):
            assert callback
            yield route, path


def routes(resolver: Any, before: str) -> Iterator[tuple[str, Any]]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, route)
        else:
            yield route, pattern.callback


def test_only_addresses_that_say_so_take_more_than_a_small_body() -> None:
    limits = limits_of_addresses()
    assert len(limits) > 100
    assert {route for route, limit in limits.items() if limit > django_settings.BODY_MAX_BYTES} == LARGE


def test_of_a_stranger_only_a_small_form_is_taken_and_no_upload() -> None:
    taken = {name: allowance(scope(path, [])).unknown for name, path in every_address()}
    assert {taken[route] for route in LARGE} == {0}
    assert {taken[route] for route in taken if route not in LARGE} == {MEMORY}
    assert allowance(scope("/nowhere/", [])).unknown == allowance(scope("/\0", [])).unknown == MEMORY


LARGE = {
    "cases/upload/",
    "series/<uuid:series_id>/masks/upload/",
    "models/import/",
    "models/tasks/",
    "api/v1/task-files/",
    "api/v1/series/<uuid:series_id>/pending-masks/",
    "api/v1/uploads/",
    "api/v1/series/<uuid:series_id>/corrections/",
    "api/v1/series/<uuid:series_id>/draft/",
    "api/v1/models/",
    "api/v1/series/<uuid:series_id>/masks/",
}


async def test_a_small_form_of_a_stranger_passes() -> None:
    talk = Talk("/api/v1/auth/token/", json_body((b"content-length", b"40")))
    await talk.send(b'{"username": "nobody", "password": "x"}', more=False)
    assert (await talk.answer())[0] == 401


@pytest.mark.parametrize("announced", [10**12, 2 * 1024**2])
async def test_an_announced_size_above_the_limit_is_refused_before_anything_is_read(announced: int) -> None:
    talk = Talk(LOG_IN, [(b"content-length", str(announced).encode())])
    status, _ = await talk.answer()
    assert status == 413


async def test_a_stranger_sends_no_more_than_a_small_form() -> None:
    talk = Talk(LOG_IN, [(b"content-length", str(MEMORY + 1).encode()), (b"accept", b"application/json")])
    status, body = await talk.answer()
    assert (status, json.loads(body)["code"]) == (401, "not-authenticated")


async def test_a_body_that_grows_above_the_limit_unannounced_is_refused() -> None:
    token = await known()
    talk = Talk(SETTINGS, json_body(token, (b"transfer-encoding", b"chunked")), "PUT")
    for _ in range(17):
        await talk.send(bytes(MEMORY))
    status, body = await talk.answer()
    assert (status, json.loads(body)["code"]) == (413, "too-large")


async def test_json_in_chunks_is_read_and_not_taken_for_empty() -> None:
    token = await known()
    talk = Talk(SETTINGS, json_body(token, (b"transfer-encoding", b"chunked")), "PUT")
    await talk.send(b'{"window": ')
    await talk.send(b'"bone"}', more=False)
    assert await talk.answer() == (200, b'{"window":"bone"}')


# --- who --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [(b"content-length", b"5000"), (b"transfer-encoding", b"chunked")])
async def test_an_upload_of_nobody_is_refused_before_any_of_it_is_read(size: tuple[bytes, bytes]) -> None:
    media = (b"content-type", b"multipart/form-data; boundary=x")
    for wrong in ([], [(b"authorization", b"Token \xff\xfe")], [(b"cookie", b'sessionid="\\000"')]):
        talk = Talk(UPLOADS, [media, size, *wrong])
        status, body = await talk.answer()
        assert (status, json.loads(body)["code"]) == (401, "not-authenticated")


async def test_whose_session_has_ended_is_sent_to_the_log_in_page() -> None:
    talk = Talk(UPLOAD_PAGE, [(b"content-length", b"5000"), (b"accept", b"text/html")])
    assert (await talk.answer())[0] == 302


async def test_a_session_may_upload() -> None:
    user = await database_sync_to_async(factories.user)(Role.CLINICIAN)
    client = Client()
    await database_sync_to_async(client.force_login)(user, backend="django.contrib.auth.backends.ModelBackend")
    cookie = f"sessionid={client.cookies['sessionid'].value}".encode()
    talk = Talk(UPLOAD_PAGE, [(b"content-length", b"1"), (b"cookie", cookie), (b"accept", b"text/html")])
    await talk.send(b"x", more=False)
    assert (await talk.answer())[0] == 403  # by Django, for want of its CSRF token


# --- how long ---------------------------------------------------------------------------------------------------------
async def test_a_sender_who_falls_silent_is_sent_away(settings: Any) -> None:
    settings.BODY_IDLE_SECONDS = 0.2
    talk = Talk(LOG_IN, [(b"content-length", b"100"), (b"accept", b"application/json")])
    await talk.send(b"user")
    status, body = await talk.answer()
    assert (status, json.loads(body)["code"]) == (408, "too-slow")


@pytest.mark.parametrize("limit", ["BODY_LEAST_RATE", "BODY_SECONDS"])
async def test_a_trickle_has_an_end(settings: Any, limit: str) -> None:
    settings.BODY_IDLE_SECONDS = 0.4
    setattr(settings, limit, {"BODY_LEAST_RATE": 10**9, "BODY_SECONDS": 0.4}[limit])
    talk = Talk(LOG_IN, [(b"content-length", b"10000"), (b"accept", b"application/json")])
    trickling = asyncio.create_task(trickle(talk))
    status, body = await talk.answer()
    trickling.cancel()
    assert (status, json.loads(body)["code"]) == (408, "too-slow")


async def trickle(talk: Talk) -> None:
    while True:
        await talk.send(b"x")
        await asyncio.sleep(0.1)


# --- how much at once -------------------------------------------------------------------------------------------------
async def test_a_person_has_only_so_much_on_its_way(settings: Any) -> None:
    settings.INCOMING_PER_PERSON = 3 * MEMORY
    token = await known()
    media = (b"content-type", b"multipart/form-data; boundary=x")
    first = Talk(UPLOADS, [media, token, (b"content-length", str(2 * MEMORY).encode())])
    await first.send(b"--x")
    await first.app.receive_nothing(timeout=0.5)
    second = Talk(UPLOADS, [media, token, (b"content-length", str(2 * MEMORY).encode())])
    status, body = await second.answer()
    assert (status, json.loads(body)["code"]) == (429, "throttled")
    await first.app.send_input({"type": "http.disconnect"})
    await first.app.wait(timeout=PATIENCE_SECONDS)
    assert IN_FLIGHT.total == 0


async def test_an_institution_has_only_so_much_on_its_way(settings: Any) -> None:
    settings.INCOMING_PER_INSTITUTION = 3 * MEMORY
    home = await database_sync_to_async(factories.institution)()
    talks = []
    for _ in range(2):
        user = await database_sync_to_async(factories.user)(Role.CLINICIAN, institution=home)
        token = await database_sync_to_async(token_of)(user)
        talks.append(Talk(UPLOADS, [token, (b"content-length", str(2 * MEMORY).encode())]))
        await talks[-1].send(b"--x")
        await talks[0].app.receive_nothing(timeout=0.3)
    assert (await talks[1].answer())[0] == 429
    await talks[0].app.send_input({"type": "http.disconnect"})
    await talks[0].app.wait(timeout=PATIENCE_SECONDS)


async def test_the_disk_keeps_room_for_the_database(settings: Any) -> None:
    settings.KEEP_FREE_BYTES = shutil.disk_usage(settings.INCOMING_DIR).free
    token = await known()
    talk = Talk(UPLOADS, [token, (b"content-length", b"10000000")])
    status, body = await talk.answer()
    assert (status, json.loads(body)["code"]) == (507, "storage-unavailable")


async def test_a_disk_that_fills_up_meanwhile_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    token = await known()
    monkeypatch.setattr(bodies.asyncio, "to_thread", full)
    talk = Talk(UPLOADS, [token, (b"content-length", str(2 * bodies.PIECE).encode())])
    await talk.send(bytes(bodies.PIECE))
    status, body = await talk.answer()
    assert (status, json.loads(body)["code"]) == (507, "storage-unavailable")


async def test_what_had_arrived_is_gone_with_its_sender() -> None:
    token = await known()
    talk = Talk(UPLOADS, [token, (b"content-length", str(4 * bodies.PIECE).encode())])
    before = open_files()
    for _ in range(2):
        await talk.send(bytes(bodies.PIECE))
    await talk.app.receive_nothing(timeout=1)
    assert open_files() > before
    await talk.app.send_input({"type": "http.disconnect"})
    await talk.app.wait(timeout=PATIENCE_SECONDS)
    assert open_files() == before
    assert IN_FLIGHT.total == 0


def test_what_a_killed_process_left_of_a_form_is_removed_by_the_next(settings: Any, tmp_path: Path) -> None:
    settings.INCOMING_DIR = tmp_path
    for name in ("tmpold.upload.dcm", "tmpnew.upload.dcm", "kept.dcm"):
        (tmp_path / name).write_bytes(b"x")
    for name in ("tmpold.upload.dcm", "kept.dcm"):
        os.utime(tmp_path / name, (0, 0))
    bodies.remove_abandoned()
    assert {path.name for path in tmp_path.iterdir()} == {"tmpnew.upload.dcm", "kept.dcm"}


def open_files() -> int:
    """Files of this process that no folder names any more, as those of bodies are."""
    return sum("(deleted)" in target for target in targets(Path("/proc/self/fd")))


# --- what cannot be a request -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("charset", [b"hex", b"\xff", b"utf-16", b"*=''%00", b'="zip"'])
async def test_text_in_no_encoding_of_text_is_refused(charset: bytes) -> None:
    talk = Talk(
        SETTINGS, [(b"content-type", b"application/json; charset=" + charset), (b"content-length", b"2")], "PUT"
    )
    await talk.send(b"{}", more=False)
    status, body = await talk.answer()
    assert (status, json.loads(body)["code"]) == (415, "unsupported-media-type")


async def test_an_address_that_is_no_text_is_refused_in_the_one_shape() -> None:
    app = PlatformHandler()
    odd = scope("/api/v1/me/", [], "GET") | {"query_string": b"q=\xff"}
    talk = ApplicationCommunicator(app, odd)
    await talk.send_input({"type": "http.request"})
    start, body = await talk.receive_output(), await talk.receive_output()
    await talk.wait()
    assert (start["status"], json.loads(body["body"])["code"]) == (400, "invalid")


def test_the_limits_of_masks_and_corrections_are_their_own() -> None:
    assert allowance(scope(f"/api/v1/series/{SOMEWHERE}/draft/", [])).limit == MAX_BODY
    assert allowance(scope(f"/api/v1/series/{SOMEWHERE}/masks/", [])).limit < allowance(scope(UPLOADS, [])).limit


# --- the real web process ---------------------------------------------------------------------------------------------
def request_of(web: str, size: int, path: str = LOG_IN, **headers: str) -> http.client.HTTPConnection:
    """A request whose body has not been sent yet."""
    connection = http.client.HTTPConnection(urlsplit(web).netloc, timeout=20)
    connection.putrequest("POST", path)
    connection.putheader("Content-Length", str(size))
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    return connection


@pytest.mark.slow
def test_the_web_process_refuses_a_huge_request_at_once(web: str) -> None:
    connection = request_of(web, 10**12)
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.slow
def test_a_large_body_waits_on_the_disk_of_the_state_folder(web: str, processes: Processes) -> None:
    token = token_of(factories.user(Role.CLINICIAN))[1].decode()
    connection = request_of(web, 40 * 1024**2, UPLOADS, Authorization=token)
    connection.send(bytes(20 * 1024**2))
    opened = Path(f"/proc/{processes.pid('web')}/fd")
    incoming = str(processes.state_dir / "incoming")
    wait_for(lambda: any(target.startswith(incoming) for target in targets(opened)), "A file in the state folder")
    connection.close()


def targets(folder: Path) -> list[str]:
    found = []
    for link in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(link.readlink()))
    return found
