"""Web, workers and beat as child processes: ready, killed, left over, stopped."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from django.db import connection

from spineplatform.embedded import EmbeddedServices, ServiceFailed
from spineplatform.embedded.account import ourselves
from spineplatform.embedded.addresses import read_addresses
from spineplatform.embedded.daemon import Daemon
from spineplatform.processes import AlreadyRunning, Processes, alone
from spineplatform.supervision import HEALTHY_SECONDS, Guard, Pauses, Started
from tests.plugins.services import TestServices
from tests.waiting import PATIENCE_SECONDS


def fetch(address: str) -> int:
    parts = urlsplit(address)
    client = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        client.request("GET", "/accounts/login/")
        return client.getresponse().status
    finally:
        client.close()


@pytest.fixture
def own(services: TestServices, tmp_path: Path) -> Processes:
    """Return processes of this test alone, which use the same services."""
    with Processes(tmp_path) as processes:
        yield processes


@pytest.mark.worker
def test_the_web_process_answers_until_it_is_stopped(own: Processes) -> None:
    address = own.start_web()
    own.wait_until_ready()
    pid = own.pid("web")
    assert fetch(address) == 200
    own.stop()
    assert pid is not None
    assert not psutil.pid_exists(pid)
    with pytest.raises(ConnectionRefusedError):
        fetch(address)


@pytest.mark.worker
def test_a_worker_says_when_it_is_ready_and_starts_again_after_a_kill(own: Processes) -> None:
    name = own.start_worker("import")
    own.wait_until_ready(name)
    first = own.pid(name)
    own.kill(name)
    assert not own.runs(name)
    own.start_worker("import")
    own.wait_until_ready(name)
    assert own.pid(name) not in (None, first)


@pytest.mark.worker
def test_a_process_left_over_by_a_killed_starter_is_stopped_first(own: Processes, tmp_path: Path) -> None:
    code = (
        "import sys, os, pathlib; from spineplatform.processes import Processes;"
        "p = Processes(pathlib.Path(sys.argv[1])); p.start_web(); p.wait_until_ready();"
        "print(p.pid('web'), flush=True);"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    left_over = psutil.Process(int(done.stdout))
    own.start_web()
    own.wait_until_ready()
    assert not left_over.is_running() or left_over.status() == psutil.STATUS_ZOMBIE


def test_a_process_that_cannot_start_shows_why(services: TestServices, tmp_path: Path) -> None:
    broken = {"SPINE_PRODUCTION": "1", "SPINE_SECRET_KEY": ""}
    with Processes(tmp_path, environment=broken) as processes:
        processes.start_web()
        with pytest.raises(ServiceFailed, match="Set SPINE_SECRET_KEY"):
            processes.wait_until_ready()


def test_one_state_folder_serves_one_running_platform(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(AlreadyRunning, match="SPINE_STATE_DIR"), alone(tmp_path):
        pass
    with alone(tmp_path):
        pass


@pytest.mark.browser
def test_the_browser_shows_the_login_page_and_the_test_can_query_meanwhile(page: object) -> None:
    response = page.goto("/accounts/login/")
    assert response.status == 200
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone()[0].startswith("test_")


@pytest.mark.worker
def test_the_session_s_workers_use_the_test_database(worker: Processes) -> None:
    environment = psutil.Process(worker.pid("worker-import")).environ()
    assert environment["DATABASE_URL"].endswith(f"/{connection.settings_dict['NAME']}")
    assert environment["SPINE_STATE_DIR"] == os.environ["SPINE_STATE_DIR"]


@pytest.mark.worker
@pytest.mark.slow
def test_ctrl_c_twice_stops_everything_that_run_has_started(services: TestServices, tmp_path: Path) -> None:
    environment = {**os.environ, "SPINE_STATE_DIR": str(tmp_path / "state"), "SPINE_PORT": "0"}
    command = [sys.executable, "-m", "spineplatform.processes", "run"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        said = next(line for line in running.stdout if line.startswith("The platform runs:"))
        children = psutil.Process(running.pid).children(recursive=True)
        running.send_signal(signal.SIGINT)
        time.sleep(0.3)
        running.send_signal(signal.SIGINT)
        last = running.stdout.read().splitlines()[-1]
    assert "http://127.0.0.1:" in said
    assert len(children) >= 4
    assert last == "Stopped."
    assert running.returncode == 0
    assert not any(child.is_running() for child in children)


def test_what_ends_again_and_again_is_started_again_each_time_later(tmp_path: Path) -> None:
    said: list[str] = []
    daemon = Daemon("broken", tmp_path / "broken.pid", tmp_path / "broken.log", ourselves())
    guard = Guard("broken", Started(daemon, ["false"], {}, lambda: True), said.append)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        guard.look()
        time.sleep(0.05)
    assert 2 <= len(said) <= 3
    assert "ended: starting it again" in said[0]
    assert said[1].endswith("the next attempt is in 2 s")


def test_pauses_grow_to_a_minute_and_end_with_health() -> None:
    pauses, now, waited = Pauses(), 0.0, []
    for _ in range(9):
        waited.append(pauses.attempt(now))
        now = pauses.next_at
    assert waited == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert pauses.attempt(now + HEALTHY_SECONDS + 61) == 1


def test_services_that_were_stopped_on_purpose_stay_stopped(tmp_path: Path) -> None:
    with EmbeddedServices(tmp_path, durable=False) as embedded:
        assert embedded.ended() == []
        embedded.kill("valkey")
        assert EmbeddedServices(tmp_path).ended() == ["valkey"]
        embedded.start_again()
        assert embedded.ended() == []
    assert embedded.ended() == []


@pytest.mark.worker
@pytest.mark.slow
def test_run_brings_back_killed_services_and_workers_and_its_pages_stay(tmp_path: Path) -> None:
    state = tmp_path / "state"
    given = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "VALKEY_URL"}}
    environment = {**given, "SPINE_STATE_DIR": str(state), "SPINE_PORT": "0"}
    command = [sys.executable, "-m", "spineplatform.processes", "run"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        said = next(line for line in running.stdout if line.startswith("The platform runs:"))
        address = next(word for word in said.split() if word.startswith("http"))
        threading.Thread(target=running.stdout.read, daemon=True).start()
        before = read_addresses(state)
        web = int(json.loads((state / "run" / "web.pid").read_text())["pid"])
        for marker in (state / "valkey.pid", state / "postgres.pid", state / "run" / "worker-import.pid"):
            os.kill(int(json.loads(marker.read_text())["pid"]), signal.SIGKILL)
        services = EmbeddedServices(state)
        assert comes_true(lambda: services.ended() == [] and all(one.answers for one in services.status()))
        assert comes_true(lambda: process_of(state / "run" / "worker-import.pid") is not None)
        assert fetch(address) == 200
        assert read_addresses(state) == before
        assert process_of(state / "run" / "web.pid") == web
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0


def process_of(marker: Path) -> int | None:
    process = Daemon(marker.stem, marker, marker.with_suffix(".log"), ourselves()).process()
    return process.pid if process else None


def comes_true(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.2)
    return False
