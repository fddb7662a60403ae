"""Start a server process that outlives us, know it again later, and stop it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from spineplatform.embedded.account import Account
from spineplatform.embedded.addresses import read_json, write_private

Say = Callable[[str], None]
SAY_EVERY_SECONDS = 4.0
POLL_SECONDS = 0.05
LOG_LIMIT_BYTES = 10 * 1024**2
# A clean start: variables such as PGDATA or PGPORT of whoever starts us must not reach the server.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

# The servers this process has started. They may outlive the object that started them, and this process.
CHILDREN: list[subprocess.Popen[bytes]] = []


class ServiceFailed(Exception):
    """A service did not start, or stopped at once. The message names it and ends with the last lines of its log."""


@dataclass
class Daemon:
    """One server process in a session of its own (Ctrl-C does not reach it), known by pid and start time.

    ``marker`` is the file that remembers the process; ``log`` receives its output.
    """

    name: str
    marker: Path
    log: Path
    account: Account
    _log_start: int = 0

    def launch(self, command: Sequence[str | Path], folder: Path, environment: Mapping[str, str] = ENVIRONMENT) -> None:
        """Start the process in ``folder`` and remember it."""
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".old.log"))
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            child = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=0o077,
                **self.account.process_options,
            )
        CHILDREN.append(child)
        with contextlib.suppress(psutil.NoSuchProcess):
            created = psutil.Process(child.pid).create_time()
            write_private(self.marker, json.dumps({"pid": child.pid, "created": created}))

    def process(self) -> psutil.Process | None:
        """Return the running process, or None: never started, ended, or its number now belongs to another."""
        values = read_json(self.marker)
        if values is None:
            return None
        try:
            process = psutil.Process(int(values["pid"]))
            same = abs(process.create_time() - float(values["created"])) < 2
        except psutil.NoSuchProcess:
            return None
        return process if same and not is_gone(process) else None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process if it runs."""
        process = self.process()
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def wait_until_gone(self, seconds: float, say: Say) -> bool:
        """Wait for the process to end; return False when it still runs."""
        return wait_for(
            lambda: self.process() is None, seconds, lambda waited: say(f"Stopping {self.name} ({waited} s)")
        )

    def stop(self, signals: Sequence[tuple[signal.Signals, float]], say: Say) -> None:
        """Try the signals in turn, each with the seconds it gets, then kill."""
        for number, seconds in signals:
            self.send(number)
            if self.wait_until_gone(seconds, say):
                break
        else:
            say(f"{self.name} does not stop: killing it")
            self.send(signal.SIGKILL)
            self.wait_until_gone(10, say)
        self.forget()

    def forget(self) -> None:
        """Remove what remembers the process."""
        self.marker.unlink(missing_ok=True)

    def output(self) -> str:
        """Return what the process has written since its launch."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read(200_000).decode(errors="replace")


def collect_ended_children() -> None:
    """Forget the children that have ended; the system then forgets their numbers too."""
    CHILDREN[:] = [child for child in CHILDREN if child.poll() is None]


def is_gone(process: psutil.Process) -> bool:
    """Tell whether the process has ended; one that only waits to be collected by another parent has.

    A child of ours is gone when it could be collected: before, its last threads may still hold a port or a file.
    """
    collect_ended_children()
    if any(child.pid == process.pid for child in CHILDREN):
        return False
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let no further Ctrl-C or request to end interrupt the stopping of what was started."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def wait_for(condition: Callable[[], bool], seconds: float, tell: Callable[[int], None]) -> bool:
    """Wait until the condition holds; call ``tell(seconds waited)`` every few seconds. Return whether it holds."""
    start = time.monotonic()
    told = start
    while not condition():
        now = time.monotonic()
        if now - start > seconds:
            return False
        if now - told > SAY_EVERY_SECONDS:
            tell(round(now - start))
            told = now
        time.sleep(POLL_SECONDS)
    return True


def run_to_end(
    command: Sequence[str | Path],
    account: Account,
    say: Say,
    *,
    folder: Path,
    text: str = "",
    environment: Mapping[str, str] = ENVIRONMENT,
) -> None:
    """Run a short command as the account, with ``text`` as its input, telling every few seconds that it works.

    Raises:
        ServiceFailed: it ended with an error.
    """
    name = Path(command[0]).name
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        umask=0o077,
        **account.process_options,
    )
    started = time.monotonic()
    data: bytes | None = text.encode()
    while True:
        try:
            output, _ = process.communicate(data, timeout=SAY_EVERY_SECONDS)
            break
        except subprocess.TimeoutExpired:
            data = None
            say(f"Preparing the database ({time.monotonic() - started:.0f} s)")
    if process.returncode:
        raise ServiceFailed(f"{name} failed:\n{last_lines(output.decode(errors='replace'))}")


def last_lines(text: str, count: int = 12) -> str:
    """Return the end of a log."""
    return "\n".join(text.strip().splitlines()[-count:])
