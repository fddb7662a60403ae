"""Fixtures for every test: real PostgreSQL and Valkey, a real worker, a real web process, a real browser."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import translation

from spineplatform.processes import QUEUES, Processes
from tests.plugins.services import SERVICES, TestServices
from tests.waiting import PATIENCE_MS

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
WORKERS = (*(f"worker-{queue}" for queue in QUEUES), "beat")
PROCESSES = pytest.StashKey[Processes]()
FLUSH_ATTEMPTS = 5


# --- the order --------------------------------------------------------------------------------------------------------
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the order random, but run what needs Celery workers last and together: they start once, not ten times."""
    items.sort(key=lambda item: "worker" in getattr(item, "fixturenames", ()))


# --- PostgreSQL and Valkey ------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def services(pytestconfig: pytest.Config) -> TestServices:
    """PostgreSQL and Valkey, started for the first test that needs them."""
    services = pytestconfig.stash[SERVICES]
    services.start()
    return services


@pytest.fixture(scope="session")
def django_db_modify_db_settings(services: TestServices, django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Start the services before pytest-django makes the test database."""


@pytest.fixture(scope="session", autouse=True)
def tables_are_emptied_again() -> Iterator[None]:
    """Empty the tables once more where PostgreSQL has broken a deadlock by refusing it.

    A page that was closed and a worker write to the end what a test has begun, in another order of the tables.
    """
    from django.db import OperationalError
    from django.db.backends.postgresql.operations import DatabaseOperations

    empty = DatabaseOperations.execute_sql_flush

    def empty_again(operations: Any, statements: list[str]) -> None:
        for _ in range(FLUSH_ATTEMPTS - 1):
            with contextlib.suppress(OperationalError):
                return empty(operations, statements)
        return empty(operations, statements)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", empty_again)
        yield


# --- quick test clients ---------------------------------------------------------------------------------------------
@pytest.fixture(scope="session", autouse=True)
def static_files_on_demand() -> None:
    """WhiteNoise reads the whole folder for each test client that is made: here it looks for a file that is asked for.

    The real web process of the browser tests is another process and does as in production.
    """
    from django.conf import settings

    settings.WHITENOISE_AUTOREFRESH = True


# --- answers of the REST API ------------------------------------------------------------------------------------------
@pytest.fixture(scope="session", autouse=True)
def answers_are_as_documented() -> Iterator[None]:
    """Whatever a test client is answered below /api/v1/ is as the OpenAPI document says."""
    from tests import openapi

    with openapi.every_answer_held():
        yield


# --- the language ---------------------------------------------------------------------------------------------------
@pytest.fixture(autouse=True)
def default_language() -> None:
    """A request leaves its language behind in the thread: no test begins with another's."""
    translation.deactivate()


# --- our own processes ----------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def processes(services: TestServices, django_db_setup: None, pytestconfig: pytest.Config) -> Iterator[Processes]:
    """Start web and worker processes on the test database and stop them before it is dropped."""
    from django.conf import settings

    name = settings.DATABASES["default"]["NAME"]  # pytest-django has put the test database's name here
    server, _, _ = services.addresses.database_url.rpartition("/")
    quick = {"SPINE_RUN_LEASE_SECONDS": "5", "SPINE_RUN_REQUEUE_AFTER_SECONDS": "2", "SPINE_SWEEP_SECONDS": "1"}
    with Processes(services.state_dir, environment={"DATABASE_URL": f"{server}/{name}", **quick}) as running:
        pytestconfig.stash[PROCESSES] = running
        yield running
        del pytestconfig.stash[PROCESSES]


@pytest.fixture(autouse=True)
def only_asked_workers(request: pytest.FixtureRequest) -> None:
    """Stop the workers of an earlier test where none was asked for: they would take this test's runs."""
    running = request.config.stash.get(PROCESSES, None)
    if running is None or "worker" in request.fixturenames:
        return
    active = [name for name in WORKERS if running.runs(name)]
    if active:
        running.stop(*active)


@pytest.fixture
def worker(processes: Processes, transactional_db: None) -> Processes:
    """Real Celery workers for every queue and the sweeper's clock, all ready; one that was killed is started again."""
    for queue in QUEUES:
        if not processes.runs(f"worker-{queue}"):
            processes.start_worker(queue)
    if not processes.runs("beat"):
        processes.start_beat()
    processes.wait_until_ready(*(f"worker-{queue}" for queue in QUEUES), "beat")
    return processes


@pytest.fixture
def web(processes: Processes, transactional_db: None) -> str:
    """Return the address of a real web process (HTTP and WebSockets) on the test database."""
    if not processes.runs("web"):
        processes.start_web()
    processes.wait_until_ready("web")
    return processes.web_address


# --- the browser ----------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a real Chromium (Playwright's ``Browser``) for the tests of a module; fail when there is none.

    Each test has a context of its own: cookies, storage and cache are those of a new browser, without its start.
    """
    from playwright.sync_api import expect, sync_playwright

    path = next((found for found in map(shutil.which, BROWSERS) if found), None)
    if path is None:
        pytest.fail("No Chromium or Chrome was found. Install it (Debian: apt-get install chromium) and run again.")
    expect.set_options(timeout=PATIENCE_MS)
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright's loop runs in this thread; the test's own queries are still synchronous.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=path, args=[*options, "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, web: str) -> Iterator[Any]:
    """Return a page of 1440 x 900 pixels at the web process; an error in its console fails the test."""
    yield from watched_page(browser, web, DESKTOP)


@pytest.fixture
def phone(browser: Any, web: str) -> Iterator[Any]:
    """Return a page of 390 x 844 pixels with touch; an error in its console fails the test."""
    yield from watched_page(browser, web, PHONE, has_touch=True, is_mobile=True)


def watched_page(browser: Any, address: str, size: dict[str, int], **options: Any) -> Iterator[Any]:
    """Yield a page of its own session and collect what goes wrong in it."""
    context = browser.new_context(base_url=address, viewport=size, **options)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    page.problems = problems
    yield page
    context.close()
    assert not problems, f"The browser's console holds errors: {problems}"
