"""A WebSocket opens for the platform's own pages only."""

import pytest
from asgiref.testing import ApplicationCommunicator

from spineplatform.web.websockets import is_allowed, websockets

ROWS = [
    # origin, host of the request, may connect
    ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
    ("https://LOCALHOST", "localhost", True),
    ("", "127.0.0.1:8000", True),  # no browser
    ("https://trusted.example.org", "127.0.0.1:8000", True),
    ("http://127.0.0.1:9999", "127.0.0.1:8000", False),  # another program on this machine
    ("https://evil.example.org", "127.0.0.1:8000", False),
    ("https://evil.example.org", "evil.example.org", False),  # a host that is not ours (DNS rebinding)
    ("null", "127.0.0.1:8000", False),  # a sandboxed frame
    ("ftp://127.0.0.1:8000", "127.0.0.1:8000", False),
]


@pytest.mark.parametrize(("origin", "host", "allowed"), ROWS)
def test_the_origin_must_be_the_very_host_or_trusted(origin: str, host: str, allowed: bool, settings) -> None:
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://trusted.example.org"]
    assert is_allowed(origin, host) is allowed


@pytest.mark.asyncio
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/ws/nothing/", "/ws/runs/inference/%00/", "/", "/ws/runs/other/1/"])
async def test_an_address_that_leads_nowhere_is_refused_like_one_that_is_not_allowed(path: str) -> None:
    client = ApplicationCommunicator(websockets, {"type": "websocket", "path": path, "headers": []})
    await client.send_input({"type": "websocket.connect"})
    assert (await client.receive_output(5))["type"] == "websocket.close"
