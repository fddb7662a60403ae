"""Which file is being read, told to whoever watches: a crash, a hang or an error is then that file's alone.

Readers call `begin` before they touch a file and `alive` while they work on a long one. In a reader process
(`spineml.isolation`) these reach the process that waits for it; elsewhere nobody watches, and they do nothing.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from spineml.message import Message, message
from spineml.readers.series import FileOutcome

CRASHED = "reader-crashed"
TIMED_OUT = "reader-timed-out"
OUT_OF_MEMORY = "reader-out-of-memory"
TOO_LARGE = "reader-too-large"
UNEXPECTED = "unexpected"
FILE_ATTRIBUTE = "file_read"

REASONS: dict[str, Message] = {
    CRASHED: message("The file crashed the file reader. It is probably damaged: export it again."),
    TIMED_OUT: message("Reading the file took too long and was stopped. Export it again, or send a smaller part."),
    OUT_OF_MEMORY: message("Reading the file needs more memory than is allowed. Send a smaller part of it."),
    TOO_LARGE: message("Reading the file would fill more disk space than is allowed. Send a smaller part of it."),
    UNEXPECTED: message("The file could not be read because of an error, which was logged. Export it again."),
}


class TookTooLong(BaseException):
    """The time for one file is over. No ``Exception``, so that no reader takes it for damage and goes on."""


# What reading one file may end in without ending the reading of the others.
FAILURES = (Exception, TookTooLong)


class Watcher(Protocol):
    """Hears which file each thread reads; ``careful`` asks for one file at a time."""

    careful: bool

    def begin(self, name: str) -> None: ...

    def end(self) -> None: ...

    def alive(self) -> None: ...

    def failed(self, name: str, error: BaseException) -> None: ...


_watcher: Watcher | None = None
_reading = threading.local()


def watch(watcher: Watcher | None) -> None:
    """Let ``watcher`` hear of all reading in this process; None ends that."""
    global _watcher  # noqa: PLW0603 - one watcher for the process, as a signal handler
    _watcher = watcher


def begin(name: str) -> None:
    """The calling thread is about to touch the file ``name``, and no longer the one before."""
    _reading.name = name
    if _watcher is not None:
        _watcher.begin(name)


def end() -> None:
    """The calling thread reads no file."""
    _reading.name = None
    if _watcher is not None:
        _watcher.end()


@contextmanager
def reading(name: str) -> Iterator[None]:
    """`begin`, and back to what was read before."""
    before = current()
    begin(name)
    try:
        yield
    except BaseException as error:
        if not hasattr(error, FILE_ATTRIBUTE):
            setattr(error, FILE_ATTRIBUTE, name)
        raise
    finally:
        if before is None:
            end()
        else:
            begin(before)


def current() -> str | None:
    """The file that the calling thread reads."""
    return getattr(_reading, "name", None)


def blamed(error: BaseException) -> str | None:
    """The file that was read when ``error`` was raised, in whichever thread; for use by the thread that caught it."""
    found: str | None = getattr(error, FILE_ATTRIBUTE, None)
    return found or current()


def alive() -> None:
    """Work on the file goes on. Cheap enough for every block of a megabyte.

    Raises:
        TookTooLong: enough time was spent on this one file.
    """
    if _watcher is not None:
        _watcher.alive()


def threads(wanted: int) -> int:
    """How many files may be decoded at once: one while a crash is being traced to its file."""
    return 1 if _watcher is not None and _watcher.careful else wanted


def failure(name: str, error: BaseException) -> FileOutcome:
    """The verdict on a file whose reader failed with ``error``, which no reader expected.

    Raises:
        OSError: the disk is full or failing, which is no fault of the file.
    """
    code = code_of(error)
    if _watcher is not None and code == UNEXPECTED:
        _watcher.failed(name, error)
    return FileOutcome(name, "rejected", code, REASONS[code])


def code_of(error: BaseException) -> str:
    """Which of the codes above ``error`` means.

    Raises:
        OSError: the disk is full or failing.
    """
    if isinstance(error, TookTooLong):
        return TIMED_OUT
    if isinstance(error, MemoryError):
        return OUT_OF_MEMORY
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return TOO_LARGE
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS):
        raise error
    return UNEXPECTED
