"""What many are told by one look is what each of them sees through the doors."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from accounts.models import Institution, Role, User
from cases.access import comment_get
from cases.comments.selectors import comment_counts
from cases.comments.services import comment_write
from cases.models import Comment, Presence, Series
from cases.worklist.presence import others_at
from cases.worklist.selectors import list_version, lists_followed
from cases.worklist.watching import AtCase, at_cases, comment_recipients, list_versions
from spineplatform.shared.errors import NotFound, UserError
from spineplatform.shared.sessions import still_open
from tests import factories
from tests.cases import projects

pytestmark = pytest.mark.django_db


@pytest.fixture
def home() -> Institution:
    return factories.institution()


@pytest.fixture
def group(home: Institution) -> projects.Group:
    return projects.group(institution=home, blind=True)


@pytest.fixture
def series(group: projects.Group) -> Series:
    """Read blindly by two, and with a comment of each of them and of a clinician."""
    series = projects.item(group.project).series
    lead = factories.user(Role.CLINICIAN, institution=series.institution)
    for author in (group.first, group.second, lead):
        comment_write(series=series, actor=author, text="Look.")
    return series


@pytest.fixture
def people(home: Institution, group: projects.Group) -> list[User]:
    """Of every kind, and some who have no right at all."""
    members = [factories.user(role, institution=home) for role in Role]
    no_more = factories.user(Role.CLINICIAN, institution=home)
    no_more.is_active = False
    no_more.save()
    return [*members, group.first, group.second, group.third, factories.user(*Role), no_more]


def test_each_page_of_a_case_is_told_what_its_reader_sees(series: Series, people: list[User]) -> None:
    pages = {person: AtCase(series.case_id, person.pk, uuid.uuid4()) for person in people}
    answers = at_cases(list(pages.values()))
    for person, page in pages.items():
        answer = answers[page]
        if not may_see(person, series):
            assert isinstance(answer, NotFound)
            continue
        assert answer == {"others": others_at(series.case, person), "comments": comment_counts(series.case, person)}
    counts = {person.pk: comment_counts(series.case, person) for person in people}
    assert counts[people[4].pk] != counts[people[0].pk]  # the blind reader's own comment only
    assert Presence.objects.count() == sum(may_see(person, series) for person in people)


def may_see(person: User, series: Series) -> bool:
    return person.is_active and person.memberships.filter(institution=series.institution).exists()  # type: ignore[attr-defined]


def test_a_case_that_is_not_there_is_nobodys(people: list[User]) -> None:
    page = AtCase(uuid.uuid4(), people[0].pk, uuid.uuid4())
    assert isinstance(at_cases([page])[page], NotFound)


def test_a_comment_is_heard_by_whom_it_may_be_read(series: Series, people: list[User]) -> None:
    comments = list(Comment.objects.all())
    heard = comment_recipients([(comment.pk, person.pk) for comment in comments for person in people])
    for comment in comments:
        assert {person: heard[comment.pk, person.pk] for person in people} == {
            person: passes(comment, person) for person in people
        }
    assert len(set(heard.values())) == 2


def passes(comment: Comment, person: User) -> bool:
    try:
        comment_get(person, comment.pk)
    except UserError:
        return False
    return True


def test_each_work_list_has_the_version_that_its_page_has(series: Series, people: list[User]) -> None:
    for person in people[:3]:
        factories.presence(series.case, person)
    place = series.institution_id
    versions = list_versions([(place, person.pk) for person in people])
    for person in people:
        page = lists_followed(person).filter(pk=place).first()
        answer = versions[place, person.pk]
        assert isinstance(answer, NotFound) if page is None else answer == list_version(page)


def test_a_hundred_pages_are_told_by_as_many_queries_as_one(
    home: Institution, django_assert_max_num_queries: Any
) -> None:
    series = factories.series(of=factories.case(institution=home))
    people = [factories.user(Role.CLINICIAN, institution=home) for _ in range(100)]
    pages = [AtCase(series.case_id, person.pk, uuid.uuid4()) for person in people]
    comment = comment_write(series=series, actor=people[0], text="Look.")
    at_cases(pages)
    with django_assert_max_num_queries(8):
        assert len(at_cases(pages)) == 100
    with django_assert_max_num_queries(3):
        assert all(comment_recipients([(comment.pk, person.pk) for person in people]).values())
    with django_assert_max_num_queries(4):
        assert len(list_versions([(home.pk, person.pk) for person in people])) == 100


# --- sessions ---------------------------------------------------------------------------------------------------------
def session_of(user: User) -> tuple[Client, str]:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client, str(client.session.session_key)


def test_a_session_is_open_until_it_ends_and_only_for_its_person(django_assert_num_queries: Any) -> None:
    kim, anna, lee, max_, eva = (factories.user(Role.CLINICIAN) for _ in range(5))
    sessions = {person: session_of(person) for person in (kim, anna, lee, max_, eva)}
    sessions[anna][0].logout()
    lee.set_password("another-long-password")
    lee.save()
    max_.is_active = False
    max_.save()
    asked = [(sessions[person][1], person.pk) for person in sessions]
    asked += [(sessions[kim][1], eva.pk), ("", kim.pk), ("nothing", kim.pk)]
    with django_assert_num_queries(2):
        answers = still_open(asked)
    assert [pair for pair in asked if answers[pair]] == [(sessions[kim][1], kim.pk), (sessions[eva][1], eva.pk)]
