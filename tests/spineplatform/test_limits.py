"""Log-in, resets and uploads have limits by address and by person, which nobody at work meets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import Role, User
from spineplatform.shared.limits import PAGES, seconds_to_wait
from spineplatform.shared.models import Attempt
from tests import factories
from tests.api_client import api, problem

AS_SHIPPED = dict(django_settings.LIMITS)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def limits(settings: Any) -> dict[str, tuple[int, float]]:
    settings.LIMITS = {**settings.LIMITS, **dict.fromkeys(settings.LIMITS, (3, 60.0))}
    return settings.LIMITS


@pytest.fixture
def user() -> User:
    return factories.user(*Role, email="anna@example.org")


def only(limits: dict[str, Any], *names: str) -> None:
    for name in limits:
        limits[name] = (3 if name in names else 1000, 60.0)


def statuses(send: Any) -> list[int]:
    return [send().status_code for _ in range(4)]


def test_tries_are_counted_for_each_and_begin_anew_after_their_time() -> None:
    assert [seconds_to_wait("log-in", "192.0.2.1") > 0 for _ in range(4)] == [False, False, False, True]
    assert 0 < seconds_to_wait("log-in", "192.0.2.1") <= 60
    assert seconds_to_wait("log-in", "192.0.2.2") == 0
    assert seconds_to_wait("token", "192.0.2.1") == 0
    Attempt.objects.update(begun=Attempt.objects.first().begun - timedelta(seconds=61))  # type: ignore[union-attr]
    assert seconds_to_wait("log-in", "192.0.2.1") == 0


def test_what_is_stored_names_nobody() -> None:
    seconds_to_wait("log-in-name", "anna")
    assert "anna" not in Attempt.objects.get().key


@pytest.mark.parametrize("name", ["log-in", "log-in-name"])
@pytest.mark.parametrize("page", ["login", "admin:login"])
def test_the_log_in_page_has_a_limit(limits: dict[str, Any], name: str, page: str) -> None:
    only(limits, name)
    client = Client()
    body = {"username": "anna", "password": "wrong"}
    assert statuses(lambda: client.post(reverse(page), body)) == [200, 200, 200, 429]
    answer = client.post(reverse(page), body)
    assert int(answer["Retry-After"]) > 0
    assert answer["Content-Type"].startswith("text/html")
    assert client.get(reverse("login")).status_code == 200
    other = Client(REMOTE_ADDR="192.0.2.7")
    assert other.post(reverse(page), body).status_code == 200  # nobody is locked out by somebody else's guesses


def test_a_client_cannot_choose_its_address_to_get_around_a_limit(limits: dict[str, Any]) -> None:
    only(limits, "log-in")
    sent = [
        Client(headers={"X-Forwarded-For": f"192.0.2.{number}", "X-Real-IP": f"192.0.2.{number}"}).post(
            reverse("login"), {"username": f"user{number}", "password": "wrong"}
        )
        for number in range(4)
    ]
    assert [answer.status_code for answer in sent] == [200, 200, 200, 429]


def test_all_addresses_of_one_ipv6_network_share_a_limit(limits: dict[str, Any]) -> None:
    only(limits, "log-in")
    sent = [
        Client(REMOTE_ADDR=f"2001:db8::{number}").post(reverse("login"), {"username": f"u{number}", "password": "x"})
        for number in range(4)
    ]
    assert sent[-1].status_code == 429


def test_a_token_has_a_limit_by_address_and_by_name(limits: dict[str, Any]) -> None:
    only(limits, "token")
    send = lambda: api().post("/api/v1/auth/token/", {"username": "anna", "password": "wrong"})  # noqa: E731
    assert statuses(send) == [401, 401, 401, 429]
    only(limits, "log-in-name")
    Attempt.objects.all().delete()
    assert statuses(send) == [401, 401, 401, 429]
    assert problem(send()) == (429, "throttled")
    assert int(send()["Retry-After"]) > 0


@pytest.mark.parametrize("name", ["reset", "reset-mail"])
def test_password_resets_have_a_limit_by_address_and_by_mail(limits: dict[str, Any], user: User, name: str) -> None:
    only(limits, name)
    client = Client()
    assert statuses(lambda: client.post(reverse("password_reset"), {"email": user.email})) == [302, 302, 302, 429]
    assert len(mail.outbox) == 3


def test_the_old_password_cannot_be_guessed_without_end(limits: dict[str, Any], user: User) -> None:
    only(limits, "password")
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert statuses(lambda: client.post(reverse("password_change"), {"old_password": "x"})) == [200, 200, 200, 429]


@pytest.mark.parametrize("name", ["upload", "upload-address"])
def test_uploads_have_a_limit_by_person_and_by_address(limits: dict[str, Any], user: User, name: str) -> None:
    only(limits, name)
    series = factories.series(of=factories.case(institution=user.memberships.first().institution))  # type: ignore[attr-defined]
    client = api(user)
    paths = ["/api/v1/uploads/", f"/api/v1/series/{series.pk}/masks/", "/api/v1/models/", "/api/v1/uploads/"]
    answers = [client.post(path, {}, format="multipart") for path in paths]
    assert [answer.status_code for answer in answers] == [400, 400, 400, 429]
    assert client.get("/api/v1/uploads/").status_code == 200
    page = Client()
    page.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert page.post(reverse("cases:upload"), {}).status_code == 429


def test_every_limited_address_exists() -> None:
    arguments: dict[str, dict[str, str]] = {
        "password_reset_confirm": {"uidb64": "a", "token": "b"},
        "cases:mask_upload": {"series_id": "00000000-0000-4000-8000-000000000000"},
    }
    assert all(reverse(name, kwargs=arguments.get(name, {})) for name in PAGES)


def test_a_morning_in_a_hospital_meets_no_limit(settings: Any) -> None:
    settings.LIMITS = AS_SHIPPED
    used = {"log-in": 100, "log-in-name": 5, "upload": 40, "upload-address": 400, "reset": 200, "reset-mail": 2}
    assert all(seconds_to_wait(name, "one") == 0 for name, times in used.items() for _ in range(times))


@pytest.fixture
def _threads(transactional_db: None) -> Iterator[None]:
    yield
    connection.close()


@pytest.mark.usefixtures("_threads")
def test_tries_at_the_same_moment_are_all_counted() -> None:
    allowed: list[bool] = []

    def one() -> None:
        allowed.append(seconds_to_wait("token", "together") == 0)
        connection.close()

    threads = [threading.Thread(target=one) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert allowed.count(True) == 3
