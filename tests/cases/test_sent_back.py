"""The work list says which cases were sent back, and by whom."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Institution, User
from cases.models import Annotation, Case, ReadingItem, ReviewVerdict
from cases.review.services import NewReview, review_sign
from cases.worklist.filters import CaseFilter
from cases.worklist.selectors import case_page
from tests import factories
from tests.api_client import api
from tests.cases import projects

pytestmark = pytest.mark.django_db
LIST = reverse("cases:list")


@pytest.fixture
def home() -> Institution:
    return factories.institution()


@pytest.fixture
def clinician(home: Institution) -> User:
    return factories.user("clinician", institution=home, first_name="Ada")


@pytest.fixture
def colleague(home: Institution) -> User:
    return factories.user("clinician", institution=home, first_name="Bob")


@pytest.fixture
def cases(home: Institution) -> list[Case]:
    return [factories.case(institution=home, title=name, state="segmented") for name in ("first", "second", "third")]


@pytest.fixture
def browser(clinician: User) -> Client:
    client = Client()
    client.force_login(clinician, backend="django.contrib.auth.backends.ModelBackend")
    return client


def found(user: User) -> list[str]:
    return [case.title for case in case_page(user, CaseFilter(state="sent-back")).cases]


def sent_back(case: Case, *readers: User) -> list[Annotation]:
    """A series for each reader, who sends its mask back."""
    masks = []
    for number, reader in enumerate(readers, start=1):
        masks.append(factories.prediction(of=factories.series(of=case, number=number)).annotation)
        review = NewReview(ReviewVerdict.SENT_BACK, masks[-1], "Too wide")
        review_sign(series=masks[-1].series, actor=reader, review=review)
    return masks


def senders(user: User, case: Case) -> list[str]:
    """The same in the list and of the case alone."""
    client = api(user)
    listed = {one["id"]: one["sent_back_by"] for one in client.get("/api/v1/cases/").json()["results"]}
    alone = client.get(f"/api/v1/cases/{case.pk}/").json()["sent_back_by"]
    assert listed[str(case.pk)] == alone
    return alone


def test_the_list_says_by_whom_a_case_was_sent_back_and_finds_it(
    browser: Client, clinician: User, colleague: User, cases: list[Case]
) -> None:
    sent_back(cases[1], clinician, colleague, clinician)
    names = [clinician.display_name(), colleague.display_name()]
    assert senders(clinician, cases[1]) == names
    assert senders(clinician, cases[0]) == []
    page = browser.get(LIST, {"state": "sent-back"})
    assert f"sent back by {', '.join(names)}" in page.content.decode()
    assert [case.title for case in page.context["page"].cases] == found(clinician) == ["second"]
    chosen = [(one["label"], one["count"]) for one in page.context["states"] if one["is_chosen"]]
    assert chosen == [("Sent back", 1)]
    assert [one["title"] for one in api(clinician).get("/api/v1/cases/?state=sent-back").json()["results"]] == [
        "second"
    ]


def test_what_was_answered_is_sent_back_no_more(
    browser: Client, clinician: User, colleague: User, cases: list[Case]
) -> None:
    by_both, by_one = sent_back(cases[0], clinician, colleague), sent_back(cases[1], clinician)
    factories.annotation(of=by_both[0].series)
    assert senders(clinician, cases[0]) == [colleague.display_name()]
    review_sign(series=by_one[0].series, actor=clinician, review=NewReview(ReviewVerdict.APPROVED, by_one[0]))
    assert senders(clinician, cases[1]) == []
    review_sign(series=by_both[0].series, actor=clinician, review=NewReview(ReviewVerdict.REJECTED, None, "Blurred"))
    assert senders(clinician, cases[0]) == []  # whatever else was said: the case is settled
    assert found(clinician) == []
    assert "Sent back" not in browser.get(LIST).content.decode()


def test_whoever_reads_a_series_blindly_is_not_told_that_others_sent_it_back(
    home: Institution, clinician: User
) -> None:
    reader, other = (factories.user("annotator", institution=home) for _ in range(2))
    series = factories.series(institution=home)
    mask = factories.prediction(of=series).annotation
    Case.objects.filter(pk=series.case_id).update(state="in-review")
    review_sign(series=series, actor=clinician, review=NewReview(ReviewVerdict.SENT_BACK, mask, "Too wide"))
    project = projects.project(readers=[reader, other], adjudicator=clinician, institution=home)
    ReadingItem.objects.create(institution=home, project=project, series=series)
    assert senders(clinician, series.case) == [clinician.display_name()]
    assert senders(reader, series.case) == []
    assert found(reader) == []


def test_whoever_reads_a_series_blindly_is_not_told_that_another_reader_answered_it(
    home: Institution, clinician: User
) -> None:
    reader, other = (factories.user("clinician", institution=home) for _ in range(2))
    series = factories.series(institution=home)
    mask = factories.prediction(of=series).annotation
    Case.objects.filter(pk=series.case_id).update(state="in-review")
    review_sign(series=series, actor=reader, review=NewReview(ReviewVerdict.SENT_BACK, mask, "Too wide"))
    project = projects.project(readers=[reader, other], adjudicator=clinician, institution=home)
    ReadingItem.objects.create(institution=home, project=project, series=series)
    factories.annotation(of=series, author=other)
    assert senders(clinician, series.case) == []
    assert senders(reader, series.case) == [reader.display_name()]
    assert found(reader) == [series.case.title]


def test_the_list_takes_as_many_queries_for_many_cases_sent_back_as_for_one(
    browser: Client, clinician: User, colleague: User, cases: list[Case]
) -> None:
    def queries() -> list[int]:
        asked = []
        for client, address in ((browser, LIST), (api(clinician), "/api/v1/cases/")):
            with CaptureQueriesContext(connection) as queried:
                assert client.get(address).status_code == 200
            asked.append(len(queried))
        return asked

    sent_back(cases[0], clinician, colleague)
    before = queries()
    for case in cases[1:]:
        sent_back(case, clinician, colleague)
    assert queries() == before
