"""A real uvicorn in this process, so that a test can choose the limits: ``with served(application) as address``."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from spineplatform.web.http_protocol import Connection
from tests.waiting import wait_for


@contextmanager
def served(application: Any, **options: Any) -> Iterator[tuple[str, int]]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        address = listening.getsockname()
        quiet = {"lifespan": "off", "log_config": None, "log_level": "critical"}
        config = uvicorn.Config(application, http=Connection, **quiet, **options)
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        wait_for(lambda: server.started, "The start of the server")
        yield address
        server.should_exit = server.force_exit = True
        thread.join(20)
