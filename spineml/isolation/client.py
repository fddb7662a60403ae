"""The side that asks: starts the process that forks readers, hands over jobs, and judges how they end."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spineml.isolation.confine import PACKAGE, account_for
from spineml.isolation.folder import JobFolder, Quota
from spineml.isolation.limits import Limits
from spineml.isolation.outcome import ReaderFailed
from spineml.isolation.plain import from_plain
from spineml.message import Message
from spineml.readers import reading_progress

log = logging.getLogger(__name__)
# All that a reader is told about this machine. No addresses, no passwords, no keys.
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "OPENBLAS_CORETYPE", "LD_LIBRARY_PATH")
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
START_SECONDS = 60.0
LOOK_SECONDS = 0.2
END_SECONDS = 10.0
BLOCK = 1 << 16
DEFAULT_LIMITS = Limits()
Progress = Callable[[int, int, Message], None]


class Refused(Exception):
    """The reader refused what was sent: its code and its message."""

    def __init__(self, code: str, message: Message) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class ReadersUnavailable(RuntimeError):
    """The process that forks readers does not start."""


class Readers:
    """Readers of one Python process: one helper process, started when it is first needed and again when it was lost.

    ``module`` names the functions in a dictionary ``READERS``. Safe to use from several threads.
    """

    def __init__(self, module: str = "spineml.reader_process.commands") -> None:
        self._module = module
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._other_account = False
        self._jobs = os.getpid()

    def start(self) -> None:
        """Start the helper if it does not run; afterwards a job takes milliseconds to begin."""
        with self._lock:
            self._ensure()

    def close(self) -> None:
        """End the helper and with it every reader."""
        with self._lock:
            self._forget()

    @contextmanager
    def job(self, root: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[Job]:
        """A job in the empty folder ``root``, which the caller removes."""
        with self._lock:
            self._ensure()
            self._jobs += 1
            account = account_for(self._jobs) if self._other_account else None
        with JobFolder(root, account) as folder:
            yield Job(self, folder, account, limits)

    def fork(self, limits: Limits) -> tuple[socket.socket, socket.socket]:
        """A new child: the socket to talk to it, and the one that tells how it ended and kills it when closed."""
        job, job_there = socket.socketpair()
        watch, watch_there = socket.socketpair()
        packet = json.dumps({"memory_bytes": limits.memory_bytes}).encode()
        try:
            with self._lock:
                for attempt in (1, 2):
                    control = self._ensure()
                    try:
                        socket.send_fds(control, [packet], [job_there.fileno(), watch_there.fileno()])
                        break
                    except OSError:
                        self._forget()
                        if attempt == 2:
                            raise
        except BaseException:
            job.close()
            watch.close()
            raise
        finally:
            job_there.close()
            watch_there.close()
        return job, watch

    def _ensure(self) -> socket.socket:
        if self._control is not None and self._process is not None and self._process.poll() is None:
            return self._control
        self._forget()
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "spineml.isolation.zygote", self._module, str(there.fileno())]
        self._process = subprocess.Popen(
            command,
            cwd=PACKAGE.parent,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[there.fileno()],
            start_new_session=True,
        )
        there.close()
        here.settimeout(START_SECONDS)
        try:
            hello = here.recv(BLOCK)
            self._other_account = bool(json.loads(hello)["account"])
        except (OSError, ValueError) as error:
            here.close()
            raise ReadersUnavailable(ReadersUnavailable.__doc__) from error
        here.settimeout(None)
        self._control = here
        return here

    def _forget(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            self._process = None


def environment() -> dict[str, str]:
    """The variables of a reader: nothing that tells a secret, and one thread for each numeric library."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return kept | dict.fromkeys(ONE_THREAD, "1") | {"PYTHONDONTWRITEBYTECODE": "1"}


class Job:
    """One folder, in which readers may be asked one after the other."""

    def __init__(self, readers: Readers, folder: JobFolder, account: tuple[int, int] | None, limits: Limits) -> None:
        self._readers, self.folder, self._account, self.limits = readers, folder, account, limits
        self.confined: Mapping[str, bool] = {}

    def call(
        self,
        reader: str,
        arguments: Mapping[str, Any],
        *,
        progress: Progress = lambda done, total, text: None,
        part: Callable[[Any], None] = lambda value: None,
        tick: Callable[[], None] = lambda: None,
        careful: bool = False,
    ) -> Any:
        """Run ``reader`` in a new child and return its result as plain data.

        ``progress`` and ``part`` are called with what the reader tells, ``tick`` several times a second; what they
        raise kills the child. ``careful``: one file at a time.

        Raises:
            Refused: by the reader, with its code and message.
            ReaderFailed: a crash, a limit or an unexpected error, with the files that were being read.
            OSError: the disk is full or failing.
        """
        request = {
            "reader": reader,
            "arguments": arguments,
            "limits": self.limits.as_json(),
            "folder": str(self.folder.root.absolute()),
            "account": self._account,
            "careful": careful,
        }
        job, watch = self._readers.fork(self.limits)
        with job, watch:
            talk = _Talk(job, watch, self, progress, part)
            try:
                talk.ask(request)
                return talk.outcome(tick)
            finally:
                talk.end()


class _Talk:
    """The conversation with one child."""

    def __init__(
        self, job: socket.socket, watch: socket.socket, of: Job, progress: Progress, part: Callable[[Any], None]
    ) -> None:
        self._job, self._watch, self._of = job, watch, of
        self._progress, self._part = progress, part
        self._limits = of.limits
        self._quota = Quota(of.folder.root, of.limits.folder_bytes, of.limits.free_bytes)
        self._buffer = bytearray()
        self._received = 0
        self._reading: dict[int, str] = {}
        self._heard = self._began = time.monotonic()
        self._final: dict[str, Any] | None = None
        self._ended: dict[str, Any] | None = None

    def ask(self, request: Mapping[str, Any]) -> None:
        self._job.settimeout(self._limits.stall_seconds)
        with contextlib.suppress(ConnectionError):  # it has ended: the outcome tells why
            self._job.sendall(json.dumps(request).encode() + b"\n")

    def outcome(self, tick: Callable[[], None]) -> Any:
        """What the child told, once it has ended."""
        more = True
        while self._ended is None:
            ready, _, _ = select.select([self._watch, self._job] if more else [self._watch], [], [], LOOK_SECONDS)
            if self._job in ready:
                more = self._receive()
            if self._watch in ready:
                self._ended = json.loads(self._watch.recv(BLOCK) or b"{}")
            tick()
            self._enforce()
        while more:
            more = self._receive()
        return self._judge(self._ended)

    def end(self) -> None:
        """Kill the child if it still runs, and wait: afterwards nobody writes to the folder."""
        if self._ended is None:
            self._watch.settimeout(END_SECONDS)
            with contextlib.suppress(OSError):
                self._watch.shutdown(socket.SHUT_WR)
                self._watch.recv(BLOCK)

    def _receive(self) -> bool:
        try:
            block = self._job.recv(BLOCK)
        except OSError:
            block = b""
        self._received += len(block)
        if self._received > self._limits.reply_bytes:
            raise self._failure(reading_progress.TOO_LARGE)
        self._buffer += block
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = bytearray(rest)
        for line in lines:
            self._heard = time.monotonic()
            self._hear(json.loads(line))
        return bool(block)

    def _hear(self, values: dict[str, Any]) -> None:
        if "begin" in values:
            self._reading[int(values["thread"])] = str(from_plain(values["begin"]))
        elif "end" in values:
            self._reading.pop(int(values["thread"]), None)
        elif "progress" in values:
            done, total, text = from_plain(values["progress"])
            self._progress(int(done), int(total), text)
        elif "part" in values:
            self._part(from_plain(values["part"]))
        elif "confined" in values:
            self._of.confined = values["confined"]
        elif "log" in values:
            log.error("reader_unexpected at=%s", from_plain(values["log"]))
        elif "alive" not in values:
            self._final = values

    def _enforce(self) -> None:
        now = time.monotonic()
        if now - self._heard > self._limits.stall_seconds or now - self._began > self._limits.job_seconds:
            raise self._failure(reading_progress.TIMED_OUT)
        if self._quota.is_exceeded():
            raise self._failure(reading_progress.TOO_LARGE)
        if self._quota.disk_is_full():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _judge(self, ended: Mapping[str, Any]) -> Any:
        final = self._final or {}
        if "result" in final:
            return from_plain(final["result"])
        if "refused" in final:
            refused = from_plain(final["refused"])
            raise Refused(str(refused["code"]), Message.from_json(final["refused"]["message"]))
        if "storage" in final:
            raise OSError(final["storage"], os.strerror(final["storage"]))
        if "failed" in final:
            raise self._failure(str(final["failed"]), str(final.get("detail", "")))
        raise self._failure(_code_of(ended), f"ended={ended}")

    def _failure(self, code: str, detail: str = "") -> ReaderFailed:
        names = tuple(dict.fromkeys(self._reading.values()))
        log.error("reader_failed code=%s files=%s %s", code, len(names), detail)
        return ReaderFailed(code if code in reading_progress.REASONS else reading_progress.CRASHED, names, detail)


def _code_of(ended: Mapping[str, Any]) -> str:
    """Why a child ended that told no result. A kill that was not ours is the system's, which ran out of memory."""
    status = ended.get("status")
    if ended.get("used_too_much") or status == -signal.SIGKILL:
        return reading_progress.OUT_OF_MEMORY
    return reading_progress.TIMED_OUT if status == -signal.SIGXCPU else reading_progress.CRASHED
