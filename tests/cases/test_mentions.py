"""Whom a comment can mention, and what the reading room is told of comments."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import User
from cases.comments.services import comment_write, people_mentioned
from cases.models import Annotation, Comment
from cases.viewer.selectors import MOST_COMMENTS, reading_of
from tests import factories
from tests.api_client import api

pytestmark = pytest.mark.django_db


@pytest.fixture
def mask() -> Annotation:
    return factories.annotation()


@pytest.fixture
def clinician(mask: Annotation) -> User:
    return factories.user("clinician", institution=mask.institution, username="clara")


@pytest.fixture(autouse=True)
def colleagues(mask: Annotation) -> None:
    factories.user("annotator", institution=mask.institution, username="anna.b", first_name="Anna", last_name="Berg")
    factories.user("annotator", institution=mask.institution, username="yk", first_name="영", last_name="김")
    factories.user("annotator", institution=mask.institution, username="anna.left", is_active=False)
    factories.user("annotator", institution=mask.institution, username="anna@clinic")  # no comment can name it
    factories.user("clinician", institution=factories.institution(), username="anna.outside")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("ANNA", ["anna.b"]),
        ("berg", ["anna.b"]),
        ("김", ["yk"]),
        ("clara", []),  # nobody tells themselves
        ("%", []),
    ],
)
def test_colleagues_who_may_see_the_case_are_offered_by_name(
    mask: Annotation, clinician: User, words: str, names: list[str]
) -> None:
    people = api(clinician).get(reverse("api:comment-people", args=[mask.series.pk]), {"q": words}).json()
    assert [one["username"] for one in people] == names


def test_whoever_is_offered_is_told_when_mentioned(mask: Annotation, clinician: User) -> None:
    people = api(clinician).get(reverse("api:comment-people", args=[mask.series.pk])).json()
    text = " ".join(f"@{one['username']}" for one in people)
    assert {"anna.b", "yk"} < {one["username"] for one in people}
    assert people_mentioned(text, mask.institution_id).count() == len(people)


def test_the_reading_room_is_told_who_said_what_on_which_slice(mask: Annotation, clinician: User) -> None:
    for text, z in (("All of it", None), ("Here", 2)):
        comment_write(series=mask.series, actor=clinician, text=text, z=z)
    told = reading_of(mask.series, clinician)["comments"]
    assert [(one["author"], one["text"], one["z"]) for one in told] == [
        ("clara", "Here", 2),
        ("clara", "All of it", None),
    ]


def test_a_page_opened_by_one_person_never_comments_as_another(mask: Annotation, clinician: User) -> None:
    address = reverse("api:comments", args=[mask.series.pk])
    headers = {"X-Reader": str(clinician.pk + 1)}
    answer = api(clinician).post(address, {"text": "Mine"}, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "another-person")
    assert not mask.series.comments.exists()


def test_the_reading_room_opens_with_the_last_comments_of_very_many(mask: Annotation, clinician: User) -> None:
    Comment.objects.bulk_create(
        Comment(institution=mask.institution, series=mask.series, author=clinician, text=str(number))
        for number in range(MOST_COMMENTS + 1)
    )
    told = reading_of(mask.series, clinician)["comments"]
    assert len(told) == MOST_COMMENTS
    assert told[0]["text"] == str(MOST_COMMENTS)
