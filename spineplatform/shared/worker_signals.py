"""A worker that is ready says so in the file its starter named."""

import os
from pathlib import Path
from typing import Any

from celery.signals import worker_ready


@worker_ready.connect
def _tell_ready(**kwargs: Any) -> None:
    if name := os.environ.get("SPINE_READY_FILE"):
        Path(name).touch()
