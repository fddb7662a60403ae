"""What every REST answer shares: one error shape, cursor pages, and a true OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command
from django.test import Client, RequestFactory
from django.utils.module_loading import import_string

from accounts.models import Role, User
from cases.worklist import api as cases_api
from spineplatform.shared import api as shared
from tests import factories, openapi
from tests.api_client import api, problem

pytestmark = pytest.mark.django_db
NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def user() -> User:
    return factories.user(Role.CLINICIAN)


@pytest.mark.parametrize(
    ("send", "expected"),
    [
        (lambda client: client.get("/api/v1/nothing/here/"), (404, "not-found")),
        (lambda client: client.get("/api/v2/"), (404, "not-found")),
        (lambda client: client.get(f"/api/v1/cases/{NOWHERE}/"), (404, "not-found")),
        (lambda client: client.get("/api/v1/cases/42/"), (404, "not-found")),
        (lambda client: client.delete("/api/v1/cases/"), (405, "method-not-allowed")),
        (lambda client: client.post("/api/v1/users/", "{", content_type="application/json"), (400, "parse-error")),
        (
            lambda client: client.post("/api/v1/users/", "<a/>", content_type="text/xml"),
            (415, "unsupported-media-type"),
        ),
        (lambda client: client.get("/api/v1/me/", headers={"Accept": "text/html"}), (406, "not-acceptable")),
        (
            lambda client: client.post("/api/v1/uploads/", "no parts", content_type="multipart/form-data"),
            (400, "parse-error"),
        ),
    ],
)
def test_every_error_has_the_one_shape(send: Callable[[Any], Any], expected: tuple[int, str]) -> None:
    assert problem(send(api(factories.user(*Role)))) == expected


def test_without_a_token_the_answer_says_how_to_log_in() -> None:
    response = api().get("/api/v1/me/")
    assert problem(response) == (401, "not-authenticated")
    assert response["WWW-Authenticate"] == "Token"


def test_an_invalid_token_is_refused() -> None:
    client = api()
    client.credentials(HTTP_AUTHORIZATION="Token 0123456789abcdef")
    assert problem(client.get("/api/v1/me/"))[0] == 401


def test_an_address_that_is_no_api_keeps_its_page() -> None:
    response = Client().get("/nothing/here/")
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


def test_our_own_failure_shows_nothing_of_itself(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise RuntimeError("Jane Doe, born 1950")

    monkeypatch.setattr(cases_api, "case_get", fail)
    client = api(user)
    client.raise_request_exception = False
    response = client.get(f"/api/v1/cases/{NOWHERE}/")
    assert problem(response) == (500, "unexpected")
    assert "Jane" not in response.content.decode()


def test_a_storage_that_is_away_is_said(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: Any) -> None:
        raise OSError("/mnt/archive: stale file handle")

    monkeypatch.setattr(cases_api, "case_get", away)
    response = api(user).get(f"/api/v1/cases/{NOWHERE}/")
    assert problem(response) == (507, "storage-unavailable")
    assert "archive" not in response.content.decode()


def test_a_request_that_django_refuses_has_the_one_shape() -> None:
    response = shared.bad_request(RequestFactory().get("/api/v1/me/"), ValueError())
    assert response.status_code == 400
    assert response["Content-Type"] == shared.PROBLEM_JSON


@pytest.mark.parametrize(
    ("detail", "flat"),
    [
        ({"title": ["Too long."]}, {"title": ["Too long."]}),
        ({"files": {2: ["Empty."]}}, {"files.2": ["Empty."]}),
        ({"non_field_errors": ["Both or none."]}, {"request": ["Both or none."]}),
        (["Wrong."], {"request": ["Wrong."]}),
    ],
)
def test_errors_are_named_by_field(detail: Any, flat: dict[str, list[str]]) -> None:
    assert shared._by_field(detail) == flat


@pytest.mark.parametrize(("asked", "given"), [("3", 3), ("100000", 200), ("0", 25), ("many", 25)])
def test_the_size_of_a_page_has_a_limit(asked: str, given: int) -> None:
    request = RequestFactory().get(f"/?page_size={asked}")
    request.query_params = request.GET  # type: ignore[attr-defined]
    assert shared.NewestFirstPagination().get_page_size(request) == given


# --- OpenAPI ----------------------------------------------------------------------------------------------------------
def test_the_schema_is_valid_and_complete_without_a_warning(tmp_path: Any) -> None:
    path = tmp_path / "schema.yml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(path))


def operations() -> list[dict[str, Any]]:
    return [operation for methods in openapi.document()["paths"].values() for operation in methods.values()]


def test_every_operation_says_what_it_does_and_which_errors_it_answers() -> None:
    groups = {tag["name"] for tag in openapi.document()["tags"]}
    for operation in operations():
        assert operation["summary"], operation["operationId"]
        assert set(operation["tags"]) <= groups, operation["operationId"]
        assert {"400", "401", "500", "503", "507"} <= set(operation["responses"]), operation["operationId"]
        for status, answer in operation["responses"].items():
            assert "$ref" in answer or status < "400" or shared.PROBLEM_JSON in answer["content"]


def test_a_body_is_offered_in_the_one_form_that_is_read() -> None:
    bodies = [operation["requestBody"]["content"] for operation in operations() if "requestBody" in operation]
    assert len(bodies) > 30
    assert all(list(body) in (["application/json"], ["multipart/form-data"]) for body in bodies)


def test_the_schema_describes_the_upload_as_a_form_of_files() -> None:
    schema = yaml.safe_load(Client().get("/api/schema/").content)
    (media, body), *_ = schema["paths"]["/api/v1/uploads/"]["post"]["requestBody"]["content"].items()
    assert media == "multipart/form-data"
    fields = schema["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]["properties"]
    assert fields["files"]["items"] == {"type": "string", "format": "binary"}
    assert fields["segment"]["default"] is True


def test_each_enum_of_the_schema_has_a_name_of_its_own_and_the_values_of_its_choices() -> None:
    """Two that come to the same name would take each other's place; one that is named by chance changes its name."""
    named = settings.SPECTACULAR_SETTINGS["ENUM_NAME_OVERRIDES"]
    schemas = openapi.document()["components"]["schemas"]
    assert {name for name in schemas if "enum" in schemas[name]} == {*named, "BlankEnum"}
    for name, given in named.items():
        found = import_string(given) if isinstance(given, str) else given
        pairs = getattr(found, "choices", found)
        values = [one if isinstance(one, str) else one[0] for one in pairs]
        assert schemas[name]["enum"] == [value for value in values if value], name


def test_the_interactive_page_loads_nothing_from_elsewhere() -> None:
    response = Client().get("/api/docs/")
    assert response.status_code == 200
    assert "https://" not in response.content.decode()
