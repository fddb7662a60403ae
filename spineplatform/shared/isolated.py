"""Reading what people sent, outside of this process (ADR 13): bounded in time, memory, disk and number at once."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from spineml.errors import SpineError
from spineml.isolation import Limits, ReaderFailed, Readers, Refused
from spineml.isolation.client import Job, ReadersUnavailable
from spineplatform.shared import storage
from spineplatform.shared.errors import Busy

READERS = Readers()
atexit.register(READERS.close)


def limits(*, stall_seconds: float | None = None, job_seconds: float | None = None) -> Limits:
    """What the settings allow one reader."""
    return Limits(
        stall_seconds=stall_seconds or settings.READER_STALL_SECONDS,
        file_seconds=settings.READER_FILE_SECONDS,
        job_seconds=job_seconds or settings.READER_UPLOAD_SECONDS,
        memory_bytes=settings.READER_MEMORY_BYTES,
        folder_bytes=settings.READER_FOLDER_BYTES,
    )


@contextmanager
def upload_job() -> Iterator[Job]:
    """For a worker, which has a bound of its own on how many imports it does at once."""
    with storage.work_folder("reading") as root, READERS.job(_inside(root), limits()) as job:
        yield job


@contextmanager
def request_job() -> Iterator[Job]:
    """For a web process, while a person waits.

    Raises:
        Busy: as many as are allowed are being read, and none ended in time.
    """
    slots = _slots()
    if not slots.acquire(timeout=settings.READER_WAIT_SECONDS):
        raise Busy
    try:
        allowed = limits(job_seconds=settings.READER_REQUEST_SECONDS)
        with storage.work_folder("reading") as root, _job(root, allowed) as job:
            yield job
    finally:
        slots.release()


def read_refusing(job: Job, reader: str, arguments: Mapping[str, Any], refusal: type[SpineError]) -> Any:
    """What the reader told; what goes wrong is raised as a ``refusal``, with the code it has.

    Raises:
        SpineError: a ``refusal``.
        OSError: the disk is full or failing.
    """
    try:
        return job.call(reader, arguments)
    except (Refused, ReaderFailed) as error:
        refused = refusal(error.message)
        refused.code = error.code  # type: ignore[misc]  # as the class has it whose instance the reader raised
        raise refused from error


def _job(root: Path, allowed: Limits) -> AbstractContextManager[Job]:
    try:
        READERS.start()
    except ReadersUnavailable as error:
        raise Busy from error
    return READERS.job(_inside(root), allowed)


@cache
def _slots() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(settings.READERS_AT_ONCE)


def _inside(root: Path) -> Path:
    """The lock of a work folder belongs to us; the reader gets a folder in it."""
    folder = root / "job"
    folder.mkdir()
    return folder
