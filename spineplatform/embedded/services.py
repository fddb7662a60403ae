"""Start, find again and stop PostgreSQL and Valkey as one."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from spineplatform.embedded.account import Account, choose_account, ourselves
from spineplatform.embedded.addresses import (
    Addresses,
    Placement,
    Secrets,
    addresses_of,
    free_port,
    is_free,
    new_secrets,
    read_placement,
    read_secrets,
    write_placement,
)
from spineplatform.embedded.daemon import Daemon, Say, ServiceFailed, last_lines, undisturbed, wait_for
from spineplatform.embedded.postgres import Postgres
from spineplatform.embedded.programs import locate
from spineplatform.embedded.valkey import Valkey
from spineplatform.state_folder import ensure_state_dir

logger = logging.getLogger(__name__)
NAMES = ("postgres", "valkey")
START_SECONDS = 120.0  # recovery after a crash reads what was written last
RETRY_SECONDS = 10.0
PORT_ATTEMPTS = 5
PORT_SECONDS = 10.0
SHARED_FOLDER = Path("/var/lib/spine-platform")


@dataclass(frozen=True)
class ServiceStatus:
    """One service as it is now. ``answers`` is the result of a real log-in."""

    name: str
    pid: int | None
    port: int | None
    answers: bool


class EmbeddedServices:
    """The services of one state folder. Starting again returns the same addresses; stopping twice is no error.

    ``durable=False`` switches off the writing through to disk: for tests. ``say`` receives lines for whoever waits.
    """

    def __init__(self, state_dir: Path, *, durable: bool = True, say: Say = logger.info) -> None:
        self.state_dir = state_dir.resolve()
        self.durable = durable
        self.say = say
        self._daemons: dict[str, Daemon] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with undisturbed():
            self.stop()

    def start(self, only: Sequence[str] = NAMES) -> Addresses:
        """Start what does not run yet, wait until it answers, and return the addresses.

        Raises:
            ServiceFailed: a server does not start; the message ends with its log.
            NoAccount: run as root where no other account can be used.
            ProgramsMissing: the wheels are not installed for this machine.
        """
        with self._alone():
            account = choose_account()
            placement, passwords = self._reserve(account)
            for service in self._services(account, placement, passwords, only):
                placement = self._ensure_running(service, placement)
            return addresses_of(placement, passwords)

    def reserve(self) -> Addresses:
        """Choose ports and passwords and return the addresses the services will have, without starting them."""
        with self._alone():
            return addresses_of(*self._reserve(choose_account()))

    def ended(self) -> list[str]:
        """The services that should run, since they have been started and not stopped, but have ended by themselves."""
        return [name for name in NAMES if self._marked(name) and self._found(name).process() is None]

    def start_again(self) -> None:
        """Start what has ended, at the port it had, which others know, and with the data it had.

        Raises:
            ServiceFailed: it does not start, or another program has taken its port.
            NoAccount, ProgramsMissing: as `start`.
        """
        with self._alone():
            account = choose_account()
            placement, passwords = self._reserve(account)
            for service in self._services(
                account, placement, passwords, self.ended()
            ):  # who stopped them held the lock
                placement = self._ensure_running(service, placement, keep_port=True)

    def _marked(self, name: str) -> bool:
        return (self.state_dir / f"{name}.pid").exists()

    def _found(self, name: str) -> Daemon:
        """To look whether it runs, for which no account is needed."""
        return Daemon(name, self.state_dir / f"{name}.pid", self.state_dir / "logs" / f"{name}.log", ourselves())

    def stop(self, only: Sequence[str] = NAMES) -> None:
        """Stop the services and wait until they are gone."""
        with self._alone():
            for service in self._known_services(only):
                if service.daemon.process() is not None:
                    self.say(f"Stopping {service.name}")
                    service.daemon.stop(service.stop_signals, self.say)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a service's main process and wait until it is gone: what a crash looks like, for tests."""
        for service in self._known_services([name]):
            service.daemon.send(number)
            if not service.daemon.wait_until_gone(10, self.say):
                raise ServiceFailed(f"{service.name} did not react to {number.name}.")

    def status(self) -> list[ServiceStatus]:
        """Return how each service is, by pid and by logging in."""
        placement = read_placement(self.state_dir)
        if placement is None:
            return [ServiceStatus(name, None, None, answers=False) for name in NAMES]
        statuses = []
        for name, service in zip(NAMES, self._known_services(NAMES), strict=True):
            process, port = service.daemon.process(), port_of(service, placement)
            answers = process is not None and service.answers(port)
            statuses.append(ServiceStatus(name, process.pid if process else None, port, answers))
        return statuses

    # --- the steps ----------------------------------------------------------------------------------------------------
    def _reserve(self, account: Account) -> tuple[Placement, Secrets]:
        """Return ports, data folder and passwords, made where they are missing."""
        placement = read_placement(self.state_dir)
        if placement is None or not is_home(Path(placement.data_dir), account):
            home = choose_home(self.state_dir, account, self.say)
            old = placement or Placement(free_port(), free_port(), "")
            placement = replace(old, data_dir=str(home))
            write_placement(self.state_dir, placement)
        return placement, read_secrets(self.state_dir) or new_secrets(self.state_dir)

    def _known_services(self, only: Sequence[str]) -> list[Postgres | Valkey]:
        placement, passwords = read_placement(self.state_dir), read_secrets(self.state_dir)
        if placement is None or passwords is None:
            return []
        return self._services(choose_account(), placement, passwords, only)

    def _services(
        self, account: Account, placement: Placement, passwords: Secrets, only: Sequence[str]
    ) -> list[Postgres | Valkey]:
        home = Path(placement.data_dir)
        programs = locate(account, home / "programs", self.say)
        postgres = Postgres(
            folder=home / "postgres",
            programs=programs,
            account=account,
            passwords=passwords,
            durable=self.durable,
            daemon=self._daemon("postgres", account),
        )
        valkey = Valkey(home / "valkey", programs, account, passwords, self._daemon("valkey", account))
        both: dict[str, Postgres | Valkey] = {"postgres": postgres, "valkey": valkey}
        return [service for name, service in both.items() if name in only]

    def _daemon(self, name: str, account: Account) -> Daemon:
        log = self.state_dir / "logs" / f"{name}.log"
        return self._daemons.setdefault(name, Daemon(name, self.state_dir / f"{name}.pid", log, account))

    def _ensure_running(
        self, service: Postgres | Valkey, placement: Placement, *, keep_port: bool = False
    ) -> Placement:
        """Leave a service that answers alone; replace one that does not; return the placement with the port it has."""
        port = port_of(service, placement)
        if service.daemon.process() is not None:
            if wait_for(lambda: service.answers(port), RETRY_SECONDS, lambda _: None):
                return placement
            self.say(f"{service.name} runs but does not answer: restarting it")
            service.daemon.stop(service.stop_signals, self.say)
        service.prepare(self.say)
        if not (wait_for(lambda: is_free(port), PORT_SECONDS, lambda _: None) if keep_port else is_free(port)):
            if keep_port:
                raise ServiceFailed(f"Another program has taken port {port} of {service.name}.")
            port = free_port()
        self.say(f"Starting {service.name}")
        port = launch(service, port, self.say, keep_port=keep_port)
        placement = with_port(service, placement, port)
        write_placement(self.state_dir, placement)
        return placement

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the state folder's lock, so that two starters do not race."""
        ensure_state_dir(self.state_dir)
        with (self.state_dir / ".services.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def port_of(service: Postgres | Valkey, placement: Placement) -> int:
    """Return the service's port."""
    return placement.postgres_port if isinstance(service, Postgres) else placement.valkey_port


def with_port(service: Postgres | Valkey, placement: Placement, port: int) -> Placement:
    """Return the placement with the service's port changed."""
    if isinstance(service, Postgres):
        return replace(placement, postgres_port=port)
    return replace(placement, valkey_port=port)


def launch(service: Postgres | Valkey, port: int, say: Say, *, keep_port: bool = False) -> int:
    """Launch until it answers; return its port. Tries again after a crash's remains and when the port was just taken.

    ``keep_port``: no other port is tried.

    Raises:
        ServiceFailed: with the end of the service's log.
    """
    give_up_retrying, ports_tried = time.monotonic() + RETRY_SECONDS, 1
    while True:
        service.daemon.launch(service.command(port), service.folder)
        if wait_until_ready(service, port, say):
            return port
        output = service.daemon.output()
        if has_any(output, service.retry_marks) and time.monotonic() < give_up_retrying:
            say(f"{service.name} waits for the remains of a crash to go away")
            time.sleep(0.5)
        elif not keep_port and has_any(output, service.port_taken_marks) and ports_tried < PORT_ATTEMPTS:
            port, ports_tried = free_port(), ports_tried + 1
        else:
            raise ServiceFailed(f"{service.name} did not start. The end of its log:\n{last_lines(output)}")


def has_any(text: str, marks: Sequence[str]) -> bool:
    """Tell whether one of the marks stands in the text."""
    return any(mark in text for mark in marks)


def wait_until_ready(service: Postgres | Valkey, port: int, say: Say) -> bool:
    """Wait until the service answers; return False when it ended or took too long (it is then stopped)."""
    ended = False

    def settled() -> bool:
        nonlocal ended
        ended = service.daemon.process() is None
        return ended or service.answers(port)

    in_time = wait_for(settled, START_SECONDS, lambda waited: say(f"Waiting for {service.name} ({waited} s)"))
    if not in_time:
        service.daemon.stop(service.stop_signals, say)
    return in_time and not ended


# --- where the data lies ----------------------------------------------------------------------------------------------
def choose_home(state_dir: Path, account: Account, say: Say) -> Path:
    """Return a new or existing data folder that the account can reach: in the state folder wherever possible."""
    wanted = state_dir / "services"
    if make_home(wanted, account):
        return wanted
    shared = SHARED_FOLDER / hashlib.sha256(str(state_dir).encode()).hexdigest()[:16]
    chosen = shared if make_home(shared, account) else Path(tempfile.mkdtemp(prefix="spine-platform-"))
    if chosen != shared:
        account.own(chosen)
    say(f"The account {account.name} cannot reach {wanted}: the data of PostgreSQL lies in {chosen}")
    return chosen


def make_home(folder: Path, account: Account) -> bool:
    """Make the data folder for the account; return whether the account can work in it."""
    try:
        if not folder.parent.exists():
            folder.parent.mkdir(parents=True)
            folder.parent.chmod(0o711)
        folder.mkdir(mode=0o700, exist_ok=True)
        account.own(folder)
    except PermissionError:
        return False
    return is_home(folder, account)


def is_home(folder: Path, account: Account) -> bool:
    """Tell whether the folder is there and the account can write and pass through it."""
    return folder.is_dir() and account.can("-w", folder) and account.can("-x", folder)
