"""Choose the addresses of the tests' own PostgreSQL and Valkey before Django reads its settings.

Nothing is started here: the ``services`` fixture does that when the first selected test needs it. With ``DATABASE_URL``
and ``VALKEY_URL`` in the environment those servers are used instead. Everything a test run writes lies in one temporary
state folder, which is removed at the end.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from spineplatform.embedded import Addresses, EmbeddedServices
from spineplatform.embedded.account import NoAccount
from spineplatform.processes import interrupt

KEPT_SETTINGS = {"SPINE_VENV", "SPINE_KEEP_TEST_STATE"}


class TestServices:
    """The services of one test run: the addresses at once, the processes on demand."""

    __test__ = False

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.is_embedded = not (os.environ.get("DATABASE_URL") and os.environ.get("VALKEY_URL"))
        self.embedded = EmbeddedServices(state_dir, durable=False, say=keep_quiet)
        self.embedded_choice = self.embedded.reserve()
        self.addresses = Addresses(
            database_url=os.environ.get("DATABASE_URL") or self.embedded_choice.database_url,
            valkey_url=os.environ.get("VALKEY_URL") or self.embedded_choice.valkey_url,
        )

    def start(self) -> None:
        """Start PostgreSQL and Valkey at the addresses that the settings already hold."""
        if self.is_embedded and self.embedded.start() != self.embedded_choice:
            pytest.exit("Another program took a port that the tests had chosen. Run them again.", returncode=3)

    def stop(self) -> None:
        """Stop what was started and remove every file of this run."""
        if self.is_embedded:
            self.embedded.stop()
        if not os.environ.get("SPINE_KEEP_TEST_STATE"):
            shutil.rmtree(self.state_dir, ignore_errors=True)


def keep_quiet(_line: str) -> None:
    """Say nothing: the last line of a test run belongs to the test runner."""


SERVICES = pytest.StashKey[TestServices]()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Set the environment that ``spineplatform.settings`` reads; pytest-django loads it in this same hook."""
    for name in [name for name in os.environ if name.startswith("SPINE_") and name not in KEPT_SETTINGS]:
        del os.environ[name]
    state_dir = Path(tempfile.mkdtemp(prefix="spine-tests-"))
    state_dir.chmod(0o711)  # as root the services run as another account
    try:
        services = TestServices(state_dir)
    except NoAccount as error:
        pytest.exit(str(error), returncode=3)
    early_config.stash[SERVICES] = services
    signal.signal(signal.SIGTERM, interrupt)  # a time limit from outside leaves no process behind either
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "spineplatform.settings",
        "DATABASE_URL": services.addresses.database_url,
        "VALKEY_URL": services.addresses.valkey_url,
        "SPINE_STATE_DIR": str(state_dir),
        "SPINE_SECRET_KEY": secrets.token_urlsafe(60),
    }


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave no process and no file behind, also after Ctrl-C."""
    services = config.stash.get(SERVICES, None)
    if services is not None:
        services.stop()
