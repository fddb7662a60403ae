"""The work list: its order, due dates, numbers, groups, and the filters that a person keeps."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Institution, User
from cases.models import Assignment, Case, Notice, ReaderGroup
from cases.worklist.assignments import To, cases_assign
from cases.worklist.filters import ORDERS, BadFilter, CaseFilter
from cases.worklist.groups import MOST_FILTERS, TooManyFilters, filter_save, group_create
from cases.worklist.queue import series_next
from cases.worklist.selectors import case_counts, case_page
from tests import factories
from tests.api_client import api, problem

pytestmark = pytest.mark.django_db
LIST = reverse("cases:list")
SORTED = list(ORDERS)


@pytest.fixture
def home() -> Institution:
    return factories.institution()


@pytest.fixture
def clinician(home: Institution) -> User:
    return factories.user("clinician", institution=home)


@pytest.fixture
def colleague(home: Institution) -> User:
    return factories.user("clinician", institution=home)


@pytest.fixture
def cases(home: Institution) -> list[Case]:
    """Three, the oldest first."""
    return [factories.case(institution=home, title=name, state="segmented") for name in ("first", "second", "third")]


@pytest.fixture
def browser(clinician: User) -> Client:
    client = Client()
    client.force_login(clinician, backend="django.contrib.auth.backends.ModelBackend")
    return client


def due(case: Case, actor: User, days: int) -> None:
    """As time has made it: due in ``days``, which may be negative."""
    cases_assign(cases=[case], actor=actor, to=To(person=actor.pk))
    Assignment.objects.filter(case=case).update(due_on=timezone.localdate() + timedelta(days=days))


def group(actor: User, *members: User, name: str = "Spine clinic") -> ReaderGroup:
    home = actor.memberships.get().institution
    return group_create(institution=home, actor=actor, name=name, members=[one.pk for one in members])


def titles(user: User, **narrowed: Any) -> list[str]:
    return [case.title for case in case_page(user, CaseFilter(**narrowed)).cases]


def paged(user: User, size: int, **narrowed: Any) -> list[str]:
    found, after = [], None
    while after != "":
        page = case_page(user, CaseFilter(**narrowed), after=after or "", size=size)
        found += [case.title for case in page.cases]
        after = page.after
    return found


# --- order and due dates ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("", ["third", "second", "first"]),
        ("oldest", ["first", "second", "third"]),
        ("due", ["third", "first", "second"]),
    ],
)
@pytest.mark.parametrize("size", [1, 2])
def test_the_list_keeps_its_order_over_pages(
    clinician: User, cases: list[Case], sort: str, order: list[str], size: int
) -> None:
    due(cases[2], clinician, 1)
    due(cases[0], clinician, 5)
    assert paged(clinician, size, sort=sort) == order
    client, address, seen = api(clinician), f"/api/v1/cases/?page_size={size}&sort={sort}", []
    while address:
        page = client.get(address).json()
        seen += [one["title"] for one in page["results"]]
        address = page["next"]
    assert seen == order


@pytest.mark.parametrize(
    ("wanted", "found"), [("overdue", ["first"]), ("soon", ["second"]), ("dated", ["third", "second", "first"])]
)
def test_the_list_is_narrowed_by_due_date_and_what_is_done_is_not_overdue(
    clinician: User, cases: list[Case], wanted: str, found: list[str]
) -> None:
    for case, days in zip(cases, (-1, 7, 8), strict=True):
        due(case, clinician, days)
    assert titles(clinician, due=wanted) == found
    Case.objects.filter(title="first").update(state="approved")
    assert titles(clinician, due=wanted) == [title for title in found if (title, wanted) != ("first", "overdue")]


def test_a_filter_that_means_nothing_says_what_is_known(clinician: User) -> None:
    for narrowed in ({"due": "someday"}, {"sort": "sideways"}, {"assigned": "somebody"}):
        with pytest.raises(BadFilter):
            titles(clinician, **narrowed)
    assert problem(api(clinician).get("/api/v1/cases/?due=someday")) == (400, "invalid")


@pytest.mark.parametrize("sort", SORTED)
@pytest.mark.parametrize(
    "text",
    [
        "[" * 20_000,
        "[1, 2, 3]",
        '{"created_at": 1}',
        '["2026-01-01T00:00:00", "00000000-0000-0000-0000-000000000000"]',
        '["2026-01-01T00:00:00+00:00", "no-id"]',
    ],
    ids=["deep", "numbers", "no-list", "no-time-zone", "no-id"],
)
def test_a_damaged_address_of_a_page_says_so(clinician: User, text: str, sort: str) -> None:
    with pytest.raises(BadFilter, match="The page address is not valid"):
        case_page(clinician, CaseFilter(sort=sort), after=base64.urlsafe_b64encode(text.encode()).decode())


def test_a_page_of_one_order_is_no_page_of_another(clinician: User, cases: list[Case]) -> None:
    after = case_page(clinician, size=1).after
    with pytest.raises(BadFilter):
        case_page(clinician, CaseFilter(sort="due"), after=after)


def test_the_list_takes_as_many_queries_for_many_assigned_cases_as_for_one(
    browser: Client, clinician: User, cases: list[Case], django_assert_num_queries: Any
) -> None:
    due(cases[0], clinician, -3)
    with CaptureQueriesContext(connection) as of_one:
        browser.get(LIST)
    for case in cases[1:]:
        due(case, clinician, -3)
    with django_assert_num_queries(len(of_one)):
        browser.get(LIST)


def test_the_page_shows_what_is_overdue(browser: Client, clinician: User, cases: list[Case]) -> None:
    due(cases[0], clinician, -3)
    assert "overdue" in browser.get(LIST).content.decode()


# --- numbers ----------------------------------------------------------------------------------------------------------
def test_each_state_has_its_number_with_the_rest_of_the_filter(
    browser: Client, clinician: User, cases: list[Case]
) -> None:
    Case.objects.filter(title="third").update(state="approved")
    factories.case(title="invisible", state="segmented")
    assert case_counts(clinician) == {"segmented": 2, "approved": 1}
    assert case_counts(clinician, CaseFilter(query="second", state="approved")) == {"segmented": 1}
    states = browser.get(LIST, {"state": "approved"}).context["states"]
    assert [(one["label"], one["count"]) for one in states if one["is_chosen"]] == [("Approved", 1)]
    assert [(one["label"], one["count"]) for one in states if one["count"]] == [
        ("All", 3),
        ("Segmented", 2),
        ("Approved", 1),
    ]
    counted = api(clinician).get("/api/v1/cases/counts/?q=second").json()
    assert (counted["total"], counted["states"]["segmented"], counted["states"]["approved"]) == (1, 1, 0)


# --- groups -----------------------------------------------------------------------------------------------------------
def test_a_case_of_a_group_waits_for_each_member_and_for_nobody_else(
    clinician: User, colleague: User, home: Institution, cases: list[Case]
) -> None:
    outside = factories.user("clinician", institution=home)
    factories.annotation(of=factories.series(of=cases[0]))
    cases_assign(cases=cases[:1], actor=clinician, to=To(group=group(clinician, clinician, colleague).pk))
    assert [series_next(one) is not None for one in (clinician, colleague, outside)] == [True, True, False]
    assert [titles(one, assigned="me") for one in (colleague, outside)] == [["first"], []]
    assert {one.recipient for one in Notice.objects.all()} == {colleague}  # who assigned it knows


def test_a_group_is_made_changed_and_removed_by_page(
    browser: Client, clinician: User, colleague: User, home: Institution, cases: list[Case]
) -> None:
    page = reverse("worklist:groups")
    browser.post(page, {"institution": home.pk, "name": "Residents", "members": [clinician.pk]})
    made = ReaderGroup.objects.get()
    browser.post(reverse("worklist:group", args=[made.pk]), {"name": "Seniors", "members": [colleague.pk]})
    made.refresh_from_db()
    assert (made.name, list(made.members.all())) == ("Seniors", [colleague])
    cases_assign(cases=cases, actor=clinician, to=To(group=made.pk))
    assert "3 cases assigned" in browser.get(page).content.decode()
    said = browser.post(reverse("worklist:group_remove", args=[made.pk]), follow=True).content.decode()
    assert "3 cases of the group are unassigned again" in said
    assert not Assignment.objects.exists()


def test_what_was_typed_stays_in_the_form_of_a_group_that_is_refused(
    browser: Client, clinician: User, colleague: User, home: Institution
) -> None:
    group(clinician, clinician)
    typed = {"institution": home.pk, "name": "Spine clinic", "members": [colleague.pk]}
    refused = browser.post(reverse("worklist:groups"), typed)
    assert refused.status_code == 400
    assert refused.context["places"][0]["new"]["members"] == {colleague.pk}
    assert "A group of this name already exists" in refused.content.decode()
    other = group(clinician, clinician, name="Other")
    refused = browser.post(reverse("worklist:group", args=[other.pk]), {"name": "Spine clinic"})
    assert [one["form"]["name"] for one in refused.context["places"][0]["groups"]] == ["Spine clinic", "Spine clinic"]


def test_a_group_takes_only_readers_of_its_institution_and_a_name_that_is_free(
    clinician: User, home: Institution
) -> None:
    group(clinician, clinician)
    client = api(clinician)
    stranger = factories.user("clinician", institution=factories.institution())
    body = {"institution": str(home.pk), "name": "Spine clinic", "members": []}
    assert problem(client.post("/api/v1/groups/", body)) == (409, "group-name-taken")
    body |= {"name": "Other", "members": [stranger.pk]}
    assert problem(client.post("/api/v1/groups/", body)) == (400, "no-reader")
    assert [one["name"] for one in client.get("/api/v1/groups/").json()["results"]] == ["Spine clinic"]


def test_a_group_of_another_institution_gets_no_case(clinician: User, cases: list[Case]) -> None:
    lead = factories.user("clinician", institution=factories.institution())
    theirs = group(lead, lead)
    body = {"cases": [str(cases[0].pk)], "group": str(theirs.pk)}
    assert api(clinician).put("/api/v1/assignments/", body).status_code == 404
    body = {"cases": [str(cases[0].pk)], "group": str(theirs.pk), "assignee": clinician.pk}
    assert api(clinician).put("/api/v1/assignments/", body).status_code == 400
    assert not Assignment.objects.exists()


# --- many at once -----------------------------------------------------------------------------------------------------
def test_chosen_cases_are_assigned_by_page_and_the_list_comes_back_as_it_was(
    browser: Client, clinician: User, colleague: User, cases: list[Case]
) -> None:
    address = reverse("worklist:assign_many") + "?state=segmented"
    body = {"cases": [cases[0].pk, cases[2].pk], "assignee": colleague.pk, "due_on": "2999-01-31"}
    answer = browser.post(address, body, follow=True)
    assert answer.redirect_chain[0][0] == f"{LIST}?state=segmented"
    assert "2 cases were assigned." in answer.content.decode()
    assert titles(colleague, assigned="me") == ["third", "first"]
    assert "Choose at least one case" in browser.post(address, {"assignee": colleague.pk}, follow=True).content.decode()
    made = group(clinician, colleague)
    browser.post(address, {"cases": [cases[1].pk], "assignee": str(made.pk)})
    assert titles(clinician, assigned=str(made.pk)) == ["second"]


def test_more_cases_than_fit_at_once_are_not_silently_left_out(
    browser: Client, colleague: User, cases: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cases.worklist.pages.MOST_AT_ONCE", 2)
    body = {"cases": [case.pk for case in cases], "assignee": colleague.pk}
    shown = browser.post(reverse("worklist:assign_many"), body, follow=True).content.decode()
    assert "2 cases were assigned." in shown
    assert "Choose the remaining ones again" in shown
    assert titles(colleague, assigned="me") == ["second", "first"]


def test_what_is_shown_of_groups_costs_the_same_for_one_and_for_many(
    browser: Client, clinician: User, cases: list[Case]
) -> None:
    client = api(clinician)

    def queries() -> list[int]:
        asked = []
        for one, address in (
            (browser, reverse("worklist:groups")),
            (client, f"/api/v1/cases/{cases[0].pk}/assignees/"),
        ):
            with CaptureQueriesContext(connection) as queried:
                assert one.get(address).status_code == 200
            asked.append(len(queried))
        return asked

    group(clinician, clinician, name="first")
    before = queries()
    for name in ("second", "third", "fourth"):
        group(clinician, clinician, name=name)
    assert queries() == before


# --- saved filters ----------------------------------------------------------------------------------------------------
def test_a_filter_is_saved_found_again_and_removed(browser: Client, clinician: User, cases: list[Case]) -> None:
    browser.post(reverse("worklist:filter") + "?state=segmented&due=&nonsense=1", {"name": "To read"})
    saved = clinician.case_filters.get()  # type: ignore[attr-defined]
    assert (saved.name, saved.query) == ("To read", "state=segmented")
    assert (
        'href="?state=segmented" aria-current="true">To read' in browser.get(f"{LIST}?state=segmented").content.decode()
    )
    browser.post(reverse("worklist:filter_remove", args=[saved.pk]))
    assert not clinician.case_filters.exists()  # type: ignore[attr-defined]


def test_a_filter_that_narrows_nothing_is_not_saved_and_fifty_are_enough(clinician: User) -> None:
    body = {"name": "All", "query": "nonsense=1"}
    assert problem(api(clinician).post("/api/v1/case-filters/", body)) == (400, "nothing-to-save")
    for number in range(MOST_FILTERS):
        filter_save(actor=clinician, name=str(number), query="due=soon")
    with pytest.raises(TooManyFilters):
        filter_save(actor=clinician, name="one more", query="due=soon")
    assert filter_save(actor=clinician, name="7", query="due=overdue").query == "due=overdue"


def test_a_search_too_long_to_be_kept_is_refused(browser: Client, clinician: User) -> None:
    words = "척추" * 100  # three bytes each, and each byte takes three letters of an address
    assert problem(api(clinician).post("/api/v1/case-filters/", {"name": "Long", "query": f"q={words}"})) == (
        400,
        "filter-too-long",
    )
    shown = browser.post(f"{reverse('worklist:filter')}?q={words}", {"name": "Long"}, follow=True)
    assert "too long to be saved" in shown.content.decode()
    assert not clinician.case_filters.exists()  # type: ignore[attr-defined]
