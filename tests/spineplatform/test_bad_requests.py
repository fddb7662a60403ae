"""Whatever is sent in, the answer is a sentence with the right status, never a failure of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import DataError, InterfaceError, OperationalError
from django.test import Client
from psycopg2 import errors as postgres

from accounts.models import Role, User
from cases.worklist import api as cases_api
from cases.worklist import pages as cases_pages
from spineplatform.shared.incoming import is_text_codec, refuse_unstorable
from tests import factories
from tests.api_client import api, problem

pytestmark = pytest.mark.django_db
SETTINGS = "/api/v1/me/viewer-settings/"
NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def user() -> User:
    return factories.user(*Role)


@pytest.fixture
def pages(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def viewer_settings(user: User, text: str) -> Any:
    return api(user).put(SETTINGS, text, content_type="application/json")


# --- JSON -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [
        "[" * 3000,
        '{"a":' * 1500 + "1" + "}" * 1500,
        '{"a":' * 40 + "1" + "}" * 40,
        '{"a": "nul \\u0000"}',
        '{"nul \\u0000": 1}',
        '{"a": "half \\ud800"}',
        '{"a": ["\\udfff"]}',
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1e999}',
        '{"a": ' + "9" * 5000 + "}",
        '{"a": 99999999999999999999999}',
        "\\",
        "\xff",
    ],
)
def test_json_that_cannot_be_stored_is_refused_with_a_sentence(user: User, text: str) -> None:
    response = viewer_settings(user, text)
    assert problem(response) == (400, "parse-error")


def test_json_in_another_encoding_than_utf8_is_refused(user: User) -> None:
    response = api(user).put(SETTINGS, '{"a": "ü"}'.encode("utf-16"), content_type="application/json")
    assert problem(response) == (400, "parse-error")


def test_ordinary_json_passes(user: User) -> None:
    assert (
        viewer_settings(user, '{"window": {"center": 300.5, "name": "뼈 🦴"}, "list": [1, null, true]}').status_code
        == 200
    )


def test_deep_values_are_walked_without_recursion() -> None:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    with pytest.raises(Exception, match="too deep"):
        refuse_unstorable(value)


# --- OPTIONS ----------------------------------------------------------------------------------------------------------
def test_every_address_answers_options(user: User) -> None:
    client = api(user)
    client.raise_request_exception = False
    found = {path: client.options(path).status_code for path in lists_of_the_api()}
    assert len(found) > 14
    assert set(found.values()) == {200}


def lists_of_the_api() -> list[str]:
    import yaml

    schema = yaml.safe_load(Client().get("/api/schema/").content)
    return [path for path in schema["paths"] if "{" not in path]


# --- addresses, cookies, headers --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "path",
    [
        "/?q=%00",
        "/cases/?q=%00",
        "/api/v1/cases/?q=a%00b",
        "/api/v1/cases/?%00=1",
        "/cases/%00/",
        "/api/v1/cases/?cursor=%00",
        "/api/v1/cases/?cursor=cD0wMDAx",
        "/api/v1/cases/?cursor=cD0wMDAxLTAxLTAxVDAwOjAwOjAwJTJCMjM6NTk%3D",
        "/api/v1/cases/?cursor=cj0xJnA9%2F%2F%2F%2F",
        "/api/v1/cases/?cursor=bz05OTk5OTk5OTk5OTk5OTk5OTk5OTk5",
        "/api/v1/cases/?page_size=99999999999999999999999",
        "/api/v1/cases/?date_from=0001-01-01",
        "/api/v1/cases/?date_to=9999-12-31",
        "/api/v1/overview/?last=0001-01-01",
        "/api/v1/overview/?first=9999-12-31&last=9999-12-31",
        "/api/v1/overview/?first=1900-01-01&last=2199-12-31",
        "/overview/?last=0001-01-01",
        "/overview/?first=9999-12-31",
        "/overview.csv?last=0001-01-01",
        "/cases/?date_from=0001-01-01&date_to=9999-12-31",
        "/cases/?after=%00%ff",
        "/cases/?shown=99999999999999999999999",
        "/api/v1/users/99999999999999999999999/roles/",
        "/accounts/password/reset/%00/%00/",
    ],
)
def test_an_odd_address_is_no_failure_of_ours(pages: Client, path: str) -> None:
    assert pages.get(path).status_code < 500


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Token \xff\xfe"},
        {"Authorization": "Token " + "\xc3\xa9" * 64},
        {"Authorization": "Token a" * 30_000},
        {"Authorization": "Token"},
        {"Authorization": "\xff"},
        {"Accept": "/"},
        {"Accept": "application/json; q=\xff, */*;;;=,"},
        {"Accept-Language": "\xff" * 5000},
        {"If-Modified-Since": "Mon, 99 Foo 99999 99:99:99 GMT"},
        {"Range": "bytes=99999999999999999999-0,-"},
        {"Cookie": 'sessionid="\\000\\377"; csrftoken="\\000"'},
        {"Cookie": "messages=\xff; django_language=\xff"},
        {"X-Forwarded-For": "\xff, 999.1.1.1, [::"},
        {"User-Agent": "\xff" * 5000},
        {"Referer": "http://[::"},
        {"Origin": "http://[::"},
        {"HX-Request": "true", "HX-Current-URL": "http://[::"},
    ],
)
def test_odd_headers_are_no_failure_of_ours(headers: dict[str, str]) -> None:
    client = Client(raise_request_exception=False)
    for path in ("/api/v1/me/", "/accounts/login/", "/cases/"):
        assert client.get(path, headers=headers).status_code < 500
        assert client.post(path, {}, headers=headers).status_code < 500


@pytest.mark.parametrize("token", ["\xff\xfe", "\xc3\xa9" * 30, "(", "a" * 100_000])
def test_a_token_that_is_no_text_is_a_wrong_one(token: str) -> None:
    client = api()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    assert problem(client.get("/api/v1/me/"))[0] == 401


@pytest.mark.parametrize(
    "media",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\xff",
        "multipart/form-data; boundary=" + "a" * 5000,
        "multipart/form-data; boundary=a; charset=hex",
        "application/x-www-form-urlencoded; charset=hex",
        "application/x-www-form-urlencoded; charset=utf-16",
        "application/json; charset=hex",
        "application/json; charset=zip",
        "application/json; charset=\xff",
        "text/plain",
        "/",
        ";",
    ],
)
def test_odd_content_types_are_no_failure_of_ours(pages: Client, user: User, media: str) -> None:
    body = b'--a\r\nContent-Disposition: form-data; name="title"\r\n\r\n\xff\x00\r\n--a--\r\n'
    rest = api(user)
    rest.raise_request_exception = False
    for path in ("/api/v1/uploads/", "/api/v1/users/", "/api/v1/auth/token/"):
        assert rest.generic("POST", path, body, content_type=media).status_code < 500
    for path in ("/accounts/login/", "/upload/", "/language/"):
        assert pages.generic("POST", path, body, content_type=media).status_code < 500


def test_a_form_with_nul_is_refused(pages: Client) -> None:
    response = pages.post("/groups/new/", {"institution": "\0", "name": "\0"})
    assert response.status_code in (400, 404)


def test_only_encodings_of_text_are_encodings_of_requests() -> None:
    assert [
        name for name in ("utf-8", "UTF8", "latin-1", "hex", "zip", "utf-16", "idna", "\0") if is_text_codec(name)
    ] == [
        "utf-8",
        "UTF8",
        "latin-1",
    ]


# --- the database is away, the disk is full ---------------------------------------------------------------------------
def caused_by(cause: Exception) -> OperationalError:
    error = OperationalError("lost")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected", "waits"),
    [
        (OperationalError("server closed the connection unexpectedly"), (503, "unavailable"), True),
        (InterfaceError("connection already closed"), (503, "unavailable"), True),
        (caused_by(postgres.DiskFull("could not extend file")), (507, "storage-unavailable"), False),
        (OSError(28, "No space left on device"), (507, "storage-unavailable"), False),
        (DataError("integer out of range"), (400, "not-storable"), False),
        (ValueError("A string literal cannot contain NUL (0x00) characters."), (400, "not-storable"), False),
        (OverflowError("date value out of range"), (400, "not-storable"), False),
    ],
)
def test_a_failure_that_is_not_ours_says_what_it_is(
    user: User, pages: Client, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: tuple[int, str], waits: bool
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(cases_api, "case_get", fail)
    answer = api(user).get(f"/api/v1/cases/{NOWHERE}/")
    assert problem(answer) == expected
    assert answer.has_header("Retry-After") is waits
    monkeypatch.setattr(cases_pages, "case_page", fail)
    page = pages.get("/cases/")
    assert page.status_code == expected[0]
    assert page.has_header("Retry-After") is waits
    assert page["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(("path", "media"), [("/cases/", "text/html"), ("/api/v1/me/", "application/problem+json")])
def test_a_database_that_is_away_before_anybody_is_known_is_said(
    pages: Client, monkeypatch: pytest.MonkeyPatch, path: str, media: str
) -> None:
    from django.contrib.sessions.backends.db import SessionStore

    def away(*args: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(SessionStore, "load", away)
    answer = pages.get(path)
    assert answer.status_code == 503
    assert answer["Content-Type"].startswith(media)
    assert int(answer["Retry-After"]) > 0
    if media != "text/html":
        assert json.loads(answer.content)["code"] == "unavailable"
