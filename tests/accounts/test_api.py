"""Tokens, standing, and the people of an institution, through the REST API."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from knox.models import AuthToken

from accounts.models import Membership, Role, User
from spineplatform.shared.models import AuditEvent
from tests import factories
from tests.api_client import api, problem

pytestmark = pytest.mark.django_db
TOKEN, ME, USERS = "/api/v1/auth/token/", "/api/v1/me/", "/api/v1/users/"


@pytest.fixture(autouse=True)
def _nobody_counted_yet() -> None:
    cache.clear()


@pytest.fixture
def clinician() -> User:
    return factories.user(Role.CLINICIAN, username="clinician")


@pytest.fixture
def admin() -> User:
    return factories.user(Role.INSTITUTION_ADMIN, username="admin")


def log_in(username: str, password: str = factories.PASSWORD, **extra: Any) -> Any:
    return api().post(TOKEN, {"username": username, "password": password}, **extra)


# --- tokens -----------------------------------------------------------------------------------------------------------
def test_user_name_and_password_give_a_token_that_works(clinician: User) -> None:
    response = log_in("clinician")
    assert response.status_code == 201
    client = api()
    client.credentials(HTTP_AUTHORIZATION=f"Token {response.json()['token']}")
    assert client.get(ME).json()["username"] == "clinician"
    clinician.refresh_from_db()
    assert clinician.last_login is not None
    assert AuditEvent.objects.filter(action="token.created", actor=clinician).exists()


@pytest.mark.parametrize("username", ["clinician", "nobody-of-this-name"])
def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(clinician: User, username: str) -> None:
    response = log_in(username, "wrong")
    assert problem(response) == (401, "wrong-credentials")
    assert response["WWW-Authenticate"] == "Token"
    assert response.json()["detail"] == "The user name or the password is wrong."


def test_a_deactivated_account_gets_no_token(clinician: User) -> None:
    clinician.is_active = False
    clinician.save()
    assert problem(log_in("clinician")) == (401, "wrong-credentials")


def test_a_missing_password_is_named() -> None:
    response = api().post(TOKEN, {"username": "clinician"})
    assert problem(response) == (400, "invalid")
    assert set(response.json()["errors"]) == {"password"}


def test_after_too_many_failures_even_the_right_password_waits(clinician: User, settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = 3
    for _ in range(2):
        assert problem(log_in("clinician", "wrong")) == (401, "wrong-credentials")
    log_in("clinician", "wrong")
    response = log_in("clinician")
    assert problem(response) == (429, "throttled")
    assert int(response["Retry-After"]) == 900


def test_a_success_forgets_the_failures_before_it(clinician: User, settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = 3
    for _ in range(3):
        log_in("clinician", "wrong")
        assert log_in("clinician").status_code == 201


def test_one_address_may_only_try_so_often_whatever_it_claims_to_forward() -> None:
    tries = [api().post(TOKEN, {}, HTTP_X_FORWARDED_FOR=f"10.0.0.{n}") for n in range(21)]
    assert [response.status_code for response in tries] == [400] * 20 + [429]
    assert problem(tries[-1]) == (429, "throttled")


def test_revoking_a_token_leaves_the_others(clinician: User) -> None:
    first, second = api(clinician), api(clinician)
    assert first.delete(TOKEN).status_code == 204
    assert problem(first.get(ME))[0] == 401
    assert second.get(ME).status_code == 200
    assert AuthToken.objects.filter(user=clinician).count() == 1
    assert AuditEvent.objects.filter(action="token.revoked", actor=clinician).exists()


# --- me and institutions ----------------------------------------------------------------------------------------------
def test_me_tells_roles_and_capabilities_by_institution() -> None:
    first = factories.institution("A hospital")
    user = factories.user(Role.CLINICIAN, Role.ANNOTATOR, institution=first)
    second = factories.institution("B hospital")
    Membership.objects.create(user=user, institution=second, role=Role.INSTITUTION_ADMIN)
    institutions = api(user).get(ME).json()["institutions"]
    assert [(one["institution"]["name"], one["roles"]) for one in institutions] == [
        ("A hospital", ["annotator", "clinician"]),
        ("B hospital", ["institution_admin"]),
    ]
    assert institutions[0]["capabilities"] == [
        "assign",
        "correct_mask",
        "review",
        "segment",
        "upload_ct",
        "upload_mask",
        "view_cases",
        "view_models",
    ]
    leads = ["assign", "lead", "manage_people", "manage_projects", "view_cases", "view_models"]
    assert institutions[1]["capabilities"] == leads


def test_only_the_own_institutions_are_listed(clinician: User) -> None:
    factories.institution("Somebody else's")
    names = [one["name"] for one in api(clinician).get("/api/v1/institutions/").json()["results"]]
    assert names == [clinician.memberships.get().institution.name]


# --- people -----------------------------------------------------------------------------------------------------------
def test_a_new_account_comes_with_a_password_that_is_shown_once(admin: User) -> None:
    given = {"username": "newcomer", "roles": ["clinician"], "full_name": "New Comer", "email": "new@example.org"}
    response = api(admin).post(USERS, given)
    assert response.status_code == 201
    made = response.json()
    assert made["user"]["full_name"] == "New Comer"
    assert [one["role"] for one in made["user"]["memberships"]] == ["clinician"]
    assert log_in("newcomer", made["password"]).status_code == 201
    assert "password" not in api(admin).get(USERS).json()["results"][0]


def test_a_given_password_is_not_repeated(admin: User) -> None:
    given = {"username": "newcomer", "roles": ["clinician"], "password": "latissimus-dorsi-9"}
    assert api(admin).post(USERS, given).json()["password"] is None
    assert log_in("newcomer", "latissimus-dorsi-9").status_code == 201


@pytest.mark.parametrize(
    ("changed", "answer", "field"),
    [
        ({"username": "admin"}, (409, "username-taken"), None),
        ({"username": "white space"}, (400, "invalid"), "username"),
        ({"password": "12345678901"}, (400, "weak-password"), None),
        ({"roles": []}, (400, "invalid"), "roles"),
        ({"roles": ["emperor"]}, (400, "invalid"), "roles.0"),
        ({"email": "no address"}, (400, "invalid"), "email"),
    ],
)
def test_a_wrong_account_is_refused_and_not_made(admin: User, changed: dict[str, Any], answer: Any, field: str) -> None:
    response = api(admin).post(USERS, {"username": "newcomer", "roles": ["clinician"], **changed})
    assert problem(response) == answer
    assert field is None or field in response.json()["errors"]
    assert not User.objects.filter(username="newcomer").exists()


def test_who_manages_several_institutions_names_one(admin: User) -> None:
    second = factories.institution()
    Membership.objects.create(user=admin, institution=second, role=Role.INSTITUTION_ADMIN)
    client = api(admin)
    given = {"username": "newcomer", "roles": ["annotator"]}
    assert problem(client.post(USERS, given)) == (400, "institution-needed")
    made = client.post(USERS, {**given, "institution": str(second.pk)}).json()
    assert [one["institution"]["id"] for one in made["user"]["memberships"]] == [str(second.pk)]


def test_an_institution_that_is_not_mine_cannot_be_named(admin: User) -> None:
    other = factories.institution()
    given = {"username": "newcomer", "roles": ["annotator"], "institution": str(other.pk)}
    assert problem(api(admin).post(USERS, given)) == (404, "not-found")


def test_the_list_shows_only_memberships_that_i_manage(admin: User) -> None:
    home = admin.memberships.get().institution
    colleague = factories.user(Role.CLINICIAN, institution=home, username="colleague")
    Membership.objects.create(user=colleague, institution=factories.institution("Secret"), role=Role.ANNOTATOR)
    factories.user(Role.CLINICIAN, username="elsewhere")
    shown = api(admin).get(USERS)
    assert {one["username"] for one in shown.json()["results"]} == {"admin", "colleague"}
    assert "Secret" not in shown.content.decode()


def test_roles_are_replaced(admin: User) -> None:
    home = admin.memberships.get().institution
    colleague = factories.user(Role.CLINICIAN, institution=home)
    response = api(admin).patch(f"{USERS}{colleague.pk}/roles/", {"roles": ["annotator", "model_admin"]})
    assert response.json()["roles"] == ["annotator", "model_admin"]
    assert {membership.role for membership in colleague.memberships.all()} == {"annotator", "model_admin"}


def test_an_empty_list_of_roles_takes_every_right_away(admin: User) -> None:
    colleague = factories.user(Role.CLINICIAN, institution=admin.memberships.get().institution)
    response = api(admin).patch(f"{USERS}{colleague.pk}/roles/", {"roles": []})
    assert (response.status_code, response.json()["roles"]) == (200, [])
    assert not colleague.memberships.exists()


def test_the_last_administrator_stays(admin: User) -> None:
    response = api(admin).patch(f"{USERS}{admin.pk}/roles/", {"roles": ["clinician"]})
    assert problem(response) == (409, "last-administrator")
    assert admin.memberships.get().role == Role.INSTITUTION_ADMIN


def test_a_person_of_another_institution_is_not_there(admin: User) -> None:
    other = factories.user(Role.CLINICIAN)
    assert problem(api(admin).patch(f"{USERS}{other.pk}/roles/", {"roles": []})) == (404, "not-found")
    assert other.memberships.count() == 1
