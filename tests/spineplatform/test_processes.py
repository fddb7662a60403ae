"""Web, workers and beat as child processes: ready, killed, left over, stopped."""

import http.client
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from django.db import connection

from spineplatform.embedded import ServiceFailed
from spineplatform.processes import AlreadyRunning, Processes, alone
from tests.plugins.services import TestServices


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
