"""Every door has its row in the table, and every row is tried by every role."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from rest_framework.views import APIView

from accounts.models import User
from spineplatform.web.websockets import websocket_urlpatterns
from tests.permissions import table_agreement as agreement
from tests.permissions import table_versions as versions
from tests.permissions import world as worlds
from tests.permissions.sockets import SOCKETS
from tests.permissions.table import API, Row
from tests.permissions.table_datasets import API_ROWS, PAGE_ROWS
from tests.permissions.table_mentions import MENTIONS
from tests.permissions.table_overview import OVERVIEW
from tests.permissions.table_pages import PAGES
from tests.permissions.table_report import REPORT
from tests.permissions.table_review import REVIEW
from tests.permissions.table_tasks import TASKS
from tests.permissions.table_training import TRAINING
from tests.permissions.table_worklist import WORKLIST
from tests.permissions.world import ANONYMOUS, EVERYBODY, World

BACKEND = "django.contrib.auth.backends.ModelBackend"
METHODS = ("get", "post", "put", "patch", "delete")
NOT_OURS = ("admin:",)
pytestmark = pytest.mark.django_db
ROWS = [*API, *PAGES, *API_ROWS, *PAGE_ROWS, *versions.API_ROWS, *versions.PAGE_ROWS, *TRAINING, *REVIEW, *OVERVIEW]
ROWS += [*REPORT, *MENTIONS, *WORKLIST, *agreement.API_ROWS, *agreement.PAGE_ROWS, *TASKS]


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """One for all rows, with everybody logged in: each row takes back what it did."""
    with django_db_blocker.unblock(), transaction.atomic():
        made = worlds.make()
        made.things["sessions"] = {who: _log_in(person) for who, person in made.people.items()}
        yield made
        transaction.set_rollback(True)


def _log_in(person: User) -> str:
    """The session's key."""
    client = Client()
    client.force_login(person, backend=BACKEND)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_each_role_gets_the_status_of_the_table(row: Row, world: World) -> None:
    assert {who: _try(row, world, who) for who in EVERYBODY} == {who: row.expected[who] for who in EVERYBODY}


def _try(row: Row, world: World, who: str) -> int:
    """Send the request as ``who`` and take back whatever it did."""
    cache.clear()
    with transaction.atomic():
        client = _client(row, world, who)
        body: dict[str, Any] = {"data": row.data(world)}
        if not row.form and row.method not in ("GET", "HEAD"):
            body["content_type"] = "application/json"
        elif row.form and row.method == "GET":
            body = {"data": row.data(world)}
        response = getattr(client, row.method.lower())(reverse(row.name, kwargs=row.kwargs(world)), **body)
        if response.streaming:
            b"".join(response.streaming_content)  # to its end, so that its file is closed
        transaction.set_rollback(True)
    return int(response.status_code)


def _client(row: Row, world: World, who: str) -> Client:
    if who == ANONYMOUS:
        return Client()
    if row.by_token:
        return Client(headers={"Authorization": f"Token {world.token(who)}"})
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = world.sessions[who]
    return client


def test_every_address_has_a_row() -> None:
    tried = {row.name for row in ROWS}
    assert [name for name, _ in _addresses() if name not in tried] == []


def test_every_method_of_the_api_has_a_row() -> None:
    tried = {(row.method, row.name) for row in ROWS}
    doors = [
        (method.upper(), name)
        for name, pattern in _addresses()
        if issubclass(getattr(pattern.callback, "cls", object), APIView)
        for method in METHODS
        if hasattr(pattern.callback.cls, method)
    ]
    assert [door for door in doors if door not in tried] == []


def test_every_row_leads_to_a_door_that_exists() -> None:
    names = {name for name, _ in _addresses()}
    assert [row.name for row in ROWS if row.name not in names] == []


def test_every_websocket_has_a_row() -> None:
    routes = {str(pattern.pattern) for pattern in websocket_urlpatterns}
    assert {socket.route for socket in SOCKETS} == routes


def _addresses() -> Iterator[tuple[str, URLPattern]]:
    """Every address that is ours, by its full name."""
    yield from _below(get_resolver(), "")


def _below(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            if inner not in NOT_OURS:
                yield from _below(pattern, inner)
        else:
            yield f"{prefix}{pattern.name or pattern.pattern}", pattern
