"""Wait for what another process or thread does: no longer than it takes, and as long as a busy machine needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from django.db import OperationalError, close_old_connections

T = TypeVar("T")
# Only a test that fails waits so long.
PATIENCE_SECONDS = 180.0
PATIENCE_MS = 60_000  # of the browser, for one thing to appear
PAUSE_SECONDS = 0.05


def wait_for(condition: Callable[[], T], what: str, *, page: Any = None) -> T:
    """Return what ``condition`` answers, once that is true; the database may be away for a moment.

    Args:
        what: what is waited for, for the message of the test that fails.
        page: one of Playwright's, whose scripts and events go on meanwhile.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            if answer := condition():
                return answer
        except OperationalError:
            close_old_connections()
        if page is None:
            time.sleep(PAUSE_SECONDS)
        else:
            page.wait_for_timeout(PAUSE_SECONDS * 1000)
    pytest.fail(f"{what} did not happen within {PATIENCE_SECONDS:.0f} s")
