"""Sentences that were written in English reach a Korean reader in Korean."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from spineplatform.shared.messages import language_of
from tests import factories


@pytest.mark.parametrize(
    ("cookies", "wish", "expected"),
    [
        ({"django_language": "ko"}, b"en", "ko"),
        ({"django_language": "xx"}, b"ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ({}, b"de,en;q=0.5", "en"),
        ({}, b"", "en"),
    ],
)
def test_a_websocket_speaks_the_chosen_language_or_the_browsers(
    cookies: dict[str, str], wish: bytes, expected: str
) -> None:
    assert language_of({"cookies": cookies, "headers": [(b"accept-language", wish)]}) == expected


@pytest.mark.django_db
def test_the_language_is_chosen_once_and_stays(client: Client) -> None:
    answer = client.post(reverse("set_language"), {"language": "ko", "next": reverse("login")})
    assert answer["Location"] == reverse("login")
    page = client.get(reverse("login")).content.decode()
    assert '<html lang="ko"' in page
    assert reverse("javascript_catalogue") in page


@pytest.mark.django_db
def test_the_api_answers_in_the_language_that_is_asked_for() -> None:
    client = Client(headers={"accept-language": "ko"})
    client.force_login(factories.user(), backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get(reverse("api:case", args=["00000000-0000-0000-0000-000000000000"])).json()
    assert answer["code"] == "not-found"
    assert answer["detail"] != "There is nothing here, or it is not yours to see."
