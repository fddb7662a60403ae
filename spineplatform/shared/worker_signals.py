"""A worker that is ready says so in the file its starter named; one that imports has its readers ready by then."""

import contextlib
import os
from pathlib import Path
from typing import Any

from celery.signals import worker_ready

from spineml.isolation.client import ReadersUnavailable
from spineplatform.shared import isolated


@worker_ready.connect
def _notify_ready(sender: Any = None, **kwargs: Any) -> None:
    if "import" in getattr(sender.app.amqp.queues, "consume_from", ()):
        with contextlib.suppress(ReadersUnavailable):  # tried again, and told, by the first import
            isolated.READERS.start()
    if name := os.environ.get("SPINE_READY_FILE"):
        Path(name).touch()
