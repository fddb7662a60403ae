"""Choose the addresses of the tests' own PostgreSQL and Valkey before Django reads its settings.

Nothing is started here: the ``services`` fixture does that when the first selected test needs it. With ``DATABASE_URL``
and ``VALKEY_URL`` in the environment those servers are used instead. Everything a test run writes lies in one temporary
state folder, which is removed at the end.

Side by side (``pytest -n 2``) each process has servers, ports, a state folder, Celery workers and a browser of its own;
its folder lies in that of the process that started it, which cleans up after one that was killed.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from spineplatform.embedded import Addresses, EmbeddedServices
from spineplatform.embedded.account import NoAccount, ourselves
from spineplatform.embedded.daemon import Daemon
from spineplatform.processes import STOP_SIGNALS, interrupt

KEPT_SETTINGS = {"SPINE_VENV", "SPINE_KEEP_TEST_STATE"}
GIBIBYTE = 1024**3
# What a process takes with its Celery workers, its servers and its browser.
MEMORY_EACH = 4 * GIBIBYTE
MOST_PROCESSES = 8
# What the process that started us found in the environment; its own addresses stand there by now.
GIVEN_DATABASE, GIVEN_VALKEY = "SPINE_TESTS_GIVEN_DATABASE", "SPINE_TESTS_GIVEN_VALKEY"
STATE_DIR = "SPINE_STATE_DIR"


class TestServices:
    """The services of one process of tests: the addresses at once, the servers on demand."""

    __test__ = False

    def __init__(self, state_dir: Path, database_url: str, valkey_url: str) -> None:
        self.state_dir = state_dir
        self.is_embedded = not (database_url and valkey_url)
        self.embedded = EmbeddedServices(state_dir, durable=False, say=keep_quiet)
        self.embedded_choice = self.embedded.reserve()
        self.addresses = Addresses(
            database_url=database_url or self.embedded_choice.database_url,
            valkey_url=valkey_url or self.embedded_choice.valkey_url,
        )
        self._held = held_ports(self.embedded_choice) if self.is_embedded else []

    def start(self) -> None:
        """Start PostgreSQL and Valkey at the addresses that the settings already hold."""
        self._release()
        if self.is_embedded and self.embedded.start() != self.embedded_choice:
            pytest.exit("Another program took a port that the tests had chosen. Run them again.", returncode=3)

    def stop(self) -> None:
        """Stop what was started, also by processes beside us that were killed, and remove every file of this run."""
        self._release()
        for folder in (*sorted(self.state_dir.glob("gw*")), self.state_dir):
            for marker in folder.glob("run/*.pid"):
                Daemon(marker.stem, marker, marker.with_suffix(".log"), ourselves()).stop(STOP_SIGNALS, keep_quiet)
            if self.is_embedded and folder.exists():
                EmbeddedServices(folder, durable=False, say=keep_quiet).stop()
        if not os.environ.get("SPINE_KEEP_TEST_STATE"):
            shutil.rmtree(self.state_dir, ignore_errors=True)

    def _release(self) -> None:
        for one in self._held:
            one.close()
        self._held.clear()


def held_ports(addresses: Addresses) -> list[socket.socket]:
    """Hold the chosen ports until the servers start: other tests look for free ports at the same time."""
    held = []
    for url in (addresses.database_url, addresses.valkey_url):
        parts = urlsplit(url)
        one = socket.socket()
        one.bind((parts.hostname, parts.port))
        held.append(one)
    return held


def keep_quiet(_line: str) -> None:
    """Say nothing: the last line of a test run belongs to the test runner."""


SERVICES = pytest.StashKey[TestServices]()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Set the environment that ``spineplatform.settings`` reads; pytest-django loads it in this same hook."""
    beside = os.environ.get("PYTEST_XDIST_WORKER", "")
    given = given_to_worker(beside) if beside else given_from_outside()
    for name in [name for name in os.environ if name.startswith("SPINE_") and name not in KEPT_SETTINGS]:
        del os.environ[name]
    try:
        services = TestServices(*given)
    except NoAccount as error:
        pytest.exit(str(error), returncode=3)
    early_config.stash[SERVICES] = services
    signal.signal(signal.SIGTERM, interrupt)  # a time limit from outside leaves no process behind either
    _, database_url, valkey_url = given
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "spineplatform.settings",
        "DATABASE_URL": services.addresses.database_url,
        "VALKEY_URL": services.addresses.valkey_url,
        STATE_DIR: str(services.state_dir),
        "SPINE_SECRET_KEY": secrets.token_urlsafe(60),
        GIVEN_DATABASE: database_url,
        GIVEN_VALKEY: valkey_url,
    }


def given_from_outside() -> tuple[Path, str, str]:
    """Make the state folder of this run; return it and the addresses of servers that are there already, if any."""
    state_dir = Path(tempfile.mkdtemp(prefix="spine-tests-"))
    state_dir.chmod(0o711)  # as root the services run as another account
    return state_dir, os.environ.get("DATABASE_URL", ""), os.environ.get("VALKEY_URL", "")


def given_to_worker(name: str) -> tuple[Path, str, str]:
    """As ``given_from_outside`` for one of several processes: ``name`` is ``gw0``, ``gw1``, ...

    The database gets its name from pytest-django; in a Valkey for all of us each has a database by number.
    """
    state_dir = Path(os.environ[STATE_DIR]) / name
    state_dir.mkdir(mode=0o711, exist_ok=True)
    valkey_url = os.environ[GIVEN_VALKEY]
    if valkey_url:
        parts = urlsplit(valkey_url)
        first = int(parts.path.strip("/") or 0)
        valkey_url = parts._replace(path=f"/{first + int(name.removeprefix('gw'))}").geturl()
    return state_dir, os.environ[GIVEN_DATABASE], valkey_url


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """``-n auto``: one process for each core that we may use, as long as there is memory for all of them."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(len(os.sched_getaffinity(0)), memory // MEMORY_EACH, MOST_PROCESSES))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop a process's own servers before it reports that it is done: it gets little time afterwards."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        stop(session.config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave no process and no file behind, also after Ctrl-C."""
    stop(config)


def stop(config: pytest.Config) -> None:
    """Stop the services once."""
    services: Any = config.stash.get(SERVICES, None)
    if services is not None:
        del config.stash[SERVICES]
        services.stop()
