"""Whatever watches the platform learns whether it lives and whether it can work, and nothing else."""

from __future__ import annotations

import http.client
import json
import logging
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.files.storage import default_storage
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from spineplatform import health
from spineplatform.web.admission import Admission
from spineplatform.web.handler import PlatformHandler

WELL = {"database": "ok", "migrations": "ok", "broker": "ok", "storage": "ok"}


def ready() -> tuple[int, dict[str, Any]]:
    answer = Client().get(health.READY)
    return answer.status_code, answer.json()


async def asked(handler: PlatformHandler, path: str, method: str = "GET") -> tuple[int, bytes]:
    """Ask as a probe does: by no host name that the platform knows."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"10.0.0.7:8000")],
    }
    one = ApplicationCommunicator(handler, scope)
    await one.send_input({"type": "http.request", "body": b"", "more_body": False})
    start = await one.receive_output(5)
    return start["status"], (await one.receive_output(5))["body"]


@pytest.mark.django_db
def test_ready_when_everything_is_there() -> None:
    assert ready() == (200, {"status": "ready", "checks": WELL})
    left = [path for path in Path(default_storage.path("health")).rglob("*") if path.is_file()]
    assert left == [], "what was written is deleted"


@pytest.mark.django_db
def test_a_migration_that_is_not_applied_is_named() -> None:
    MigrationRecorder(connection).record_unapplied("accounts", "0002_people_without_roles")
    assert ready() == (503, {"status": "not-ready", "checks": WELL | {"migrations": "not-applied"}})


@pytest.mark.django_db
def test_a_broker_that_is_away_is_named_without_its_address(settings: Any, caplog: Any) -> None:
    settings.VALKEY_URL = "redis://:secret-of-ours@127.0.0.1:1/0"
    with caplog.at_level(logging.WARNING):
        status, body = ready()
    assert (status, body["checks"]) == (503, WELL | {"broker": "unreachable"})
    assert "secret-of-ours" not in json.dumps(body) + caplog.text


@pytest.mark.django_db
def test_a_storage_that_takes_nothing_is_named(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.MEDIA_ROOT = tmp_path / "file"
    status, body = ready()
    assert (status, body["checks"]) == (503, WELL | {"storage": "not-writable"})


@pytest.mark.django_db
def test_a_database_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("password of spine")

    monkeypatch.setattr(connection, "cursor", away)
    assert ready() == (
        503,
        {"status": "not-ready", "checks": WELL | {"database": "unreachable", "migrations": "unknown"}},
    )


def test_health_asks_no_database() -> None:
    answer = Client().get(health.HEALTH)
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})
    assert answer["Cache-Control"] == "no-store"
    assert Client().post(health.HEALTH).status_code == 405


async def test_no_lane_and_no_known_host_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr(health, "_looked", lambda: looks.append(1) or dict(WELL))
    handler = PlatformHandler(Admission(lanes=0, waiting=0, seconds=0.01))
    assert (await asked(handler, health.HEALTH))[0] == 200
    for _ in range(3):
        assert json.loads((await asked(handler, health.READY))[1])["status"] == "ready"
    assert looks == [1], "one look serves whoever asks soon after"
    assert (await asked(handler, "/cases/"))[0] == 503


async def test_a_look_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    hold = threading.Event()
    monkeypatch.setattr(health, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(health, "_looked", lambda: hold.wait(10) and {})
    handler = PlatformHandler(Admission(lanes=0, waiting=0, seconds=0.01))
    status, body = await asked(handler, health.READY)
    hold.set()
    assert (status, json.loads(body)["checks"]) == (503, {"readiness": "too-slow"})


@pytest.mark.services
def test_the_web_process_answers_both(web: str) -> None:
    place = urlsplit(web)
    for path in (health.HEALTH, health.READY):
        probe = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
        probe.request("GET", path, headers={"Host": "10.0.0.7"})
        answer = probe.getresponse()
        assert answer.status == 200, answer.read()
        probe.request("HEAD", path)
        probe.close()
