"""A WebSocket opens for the platform's own pages only."""

import pytest

from spineplatform.websockets import is_allowed

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
