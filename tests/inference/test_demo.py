"""The demo as a person runs it: one command, real processes, one JSON object as the last line, nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from spineplatform.processes import PROJECT

pytestmark = [pytest.mark.worker, pytest.mark.tensorflow, pytest.mark.services, pytest.mark.slow]
KEYS = {"case", "slices", "seconds", "model_version", "dice", "url"}


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder of the demo's own, where another account may pass (as root the services run as one)."""
    with tempfile.TemporaryDirectory(prefix="spine-demo-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def demo(state: Path) -> list[str]:
    """Run ``manage.py demo --once`` without a network; returns its lines."""
    environment = {key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "VALKEY_URL")}
    environment |= {"SPINE_STATE_DIR": str(state), "SPINE_SECRET_KEY": "", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}
    done = subprocess.run(
        [sys.executable, "manage.py", "demo", "--once", "--port", "0"],
        cwd=PROJECT,
        env=environment,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.strip().splitlines()


def processes_of(state: Path) -> list[str]:
    """What still runs and knows the state folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(state) in " ".join([*process.cmdline(), process.environ().get("SPINE_STATE_DIR", "")]):
                found.append(process.name())
        except psutil.Error:
            continue
    return found


@pytest.mark.timeout(600)
def test_the_demo_segments_a_ct_says_so_in_json_and_leaves_nothing_running(state: Path) -> None:
    lines = demo(state)
    first = json.loads(lines[-1])
    assert first.keys() >= KEYS
    assert first["slices"] == 60
    assert any("phantom" in line for line in lines)  # there was no network, and it said so
    assert processes_of(state) == []

    started = time.monotonic()
    again = json.loads(demo(state)[-1])
    assert (again["case"], again["dice"]) == (first["case"], first["dice"])
    assert processes_of(state) == [], f"after {time.monotonic() - started:.0f} s"
