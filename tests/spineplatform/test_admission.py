"""However many requests arrive at once, a bounded number is at work, and nobody is answered with a failure."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from asgiref.testing import ApplicationCommunicator
from django.db import connection
from django.http import HttpRequest, HttpResponse

from accounts.models import Role
from accounts.services import token_create
from spineplatform.shared.errors import Busy
from spineplatform.web.admission import Admission, SenderGone
from spineplatform.web.handler import PlatformHandler
from tests import factories
from tests.waiting import PATIENCE_SECONDS


def never() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


# --- lanes ------------------------------------------------------------------------------------------------------------
async def test_a_lane_that_is_given_back_goes_to_whoever_waited_longest() -> None:
    doors = Admission(lanes=1, waiting=2, seconds=5)
    lane = await doors.enter(never)
    first, second = asyncio.create_task(doors.enter(never)), asyncio.create_task(doors.enter(never))
    await asyncio.sleep(0)
    doors.leave(lane)
    assert await first is lane
    assert not second.done()
    doors.leave(lane)
    assert await second is lane


async def test_beyond_the_queue_and_beyond_its_time_the_answer_is_busy() -> None:
    doors = Admission(lanes=1, waiting=1, seconds=0.05)
    lane = await doors.enter(never)
    waiting = asyncio.create_task(doors.enter(never))
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await doors.enter(never)
    with pytest.raises(Busy):
        await waiting
    doors.leave(lane)
    assert await doors.enter(never) is lane


async def test_whoever_goes_away_while_waiting_leaves_the_queue() -> None:
    doors = Admission(lanes=1, waiting=1, seconds=5)
    lane = await doors.enter(never)
    gone = never()
    waiting = asyncio.create_task(doors.enter(lambda: gone))
    await asyncio.sleep(0)
    gone.set_result({"type": "http.disconnect"})
    with pytest.raises(SenderGone):
        await waiting
    doors.leave(lane)
    assert await doors.enter(never) is lane


async def test_a_request_that_is_cancelled_while_waiting_leaves_the_queue() -> None:
    doors = Admission(lanes=1, waiting=1, seconds=5)
    lane = await doors.enter(never)
    waiting = asyncio.create_task(doors.enter(never))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    doors.leave(lane)
    assert await doors.enter(never) is lane


async def test_a_lane_is_free_only_once_its_thread_is() -> None:
    doors = Admission(lanes=1, waiting=1, seconds=5)
    lane = await doors.enter(never)
    hold = threading.Event()
    lane.submit(hold.wait, 5)
    doors.leave(lane)
    waiting = asyncio.create_task(doors.enter(never))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    hold.set()
    assert await waiting is lane


# --- requests ---------------------------------------------------------------------------------------------------------
class Slow(PlatformHandler):
    """Answers with the thread it ran in, after a while."""

    threads: set[str]

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async)
        self.threads = set()

    def get_response(self, request: HttpRequest) -> HttpResponse:
        self.threads.add(threading.current_thread().name)
        time.sleep(0.02)
        return HttpResponse(b"x" * 200_000)


def get(path: str = "/", accept: bytes = b"*/*") -> dict[str, Any]:
    headers = [(b"host", b"localhost"), (b"accept", accept)]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
    return scope | {"client": ("127.0.0.1", 1)}


async def status_of(app: Any, scope: dict[str, Any]) -> tuple[int, dict[bytes, bytes]]:
    talk = ApplicationCommunicator(app, scope)
    await talk.send_input({"type": "http.request"})
    start = await talk.receive_output(timeout=PATIENCE_SECONDS)
    while (await talk.receive_output(timeout=PATIENCE_SECONDS)).get("more_body"):
        pass
    await talk.wait(timeout=PATIENCE_SECONDS)
    return start["status"], dict(start["headers"])


async def test_a_hundred_requests_run_in_four_threads_and_the_rest_is_asked_to_come_again() -> None:
    app = Slow(Admission(lanes=4, waiting=40, seconds=20))
    answers = await asyncio.gather(*(status_of(app, get("/api/v1/me/")) for _ in range(100)))
    statuses = [status for status, _ in answers]
    assert statuses.count(200) == 44
    assert statuses.count(503) == 56
    assert all(int(headers[b"retry-after"]) > 0 for status, headers in answers if status == 503)
    assert len(app.threads) == 4


@pytest.mark.parametrize(("accept", "media"), [(b"text/html", b"text/html"), (b"*/*", b"application/problem+json")])
async def test_who_is_asked_to_come_again_reads_a_page_or_a_problem(accept: bytes, media: bytes) -> None:
    app = Slow(Admission(lanes=0, waiting=0, seconds=1))
    status, headers = await status_of(app, get("/cases/", accept))
    assert (status, headers[b"content-type"].startswith(media)) == (503, True)


async def test_a_client_that_does_not_take_its_answer_holds_no_lane() -> None:
    app = Slow(Admission(lanes=1, waiting=10, seconds=1))
    stuck = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await stuck.wait()
        return {"type": "http.disconnect"}

    async def send(said: dict[str, Any]) -> None:
        await stuck.wait()

    idle = [asyncio.create_task(app(get(), receive, send)) for _ in range(5)]
    await asyncio.sleep(0.3)
    assert (await status_of(app, get()))[0] == 200
    stuck.set()
    await asyncio.gather(*idle)


# --- the real web process ---------------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_four_hundred_requests_at_once_never_fail_and_use_few_connections(web: str) -> None:
    token = token_create(user=factories.user(Role.CLINICIAN)).token
    together = threading.Barrier(400)

    def one(_: int) -> tuple[int, str]:
        client = http.client.HTTPConnection(urlsplit(web).netloc, timeout=60)
        together.wait(60)
        client.request("GET", "/api/v1/cases/", headers={"Authorization": f"Token {token}"})
        answer = client.getresponse()
        text = answer.read()
        client.close()
        assert answer.status == 200 or json.loads(text)["code"] == "busy"
        return answer.status, answer.headers.get("Retry-After", "")

    with ThreadPoolExecutor(400) as threads:
        answers = list(threads.map(one, range(400)))
    assert {status for status, _ in answers} <= {200, 503}
    assert all(after for status, after in answers if status == 503)
    assert sum(status == 200 for status, _ in answers) >= 200
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        assert cursor.fetchone()[0] <= 30
