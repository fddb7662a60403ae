"""Whose session opens a WebSocket is known before it opens; without a database the handshake is answered 503."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.db import OperationalError
from django.test import Client

from accounts.models import Role
from spineplatform.web import websockets
from spineplatform.web.websockets import Known
from tests import factories
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)


async def says_who(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await send({"type": "websocket.close", "reason": f"{scope['user'].pk} {scope['session'].session_key}"})


async def first_answer(cookie: bytes, **more: Any) -> dict[str, Any]:
    scope = {"type": "websocket", "path": "/ws/notices/", "headers": [(b"cookie", cookie)], **more}
    talk = ApplicationCommunicator(Known(says_who), scope)
    answer: dict[str, Any] = await talk.receive_output(timeout=PATIENCE_SECONDS)
    return answer


def test_the_session_of_the_cookie_says_who_opens_it() -> None:
    user = factories.user(Role.CLINICIAN)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    key = client.cookies["sessionid"].value
    assert async_to_sync(first_answer)(f"sessionid={key}".encode())["reason"] == f"{user.pk} {key}"


@pytest.mark.parametrize("cookie", [b"", b"sessionid=nothing", b'sessionid="\\000"', b"\xff\xfe=\xff", b";;;=;"])
async def test_a_cookie_that_is_no_session_is_nobodys(cookie: bytes) -> None:
    assert (await first_answer(cookie))["reason"].startswith("None")


async def test_without_a_database_the_handshake_is_answered_503(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(key: str) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(websockets, "session_and_user", away)
    answer = await first_answer(b"", extensions={"websocket.http.response": {}})
    assert (answer["type"], answer["status"]) == ("websocket.http.response.start", 503)
    assert int(dict(answer["headers"])[b"retry-after"]) > 0
    assert (await first_answer(b""))["type"] == "websocket.close"
