"""The forked child: confined first, then one job, told in JSON lines over one socket, and gone.

Lines to whoever waits: ``{"confined"}`` once, ``{"begin", "thread"}`` and ``{"end", "thread"}`` around each file,
``{"alive"}``, ``{"progress": [done, total, text]}``, ``{"part"}`` for what is finished early, ``{"log"}``, and one of
``{"result"}``, ``{"refused"}``, ``{"failed"}``, ``{"storage"}`` at the end.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from spineml.errors import SpineError
from spineml.isolation.confine import confine
from spineml.isolation.folder import OUT
from spineml.isolation.limits import Limits
from spineml.isolation.plain import as_plain
from spineml.readers import reading_progress
from spineml.readers.series import FileNotUsed

ALIVE_EVERY_SECONDS = 0.5
PROGRESS_EVERY_SECONDS = 0.1
BLOCK = 1 << 20
MAX_REQUEST_BYTES = 64 << 20


class Reply(Protocol):
    """What a reader may tell while it works."""

    def progress(self, done: int, total: int, text: str) -> None: ...

    def part(self, value: Any) -> None: ...


Reader = Callable[[Mapping[str, Any], Reply], Any]


def run(job: int, readers: Mapping[str, Reader]) -> None:
    """Do the job that is asked for on the socket ``job``; the caller ends the process."""
    request = json.loads(_line(job))
    limits = Limits(**request["limits"])
    os.chdir(request["folder"])
    tempfile.tempdir = OUT
    account = request["account"]
    confined = confine(limits, tuple(account) if account else None)
    teller = _Teller(job, limits, careful=request["careful"])
    teller.send({"confined": as_plain(vars(confined))})
    signal.signal(signal.SIGALRM, _too_long)
    reading_progress.watch(teller)
    teller.rearm()
    teller.send(_outcome(readers[request["reader"]], request["arguments"], teller))


def _outcome(reader: Reader, arguments: Mapping[str, Any], teller: _Teller) -> dict[str, Any]:
    try:
        return {"result": as_plain(reader(arguments, teller))}
    except SpineError as error:
        return {"refused": {"code": error.code, "message": as_plain(error.message)}}
    except FileNotUsed as error:
        return {"refused": {"code": error.code, "message": as_plain(error.reason)}}
    except reading_progress.FAILURES as error:
        try:
            return {"failed": reading_progress.code_of(error), "detail": places_of(error)}
        except OSError as full:
            return {"storage": full.errno}


def places_of(error: BaseException) -> str:
    """The kind of an error and where it was raised, without its text, which may hold what is in the file."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join([type(error).__name__, *(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-6:]))])


def _line(job: int) -> bytes:
    parts = bytearray()
    while not parts.endswith(b"\n"):
        part = os.read(job, BLOCK)
        if not part or len(parts) > MAX_REQUEST_BYTES:
            raise EOFError
        parts += part
    return bytes(parts)


def _too_long(_number: int, _frame: object) -> None:
    raise reading_progress.TookTooLong


class _Teller:
    """Writes the lines; hears from `spineml.readers.reading_progress` what is read, and ends what takes too long."""

    def __init__(self, job: int, limits: Limits, *, careful: bool) -> None:
        self.careful = careful
        self._job, self._limits = job, limits
        self._lock = threading.Lock()
        self._began: dict[int, float] = {}
        self._told = self._showed = 0.0
        self._shown = ""

    def send(self, values: Mapping[str, Any]) -> None:
        line = memoryview(json.dumps(values).encode() + b"\n")
        with self._lock:
            while line:
                line = line[os.write(self._job, line) :]

    def rearm(self) -> None:
        """Give the file its time again before this process asks it to stop; killing comes later."""
        signal.setitimer(signal.ITIMER_REAL, self._limits.soft_seconds)

    def begin(self, name: str) -> None:
        thread = threading.get_ident()
        self._began[thread] = time.monotonic()
        self.rearm()
        self.send({"begin": name, "thread": thread})

    def end(self) -> None:
        thread = threading.get_ident()
        self._began.pop(thread, None)
        self.rearm()
        self.send({"end": True, "thread": thread})

    def alive(self) -> None:
        now = time.monotonic()
        if now - self._began.get(threading.get_ident(), now) > self._limits.file_seconds:
            raise reading_progress.TookTooLong
        if now - self._told > ALIVE_EVERY_SECONDS:
            self._told = now
            self.rearm()
            self.send({"alive": True})

    def failed(self, name: str, error: BaseException) -> None:
        self.send({"log": places_of(error)})

    def progress(self, done: int, total: int, text: str) -> None:
        """Told as often as somebody could see it: each line wakes the process that waits."""
        self.rearm()
        now = time.monotonic()
        if done >= total or text != self._shown or now - self._showed > PROGRESS_EVERY_SECONDS:
            self._showed, self._shown = now, text
            self.send({"progress": [done, total, as_plain(text)]})

    def part(self, value: Any) -> None:
        self.send({"part": as_plain(value)})
