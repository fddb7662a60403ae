"""Whether the web process lives (`/healthz`) and can work (`/readyz`), for whatever watches it: codes, and no secrets.

Both are answered ahead of everything else, in no lane and whatever host is named, for they are asked when all lanes are
taken, and by the address of a machine.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import redis
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from spineplatform.shared.storage import unique_name

log = logging.getLogger(__name__)
HEALTH, READY = "/healthz", "/readyz"
BROKER_SECONDS = 3.0
# One look serves whoever asks within this time, and must be done within that.
KEPT_SECONDS, LOOK_SECONDS = 2.0, 10.0
Checks = dict[str, str]


# --- what is looked at ------------------------------------------------------------------------------------------------
def checks() -> Checks:
    """Each part that the platform needs, with "ok" or what is wrong with it."""
    database = _tried(_database, "unreachable")
    return {
        "database": database,
        "migrations": _tried(_migrations, "unknown") if database == "ok" else "unknown",
        "broker": _tried(_broker, "unreachable"),
        "storage": _tried(_storage, "not-writable"),
    }


def _tried(check: Callable[[], str], otherwise: str) -> str:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - whatever a driver or a storage's client raises: it is not ready
        log.warning("not_ready check=%s error=%s", check.__name__.strip("_"), type(error).__name__)
        return otherwise


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    return "not-applied" if executor.migration_plan(executor.loader.graph.leaf_nodes()) else "ok"


def _broker() -> str:
    times = {"socket_timeout": BROKER_SECONDS, "socket_connect_timeout": BROKER_SECONDS}
    with redis.Redis.from_url(settings.VALKEY_URL, **times) as client:
        client.ping()
    return "ok"


def _storage() -> str:
    name = default_storage.save(unique_name("health", ".txt"), ContentFile(b"ready"))
    default_storage.delete(name)
    return "ok"


# --- answers ----------------------------------------------------------------------------------------------------------
def alive() -> JsonResponse:
    return JsonResponse({"status": "alive"}, headers={"Cache-Control": "no-store"})


def ready(found: Checks) -> JsonResponse:
    is_ready = all(state == "ok" for state in found.values())
    body = {"status": "ready" if is_ready else "not-ready", "checks": found}
    return JsonResponse(body, status=200 if is_ready else 503, headers={"Cache-Control": "no-store"})


@require_safe
def health_page(request: HttpRequest) -> JsonResponse:
    return alive()


@require_safe
def ready_page(request: HttpRequest) -> JsonResponse:
    return ready(checks())


class Health:
    """The same for the web process: a look has a thread and a database connection of its own, and there is only one."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="readiness")
        self._look: asyncio.Future[Checks] | None = None
        self._since = 0.0

    async def answer(self, method: str, path: str) -> JsonResponse | None:
        """None for what is not about health."""
        if method not in ("GET", "HEAD") or path not in (HEALTH, READY):
            return None
        return alive() if path == HEALTH else ready(await self._checks())

    async def _checks(self) -> Checks:
        look = self._look
        if look is None or (look.done() and time.monotonic() - self._since > KEPT_SECONDS):
            look = self._look = asyncio.get_running_loop().run_in_executor(self._thread, _looked)
            self._since = time.monotonic()
        try:
            return await asyncio.wait_for(asyncio.shield(look), LOOK_SECONDS)
        except TimeoutError:
            return {"readiness": "too-slow"}


def _looked() -> Checks:
    try:
        return checks()
    finally:
        connection.close()  # the next look is to find out whether a new one can be had
