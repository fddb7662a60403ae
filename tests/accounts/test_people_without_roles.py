"""Who lost their last role does not vanish, accounts are closed and opened, and log-in ends somewhere."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from django.apps import apps
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.models import Institution, Membership, Role, User
from accounts.services import LastAdministrator, account_set_active, roles_set
from spineplatform.shared.models import AuditEvent
from tests import factories
from tests.api_client import api, problem

pytestmark = pytest.mark.django_db
ME, USERS, PEOPLE, LOG_IN = "/api/v1/me/", "/api/v1/users/", "/accounts/people/", "/accounts/login/"
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture(autouse=True)
def _nobody_counted_yet() -> None:
    cache.clear()


@pytest.fixture
def home() -> Institution:
    return factories.institution("Home hospital")


@pytest.fixture
def admin(home: Institution) -> User:
    return factories.user(Role.INSTITUTION_ADMIN, institution=home, username="admin")


@pytest.fixture
def colleague(home: Institution) -> User:
    return factories.user(Role.CLINICIAN, institution=home, username="colleague")


def page_of(person: User) -> Client:
    client = Client()
    client.force_login(person, backend=BACKEND)
    return client


def listed(admin: User) -> dict[str, Any]:
    return {one["username"]: one for one in api(admin).get(USERS).json()["results"]}


# --- without roles ----------------------------------------------------------------------------------------------------
def test_a_person_without_roles_stays_listed_and_gets_roles_again(admin: User, colleague: User) -> None:
    address = f"{USERS}{colleague.pk}/roles/"
    assert api(admin).patch(address, {"roles": []}).status_code == 200
    shown = listed(admin)["colleague"]
    assert (shown["memberships"], [one["name"] for one in shown["institutions"]]) == ([], ["Home hospital"])
    assert api(admin).patch(address, {"roles": ["annotator"]}).json()["roles"] == ["annotator"]


def test_the_page_lists_a_person_without_roles_and_gives_them_one(
    admin: User, colleague: User, home: Institution
) -> None:
    roles_set(institution=home, user=colleague, roles=[], actor=admin)
    client = page_of(admin)
    assert "No role" in client.get(PEOPLE).content.decode()
    client.post(f"{PEOPLE}{home.pk}/{colleague.pk}/roles/", {"roles": ["clinician"]})
    assert colleague.memberships.get().role == Role.CLINICIAN


def test_another_institution_does_not_see_whoever_lost_their_roles(
    admin: User, colleague: User, home: Institution
) -> None:
    roles_set(institution=home, user=colleague, roles=[], actor=admin)
    stranger = factories.user(Role.INSTITUTION_ADMIN)
    assert "colleague" not in listed(stranger)
    answer = api(stranger).patch(f"{USERS}{colleague.pk}/", {"is_active": False})
    assert problem(answer) == (404, "not-found")


def test_a_role_given_in_the_administration_lists_the_person_too(admin: User, home: Institution) -> None:
    newcomer = factories.user(username="newcomer")
    Membership.objects.create(user=newcomer, institution=home, role=Role.ANNOTATOR).delete()
    assert listed(admin)["newcomer"]["memberships"] == []


def test_who_had_vanished_before_is_found_by_the_audit_trail(admin: User, colleague: User, home: Institution) -> None:
    roles_set(institution=home, user=colleague, roles=[Role.ANNOTATOR], actor=admin)
    AuditEvent.objects.create(action="roles.set", object_id="no number", institution_id=home.pk)
    roles_set(institution=home, user=colleague, roles=[], actor=admin)
    User.institutions.through.objects.all().delete()
    importlib.import_module("accounts.migrations.0002_people_without_roles").belong(apps)
    assert set(home.people.all()) == {admin, colleague}


# --- deactivating -----------------------------------------------------------------------------------------------------
def test_a_deactivated_account_ends_sessions_and_tokens_and_keeps_its_roles(admin: User, colleague: User) -> None:
    program, browser = api(colleague), page_of(colleague)
    assert api(admin).patch(f"{USERS}{colleague.pk}/", {"is_active": False}).json()["is_active"] is False
    assert problem(program.get(ME))[0] == 401
    assert browser.get("/accounts/profile/").status_code == 302
    answer = api(admin).patch(f"{USERS}{colleague.pk}/", {"is_active": True}).json()
    assert (answer["is_active"], [one["role"] for one in answer["memberships"]]) == (True, ["clinician"])
    assert problem(program.get(ME))[0] == 401, "a token that has ended stays so"
    acts = AuditEvent.objects.filter(actor=admin, object_id=str(colleague.pk)).order_by("id")
    assert list(acts.values_list("action", flat=True)) == ["user.deactivated", "user.reactivated"]


def test_the_page_deactivates_and_reactivates(admin: User, colleague: User) -> None:
    client, address = page_of(admin), f"{PEOPLE}{colleague.pk}/account/"
    closed = client.post(address, {"action": "deactivate"}, follow=True).content.decode()
    assert "The account of colleague was deactivated." in closed
    assert "Reactivate account" in closed
    assert "was reactivated" in client.post(address, {"action": "reactivate"}, follow=True).content.decode()
    colleague.refresh_from_db()
    assert colleague.is_active


def test_an_unknown_action_changes_nothing(admin: User, colleague: User) -> None:
    assert page_of(admin).post(f"{PEOPLE}{colleague.pk}/account/", {"action": "delete"}).status_code == 400
    colleague.refresh_from_db()
    assert colleague.is_active


def test_nobody_deactivates_themselves(admin: User) -> None:
    assert problem(api(admin).patch(f"{USERS}{admin.pk}/", {"is_active": False})) == (409, "own-account")


def test_an_account_with_a_role_elsewhere_or_of_the_platform_stays(admin: User, home: Institution) -> None:
    shared = factories.user(Role.CLINICIAN, institution=home)
    Membership.objects.create(user=shared, institution=factories.institution(), role=Role.CLINICIAN)
    keeper = factories.user(Role.CLINICIAN, institution=home, is_superuser=True)
    for person in (shared, keeper):
        answer = api(admin).patch(f"{USERS}{person.pk}/", {"is_active": False})
        assert problem(answer) == (409, "used-elsewhere")


def test_an_administrator_who_is_deactivated_does_not_count_as_one(admin: User, home: Institution) -> None:
    second = factories.user(Role.INSTITUTION_ADMIN, institution=home)
    account_set_active(user=second, is_active=False, actor=admin)
    with pytest.raises(LastAdministrator):
        roles_set(institution=home, user=admin, roles=[Role.CLINICIAN], actor=admin)


def test_a_deactivated_account_may_lose_roles_but_gets_none(admin: User, colleague: User) -> None:
    client, address = api(admin), f"{USERS}{colleague.pk}/roles/"
    client.patch(f"{USERS}{colleague.pk}/", {"is_active": False})
    answer = client.patch(address, {"roles": ["clinician", "annotator"]})
    assert problem(answer) == (409, "account-deactivated")
    assert client.patch(address, {"roles": []}).status_code == 200


# --- log-in without a role --------------------------------------------------------------------------------------------
def test_log_in_without_a_role_ends_on_a_page_that_says_what_to_do(
    admin: User, colleague: User, home: Institution, client: Client
) -> None:
    roles_set(institution=home, user=colleague, roles=[], actor=admin)
    first = client.get("/", follow=True)
    address = first.request["PATH_INFO"] + "?" + first.request["QUERY_STRING"]
    answer = client.post(address, {"username": "colleague", "password": factories.PASSWORD}, follow=True)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "You have no role yet" in text
    assert "your user name is colleague" in text
    assert "Home hospital" in text
    assert 'action="/accounts/logout/"' in text
    assert 'href="/cases/"' not in text


@pytest.mark.parametrize("address", ["/cases/", "/projects/", "/overview/", PEOPLE])
def test_no_refusal_sends_a_person_without_roles_around_in_a_circle(address: str) -> None:
    answer = page_of(factories.user(username="nobody")).get(address)
    assert answer.status_code == 403
    assert "You have no role yet" in answer.content.decode()
    assert f'href="{address}"' not in answer.content.decode()


def test_whoever_runs_the_platform_gets_the_links_to_its_pages() -> None:
    keeper = factories.user(username="keeper", is_superuser=True, is_staff=True)
    client = page_of(keeper)
    text = client.get("/").content.decode()
    assert "You are a platform operator" in text
    for address in (reverse("training:default"), "/admin/"):
        assert f'href="{address}"' in text
        assert client.get(address).status_code == 200


def test_who_has_a_role_goes_on_to_the_cases(colleague: User) -> None:
    assert page_of(colleague).get("/")["Location"] == "/cases/"
