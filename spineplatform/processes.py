"""The platform's own processes on one machine: web, workers, beat. Shared by ``make run``, ``make demo`` and the tests.

Each is a child in a session of its own, with its log in the state folder. Whoever starts them stops them.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import http.client
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Self

from spineplatform.embedded import EmbeddedServices, ServiceFailed, read_addresses
from spineplatform.embedded.account import NoAccount, ourselves
from spineplatform.embedded.addresses import HOST, free_port, is_free
from spineplatform.embedded.daemon import Daemon, Say, last_lines, run_to_end, undisturbed, wait_for
from spineplatform.embedded.programs import ProgramsMissing
from spineplatform.state_folder import PROJECT, ensure_state_dir, state_dir
from spineplatform.supervision import Guard, ServiceKeeper, Started, launch

logger = logging.getLogger(__name__)
# How many runs a worker of each queue does at once. A training takes all of the processor or of its GPU.
QUEUES = {"import": 2, "inference": 2, "training": 1, "sweep": 1}
READY_SECONDS = 120.0
# Time limits for headers and answers; nobody sends much by a WebSocket; and no proxy is trusted that is not named.
TRUSTED_PROXIES = os.environ.get("FORWARDED_ALLOW_IPS", "")
WEB_OPTIONS = ("--http", "spineplatform.web.http_protocol:Connection", "--ws-max-size", "65536")
WATCH_SECONDS = 1.0
# A worker finishes its task on the first signal and drops it on the second; another worker then takes over its run.
STOP_SIGNALS = ((signal.SIGTERM, 10.0), (signal.SIGQUIT, 5.0))


class AlreadyRunning(Exception):
    """The platform already runs from this state folder. Stop it first, or set SPINE_STATE_DIR to another folder."""


class Processes:
    """The child processes of one state folder. As a context manager it stops them all at the end.

    ``environment`` is added to ours for every child (addresses of the services, settings). ``say`` receives lines for
    whoever waits.
    """

    def __init__(
        self, state_dir: Path, *, environment: Mapping[str, str] | None = None, say: Say = logger.info
    ) -> None:
        ensure_state_dir(state_dir)
        self.state_dir = state_dir.resolve()
        self.say = say
        own = {"SPINE_STATE_DIR": str(self.state_dir), "PYTHONUNBUFFERED": "1"}
        self._environment = {**os.environ, **own, **(environment or {})}
        self.web_address = ""
        self._started: dict[str, Started] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with undisturbed():
            self.stop()

    # --- starting -----------------------------------------------------------------------------------------------------
    def start_web(self, port: int = 0, name: str = "web") -> str:
        """Start a web process and return its address; call ``wait_until_ready`` before using it."""
        chosen = port if port and is_free(port) else free_port()
        if port and chosen != port:
            self.say(f"Port {port} is taken: the pages are at port {chosen}")
        options = ["--host", HOST, "--port", str(chosen), "--lifespan", "off", "--no-access-log", *WEB_OPTIONS]
        options += ["--forwarded-allow-ips", TRUSTED_PROXIES]
        module = ["uvicorn", "spineplatform.asgi:application", *options, "--timeout-graceful-shutdown", "5"]
        self._start(name, module, lambda: answers_http(chosen))
        self.web_address = f"http://{HOST}:{chosen}"
        return self.web_address

    def start_worker(self, queue: str, *, name: str = "") -> str:
        """Start a worker for one queue and return the process's name."""
        name = name or f"worker-{queue}"
        ready_file = self.state_dir / "run" / f"{name}.ready"
        ready_file.unlink(missing_ok=True)
        node = ["-n", f"{name}-{os.getpid()}@%h"]
        pool = ["-Q", queue, "-P", "threads", "-c", str(QUEUES[queue]), "--without-gossip", "--without-mingle"]
        module = ["celery", "-A", "spineplatform", "worker", *pool, *node, "--loglevel", "INFO"]
        self._start(name, module, ready_file.exists, {"SPINE_READY_FILE": str(ready_file)})
        return name

    def start_beat(self) -> str:
        """Start the clock that lets the sweeper look for lost runs."""
        schedule = str(self.state_dir / "run" / "beat-schedule")
        self._start("beat", ["celery", "-A", "spineplatform", "beat", "--pidfile", "", "-s", schedule], lambda: True)
        return "beat"

    def _start(
        self, name: str, module: Sequence[str], is_ready: Callable[[], bool], extra: Mapping[str, str] | None = None
    ) -> None:
        marker = self.state_dir / "run" / f"{name}.pid"
        daemon = Daemon(name, marker, self.state_dir / "logs" / f"{name}.log", ourselves())
        if daemon.process() is not None:
            self.say(f"Stopping a {name} process left over from before")
            daemon.stop(STOP_SIGNALS, self.say)
        started = Started(daemon, [sys.executable, "-m", *module], {**self._environment, **(extra or {})}, is_ready)
        self._started[name] = started
        launch(started)

    # --- waiting ------------------------------------------------------------------------------------------------------
    def wait_until_ready(self, *names: str, seconds: float = READY_SECONDS) -> None:
        """Wait until the named processes (all, when none is named) can do their work.

        Raises:
            ServiceFailed: one ended or is not ready in time; the message ends with its log.
        """
        for name in names or tuple(self._started):
            started = self._started[name]
            ready = wait_for(
                lambda one=started: one.daemon.process() is None or one.is_ready(),  # type: ignore[misc]
                seconds,
                lambda waited, one=name: self.say(f"Waiting for {one} ({waited} s)"),  # type: ignore[misc]
            )
            if not ready or started.daemon.process() is None:
                log = last_lines(started.daemon.output(), 30)
                raise ServiceFailed(f"{name} {'did not start' if ready else 'is not ready in time'}:\n{log}")

    def runs(self, name: str) -> bool:
        """Tell whether this process was started and has not ended."""
        return name in self._started and self.pid(name) is not None

    def pid(self, name: str) -> int | None:
        """Return the process number, or None when it does not run."""
        process = self._started[name].daemon.process()
        return process.pid if process else None

    def output(self, name: str) -> str:
        """Return what the process has written since its start."""
        return self._started[name].daemon.output()

    def watch(self) -> None:
        """Stay until interrupted; start again what ended by itself, however often, and our own services as well.

        One process that cannot run takes no other with it: whoever watches is told, each time it is tried again.
        """
        guards = [Guard(name, started, self.say) for name, started in self._started.items()]
        keepers: list[Guard | ServiceKeeper] = []
        if not services_are_given():
            keepers.append(ServiceKeeper(EmbeddedServices(self.state_dir, say=self.say), self.say))
        while True:
            time.sleep(WATCH_SECONDS)
            for keeper in (*keepers, *guards):
                keeper.look()

    # --- stopping -----------------------------------------------------------------------------------------------------
    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to one process and wait until it is gone: for tests of faults."""
        daemon = self._started[name].daemon
        daemon.send(number)
        if not daemon.wait_until_gone(30, self.say):
            raise ServiceFailed(f"{name} did not react to {number.name}.")

    def stop(self, *names: str) -> None:
        """Stop the named processes (all, when none is named), at the same time, and wait until they are gone."""
        chosen = [self._started.pop(name).daemon for name in names or tuple(self._started)]
        first, seconds = STOP_SIGNALS[0]
        for daemon in chosen:
            daemon.send(first)
        for daemon in chosen:
            if daemon.wait_until_gone(seconds, self.say):
                daemon.forget()
            else:
                daemon.stop(STOP_SIGNALS[1:], self.say)


def answers_http(port: int) -> bool:
    """Tell whether a web server answers, whatever it says."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("HEAD", "/accounts/login/")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


@contextlib.contextmanager
def alone(state_dir: Path) -> Iterator[None]:
    """Hold the state folder for one running platform.

    Raises:
        AlreadyRunning: another one holds it.
    """
    ensure_state_dir(state_dir)
    with (state_dir / ".running.lock").open("a") as lock:
        take(lock)
        yield


def take(lock: IO[str]) -> None:
    """Lock the file or say who cannot."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AlreadyRunning(AlreadyRunning.__doc__) from None


@contextlib.contextmanager
def running_services(state_dir: Path, say: Say) -> Iterator[dict[str, str]]:
    """Yield the environment with the services' addresses: those given, else the embedded ones, stopped at the end."""
    if services_are_given():
        yield {}
        return
    with EmbeddedServices(state_dir, say=say) as services:
        yield services.start().environment()


def services_are_given() -> bool:
    """Whether PostgreSQL and Valkey are somebody else's."""
    return bool(os.environ.get("DATABASE_URL") and os.environ.get("VALKEY_URL"))


def migrate(environment: Mapping[str, str], say: Say) -> None:
    """Bring the database to the current schema."""
    say("Bringing the database up to date")
    command = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"]
    run_to_end(command, ourselves(), say, folder=PROJECT, environment={**os.environ, **environment})


# --- the command line -------------------------------------------------------------------------------------------------
def main(arguments: list[str] | None = None) -> int:
    """Run the platform, or more workers for it, until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m spineplatform.processes", description=__doc__)
    parser.add_argument("what", choices=["run", "worker"])
    parser.add_argument("--port", type=int, default=int(os.environ.get("SPINE_PORT", "8000")))
    options = parser.parse_args(arguments)
    folder = state_dir()
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt)  # also where a background shell had it ignored
    try:
        run_platform(folder, options.port) if options.what == "run" else run_workers(folder)
    except KeyboardInterrupt:
        tell("Stopped.")
    except (AlreadyRunning, NoAccount, ProgramsMissing, ServiceFailed) as error:
        tell(str(error))
        return 1
    return 0


def run_platform(state_dir: Path, port: int) -> None:
    """Start everything and stay until interrupted."""
    with alone(state_dir), running_services(state_dir, tell) as addresses:
        migrate(addresses, tell)
        with Processes(state_dir, environment=addresses, say=tell) as processes:
            url = processes.start_web(port)
            for queue in QUEUES:
                processes.start_worker(queue)
            processes.start_beat()
            processes.wait_until_ready()
            tell(f"The platform runs: {url}  (Ctrl-C stops it; logs: {state_dir / 'logs'})")
            processes.watch()


def run_workers(state_dir: Path) -> None:
    """Add one worker per queue to a platform that runs here or elsewhere, and stay until interrupted."""
    known = None if services_are_given() else read_addresses(state_dir)
    with Processes(state_dir, environment=known.environment() if known else {}, say=tell) as processes:
        for queue in QUEUES:
            processes.start_worker(queue, name=f"worker-{queue}-{os.getpid()}")
        processes.wait_until_ready()
        tell("The workers are ready (Ctrl-C stops them).")
        processes.watch()


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Treat a request to end like Ctrl-C, so that everything started is stopped."""
    raise KeyboardInterrupt


def tell(line: str) -> None:
    """Write one line to the person at the terminal at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
