"""Many at once: 400 requests, and 1,000 WebSockets of which 100 hear of a comment on the case they have open.

A real web process, and clients in processes of their own on the same machine, whose work is in the figures.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections import Counter
from typing import Any

import websockets
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection

from accounts.models import Role, User
from accounts.services import NewPerson, institution_create, password_generate, token_create, user_create
from cases.models import Case, Patient, Series
from spineml.volumes.volume import Geometry
from spineplatform.bench.worklist import BACKEND

REQUESTS, SOCKETS, WATCHERS, ROUNDS = 400, 1_000, 100, 10
AT_ONCE = 50
PATIENCE_SECONDS = 60.0
GRID = Geometry((10, 64, 64), (1.0, 1.0, 1.0))


# --- before -----------------------------------------------------------------------------------------------------------
def prepare() -> dict[str, Any]:
    """A hospital with one person for each WebSocket, and a case of one series."""
    home = institution_create(name="Bench")
    password = password_generate()
    first = user_create(institution=home, person=NewPerson("load-0", password), roles=[Role.CLINICIAN])
    people = [first, *User.objects.bulk_create(_like(first, number) for number in range(1, SOCKETS))]
    membership = first.memberships.get()
    kind = type(membership)
    kind.objects.bulk_create(kind(user=one, institution=home, role=membership.role) for one in people[1:])
    home.people.add(*people[1:])
    patient = Patient.objects.create(institution=home, pseudonym="P1")
    case = Case.objects.create(institution=home, patient=patient, title="CT")
    series = Series.objects.create(
        institution=home, case=case, number=1, source_kind="dicom", geometry_json=GRID.as_json(), volume="none.h5"
    )
    return {
        "token": token_create(user=first).token,
        "sessions": [_session(one) for one in people],
        "institution": str(home.pk),
        "case": str(case.pk),
        "series": str(series.pk),
    }


def _like(user: User, number: int) -> User:
    return User(username=f"load-{number}", password=user.password)


def _session(user: User) -> str:
    store = SessionStore()
    store[SESSION_KEY], store[BACKEND_SESSION_KEY] = str(user.pk), BACKEND
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    return str(store.session_key)


def connections() -> int:
    """How many connections to its database there are, with this one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


# --- 400 requests -----------------------------------------------------------------------------------------------------
def measure(address: str, given: dict[str, Any]) -> dict[str, Any]:
    """All figures of the web process at ``address`` (http://host:port)."""
    host, _, port = address.removeprefix("http://").partition(":")
    figures = asyncio.run(_requests(host, int(port), given["token"]))
    figures["load_connections"] = connections()
    connection.close()
    return figures | asyncio.run(_sockets(address, host, int(port), given))


async def _requests(host: str, port: int, token: str) -> dict[str, Any]:
    opened = [await asyncio.open_connection(host, port) for _ in range(REQUESTS)]
    started = time.perf_counter()
    answers = await asyncio.gather(*(_get(*pair, host, token) for pair in opened))
    seconds = time.perf_counter() - started
    statuses = Counter(status for status, _ in answers)
    without = sum(b"retry-after" not in head.lower() for status, head in answers if status == 503)
    return {
        "load_requests_200": statuses[200],
        "load_requests_503": statuses[503],
        "load_requests_wrong": REQUESTS - statuses[200] - statuses[503] + without,
        "load_requests_s": round(seconds, 2),
    }


async def _get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, token: str) -> tuple[int, bytes]:
    head = f"GET /api/v1/cases/ HTTP/1.1\r\nHost: {host}\r\nAuthorization: Token {token}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    answer = await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
    writer.close()
    return int(answer.split(b" ", 2)[1]), answer.partition(b"\r\n\r\n")[0]


# --- 1,000 WebSockets -------------------------------------------------------------------------------------------------
class Page:
    """One open WebSocket; ``heard`` is when each message came, by how many comments it told of."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.heard: dict[int, float] = {}
        self.first = asyncio.Event()
        self.task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for text in self.socket:
            message = json.loads(text)
            number = sum(message.get("comments", {}).values())
            self.heard.setdefault(number, time.perf_counter())
            self.first.set()


async def _sockets(address: str, host: str, port: int, given: dict[str, Any]) -> dict[str, Any]:
    begun = time.perf_counter()
    gate = asyncio.Semaphore(AT_ONCE)
    paths = [_path(number, given) for number in range(SOCKETS)]
    pages = await asyncio.gather(
        *(_open(gate, address, path, key) for path, key in zip(paths, given["sessions"], strict=True))
    )
    opened = time.perf_counter() - begun
    await asyncio.gather(*(page.first.wait() for page in pages))
    ready = time.perf_counter() - begun
    await asyncio.sleep(5)
    delays: list[float] = []
    for number in range(1, ROUNDS + 1):
        written = time.perf_counter()
        await _comment(host, port, given, number)
        while not all(number in page.heard for page in pages[:WATCHERS]):
            if time.perf_counter() - written > PATIENCE_SECONDS:
                break
            await asyncio.sleep(0.02)
        delays += [page.heard.get(number, written + PATIENCE_SECONDS) - written for page in pages[:WATCHERS]]
        await asyncio.sleep(1.5)
    await asyncio.gather(*(page.socket.close() for page in pages))
    delays.sort()
    return {
        "load_sockets_open_s": round(opened, 1),
        "load_sockets_first_s": round(ready, 1),
        "load_comment_median_s": round(statistics.median(delays), 3),
        "load_comment_p99_s": round(delays[int(0.99 * len(delays)) - 1], 3),
        "load_comment_within_1s": round(sum(delay <= 1 for delay in delays) / len(delays), 4),
    }


def _path(number: int, given: dict[str, Any]) -> str:
    """A hundred have the case open; the others a work list, or any other page."""
    if number < WATCHERS:
        return f"/ws/cases/{given['case']}/presence/"
    return f"/ws/institutions/{given['institution']}/cases/" if number % 2 else "/ws/notices/"


async def _open(gate: asyncio.Semaphore, address: str, path: str, session: str) -> Page:
    async with gate:
        url = address.replace("http", "ws", 1) + path
        headers = {"Cookie": f"sessionid={session}", "Origin": address}
        options: dict[str, Any] = {"open_timeout": PATIENCE_SECONDS, "compression": None}
        socket = await websockets.connect(url, additional_headers=headers, **options)
    return Page(socket)


async def _comment(host: str, port: int, given: dict[str, Any], number: int) -> None:
    body = json.dumps({"text": f"Comment {number}"}).encode()
    reader, writer = await asyncio.open_connection(host, port)
    head = (
        f"POST /api/v1/series/{given['series']}/comments/ HTTP/1.1\r\nHost: {host}\r\n"
        f"Authorization: Token {given['token']}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + body)
    answer = await reader.read()
    writer.close()
    if not answer.startswith(b"HTTP/1.1 201"):
        raise RuntimeError(answer.decode("utf-8", "replace")[:500])
