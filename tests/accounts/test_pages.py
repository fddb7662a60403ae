"""Logging in and out, the own account, forgotten passwords, and new people, through the pages."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from accounts.access import Capability, has_capability
from accounts.models import Role, User
from accounts.services import token_create
from spineplatform.shared.models import AuditEvent
from tests import factories
from tests.api_client import api, problem

pytestmark = pytest.mark.django_db
LOG_IN, PEOPLE, PROFILE = "/accounts/login/", "/accounts/people/", "/accounts/profile/"
RESET, CHANGE = "/accounts/password/reset/", "/accounts/password/change/"
NEW_PASSWORD = "ligamentum-flavum-4"


@pytest.fixture(autouse=True)
def _nobody_counted_yet() -> None:
    cache.clear()


@pytest.fixture
def clinician() -> User:
    return factories.user(Role.CLINICIAN, username="clinician", email="clinician@example.org")


def log_in(client: Client, password: str = factories.PASSWORD) -> Any:
    return client.post(LOG_IN, {"username": "clinician", "password": password})


def deeds(user: User) -> list[str]:
    return list(AuditEvent.objects.filter(actor=user).order_by("id").values_list("action", flat=True))


def asked_for_a_link(client: Client) -> str:
    """The address in the mail."""
    assert client.post(RESET, {"email": "Clinician@Example.org"}).status_code == 302
    return str(re.search(r"http://testserver(\S+)", mail.outbox[-1].body).group(1))  # type: ignore[union-attr]


def test_who_came_and_went_is_on_record(clinician: User, client: Client) -> None:
    assert log_in(client).status_code == 302
    client.post("/accounts/logout/")
    client.post("/accounts/logout/")  # nobody is there any more
    assert deeds(clinician) == ["user.logged-in", "user.logged-out"]


def test_a_forgotten_password_is_replaced_by_the_link_from_the_mail(clinician: User, client: Client) -> None:
    link = asked_for_a_link(client)
    form = client.get(link, follow=True)
    client.post(form.request["PATH_INFO"], {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})
    assert log_in(client).status_code == 200, "the old password is worth nothing"
    assert log_in(client, NEW_PASSWORD).status_code == 302
    assert "has been used" in Client().get(link, follow=True).content.decode()
    assert "password.reset" in deeds(clinician)


def test_a_reset_password_ends_tokens_and_unlocks_the_account(clinician: User, client: Client, settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = 2
    program = api(clinician)
    for _ in range(3):
        log_in(client, "wrong")
    assert log_in(client).status_code == 429
    form = client.get(asked_for_a_link(client), follow=True)
    client.post(form.request["PATH_INFO"], {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})
    assert log_in(client, NEW_PASSWORD).status_code == 302
    assert problem(program.get("/api/v1/me/"))[0] == 401


def test_an_unknown_address_gets_the_same_answer_and_no_mail(client: Client) -> None:
    assert client.post(RESET, {"email": "nobody@example.org"}).status_code == 302
    assert mail.outbox == []


def test_a_changed_password_ends_the_other_sessions_and_is_on_record(clinician: User, client: Client) -> None:
    other = Client()
    for one in (client, other):
        log_in(one)
    given = {"old_password": factories.PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert client.post(CHANGE, given).status_code == 302
    assert client.get(PROFILE).status_code == 200
    assert other.get(PROFILE).status_code == 302
    assert deeds(clinician)[-1] == "password.changed"


def test_a_token_is_shown_once_with_its_end_and_never_cached(clinician: User, client: Client) -> None:
    log_in(client)
    made = client.post(PROFILE, {"action": "create"})
    assert made.context["token"].token in made.content.decode()
    assert "Valid until" in made.content.decode()
    assert "no-store" in made["Cache-Control"]
    assert client.get(PROFILE).context["token"] is None


def test_a_token_works_for_as_long_as_the_settings_say(clinician: User) -> None:
    made = token_create(user=clinician)
    assert made.expiry is not None
    assert timedelta(days=89) < made.expiry - timezone.now() <= timedelta(days=90)
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    answer = Client(headers={"Authorization": f"Token {made.token}"}).get("/api/v1/me/")
    assert problem(answer)[0] == 401


def test_expired_tokens_are_not_counted(clinician: User, client: Client) -> None:
    token_create(user=clinician)
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    token_create(user=clinician)
    log_in(client)
    assert len(client.get(PROFILE).context["tokens"]) == 1


def test_the_profile_lists_the_tokens_and_revokes_one(clinician: User, client: Client) -> None:
    kept, gone = token_create(user=clinician), token_create(user=clinician)
    log_in(client)
    text = client.get(PROFILE).content.decode()
    assert gone.token[:8] in text
    assert gone.token not in text
    start = AuthToken.objects.filter(user=clinician).latest("created").token_key
    assert client.post(PROFILE, {"action": "revoke", "token": start}).status_code == 302
    works = [Client(headers={"Authorization": f"Token {one.token}"}).get("/api/v1/me/") for one in (kept, gone)]
    assert [answer.status_code for answer in works] == [200, 401]


@pytest.mark.parametrize("username", ["white space", "<b>bold</b>", ""])
def test_a_user_name_that_nobody_could_type_is_refused(username: str, client: Client) -> None:
    client.force_login(factories.user(Role.INSTITUTION_ADMIN), backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post(PEOPLE, {"username": username, "roles": ["clinician"]})
    assert answer.status_code == 400
    assert "username" in answer.context["form"].errors


def test_a_user_name_is_kept_as_the_log_in_form_reads_it(client: Client) -> None:
    admin = factories.user(Role.INSTITUTION_ADMIN)
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    home = admin.memberships.get().institution
    given = {"institution": str(home.pk), "username": "\uff41nna", "roles": ["clinician"]}  # a full-width "a"
    password = client.post(PEOPLE, given).context["password"]
    client.post("/accounts/logout/")
    assert client.post(LOG_IN, {"username": "\uff41nna", "password": password}).status_code == 302


def test_a_deactivated_account_has_no_right_left_even_where_it_was_read_before(clinician: User) -> None:
    home = clinician.memberships.get().institution
    User.objects.update(is_active=False)
    assert clinician.is_active
    assert not has_capability(clinician, home.pk, Capability.VIEW_CASES)
