"""Sentences that were written in English reach a Korean reader in Korean."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from spineplatform.shared import words
from spineplatform.shared.words import as_pattern, language_of, said
from tests import factories

KNOWN = {
    "message\x04Nothing to do.": "할 일이 없습니다.",
    "message\x04{name} is empty. Export {what} again.": "{what}을(를) 다시 내보내십시오: {name}이(가) 비어 있습니다.",
    "message\x04{name} is empty.": "{name}: 비어 있음",
}


@pytest.fixture
def korean(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A small catalogue of its own, so that the words of the real one may change."""
    monkeypatch.setattr(words, "_catalogue", lambda language: KNOWN)
    words._translated.cache_clear()
    words._sentences_with_gaps.cache_clear()
    with translation.override("ko"):
        yield
    words._translated.cache_clear()
    words._sentences_with_gaps.cache_clear()


@pytest.mark.parametrize(
    ("english", "expected"),
    [
        ("Nothing to do.", "할 일이 없습니다."),
        ("a.png is empty. Export it again.", "it을(를) 다시 내보내십시오: a.png이(가) 비어 있습니다."),
        ("a.png is empty.", "a.png: 비어 있음"),  # the more specific sentence does not fit
        ("Something new.", "Something new."),
        ("", ""),
    ],
)
def test_a_sentence_is_translated_with_what_stands_in_its_gaps(korean: None, english: str, expected: str) -> None:
    assert said(english) == expected


def test_english_readers_get_what_was_written() -> None:
    with translation.override("en"):
        assert said("Nothing to do.") == "Nothing to do."


def test_a_gap_may_hold_signs_that_patterns_know() -> None:
    match = as_pattern("{name} (of {count}) is [odd].").fullmatch("a.(b) (of 3) is [odd].")
    assert match is not None
    assert match.groupdict() == {"name": "a.(b)", "count": "3"}


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
