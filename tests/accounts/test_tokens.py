"""API tokens end with what they were made with: the password, the account, the last role; and are listed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.models import Membership, Role, User
from accounts.services import SignInAgain, roles_set, token_create, user_create
from spineplatform.shared.models import AuditEvent
from tests import factories
from tests.api_client import api, problem

pytestmark = pytest.mark.django_db
ME, TOKENS, NEW_PASSWORD = "/api/v1/me/", "/api/v1/auth/tokens/", "a-new-pass-phrase-7"


@pytest.fixture
def person() -> User:
    return factories.user(Role.CLINICIAN)


def client_of(user: User) -> Any:
    return Client(headers={"Authorization": f"Token {token_create(user=user).token}"})


def by_own_page(user: User) -> None:
    browser = Client()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    given = {"old_password": factories.PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert browser.post(reverse("password_change"), given).status_code == 302


def by_admin_page(user: User) -> None:
    browser = Client()
    root = factories.user(is_superuser=True, is_staff=True)
    browser.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    given = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
    assert browser.post(reverse("admin:auth_user_password_change", args=[user.pk]), given).status_code == 302


def by_command(user: User) -> None:
    user.set_password(NEW_PASSWORD)
    user.save()


def by_unusable_password(user: User) -> None:
    user.set_unusable_password()
    user.save()


def by_deactivating(user: User) -> None:
    user.is_active = False
    user.save(update_fields=["is_active"])


def by_the_last_role(user: User) -> None:
    membership = user.memberships.get()
    roles_set(institution=membership.institution, user=user, roles=[])


def by_deleting_the_membership(user: User) -> None:
    Membership.objects.filter(user=user).delete()


@pytest.mark.parametrize(
    "end",
    [
        by_own_page,
        by_admin_page,
        by_command,
        by_unusable_password,
        by_deactivating,
        by_the_last_role,
        by_deleting_the_membership,
    ],
)
def test_a_token_ends_for_good(person: User, end: Callable[[User], None]) -> None:
    client = client_of(person)
    assert client.get(ME).status_code == 200
    end(person)
    User.objects.filter(pk=person.pk).update(is_active=True)  # an account that comes back does not bring it back
    assert client.get(ME).status_code == 401
    assert AuditEvent.objects.filter(action="tokens.ended", object_id=str(person.pk)).exists()


def test_a_token_outlives_log_ins_changed_names_and_other_roles(person: User) -> None:
    client = client_of(person)
    assert authenticate(RequestFactory().post("/"), username=person.username, password=factories.PASSWORD)
    person.first_name = "Renamed"
    person.save()
    place = person.memberships.get().institution
    roles_set(institution=place, user=person, roles=[Role.ANNOTATOR])
    elsewhere = factories.institution()
    roles_set(institution=elsewhere, user=person, roles=[Role.CLINICIAN])
    roles_set(institution=place, user=person, roles=[])
    assert client.get(ME).status_code == 200


def test_a_token_is_not_made_with_a_password_that_has_just_been_changed(person: User) -> None:
    before = User.objects.get(pk=person.pk)
    by_command(person)
    with pytest.raises(SignInAgain):
        token_create(user=before)


def test_creating_an_account_or_a_superuser_ends_nothing(person: User) -> None:
    client = client_of(person)
    user_create(institution=factories.institution(), person=newcomer(), roles=[Role.CLINICIAN])
    call_command("check", verbosity=0)
    assert client.get(ME).status_code == 200


def newcomer() -> Any:
    from accounts.services import NewPerson

    return NewPerson("somebody-new", NEW_PASSWORD)


# --- listed -----------------------------------------------------------------------------------------------------------
def test_ones_own_tokens_are_listed_without_what_opens_anything(person: User) -> None:
    first, other = token_create(user=person), token_create(user=factories.user(Role.CLINICIAN))
    answer = api(person).get(TOKENS)
    (one, mine) = answer.json()["results"]
    assert set(one) == {"start", "created", "expiry"}
    assert first.token.startswith(mine["start"])
    assert first.token not in answer.content.decode()
    assert other.token[:8] not in answer.content.decode()


def test_one_token_is_revoked_by_its_start_and_nobody_elses(person: User) -> None:
    gone, other = client_of(person), token_create(user=factories.user(Role.CLINICIAN))
    start = api(person).get(TOKENS).json()["results"][-1]["start"]
    program = api(person)
    assert problem(program.delete(f"{TOKENS}{other.token[: len(start)]}/"))[0] == 404
    assert program.delete(f"{TOKENS}{start}/").status_code == 204
    assert gone.get(ME).status_code == 401
    assert program.get(ME).status_code == 200
