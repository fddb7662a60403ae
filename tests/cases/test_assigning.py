"""Who is to read which case."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Institution, User
from cases.models import Assignment, Case
from cases.worklist.assignments import DuePassed, To, cases_assign
from cases.worklist.groups import group_create, group_delete
from cases.worklist.queue import series_next
from spineplatform.shared.errors import NotFound
from tests import factories

pytestmark = pytest.mark.django_db
YESTERDAY, TOMORROW = (str(timezone.localdate() + timedelta(days=days)) for days in (-1, 1))
PASSED = "This date has passed. Choose today or a later day."


@pytest.fixture
def home() -> Institution:
    return factories.institution()


@pytest.fixture
def clinician(home: Institution) -> User:
    return factories.user("clinician", institution=home)


@pytest.fixture
def cases(home: Institution) -> list[Case]:
    found = [factories.case(institution=home, state="segmented") for _ in range(2)]
    for case in found:
        factories.annotation(of=factories.series(of=case))
    return found


def door(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def assign(actor: User, cases: list[Case], assignee: User | None) -> Any:
    body = {"cases": [str(case.pk) for case in cases], "assignee": assignee.pk if assignee else None}
    return door(actor).put(reverse("api:assignments"), body, content_type="application/json")


def test_what_is_assigned_to_somebody_else_does_not_come_up_in_my_queue(
    home: Institution, clinician: User, cases: list[Case]
) -> None:
    colleague = factories.user("clinician", institution=home)
    assert assign(clinician, cases[:1], colleague).status_code == 204
    assert series_next(clinician).case == cases[1]  # type: ignore[union-attr]
    assert series_next(colleague).case == cases[0]  # type: ignore[union-attr]
    assert assign(clinician, cases, clinician).status_code == 204
    assert series_next(colleague) is None
    assert assign(clinician, cases, None).status_code == 204
    assert series_next(colleague).case == cases[0]  # type: ignore[union-attr]


def test_a_case_is_never_assigned_to_an_outsider(clinician: User, cases: list[Case]) -> None:
    outsider = factories.user("clinician", institution=factories.institution())
    assert assign(clinician, cases, outsider).status_code == 404
    assert assign(outsider, cases, outsider).status_code == 404
    assert not Assignment.objects.exists()


def test_the_case_page_assigns_and_shows_to_whom(clinician: User, cases: list[Case]) -> None:
    client = door(clinician)
    body = {"assignee": clinician.pk, "due_on": "2999-01-31"}
    answer = client.post(reverse("worklist:assign", args=[cases[0].pk]), body, follow=True)
    assert f'<option value="{clinician.pk}" selected>' in answer.content.decode()
    assert 'value="2999-01-31"' in answer.content.decode()
    client.post(reverse("worklist:assign", args=[cases[0].pk]), {"assignee": "nobody", "due_on": "soon"})
    assert Assignment.objects.count() == 1


def due(case: Case) -> date | None:
    return Assignment.objects.get(case=case).due_on


def test_a_date_that_has_passed_is_refused_by_rest(clinician: User, cases: list[Case]) -> None:
    body = {"cases": [str(case.pk) for case in cases], "assignee": clinician.pk, "due_on": YESTERDAY}
    answer = door(clinician).put(reverse("api:assignments"), body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "due-passed")
    assert answer.json()["detail"] == PASSED
    assert not Assignment.objects.exists()
    body["due_on"] = TOMORROW
    assert door(clinician).put(reverse("api:assignments"), body, content_type="application/json").status_code == 204


def test_a_date_that_has_passed_is_refused_on_the_page_of_a_case_and_in_the_list(
    clinician: User, cases: list[Case]
) -> None:
    body = {"assignee": clinician.pk, "due_on": YESTERDAY, "cases": [case.pk for case in cases]}
    for address in (reverse("worklist:assign", args=[cases[0].pk]), reverse("worklist:assign_many")):
        assert PASSED in door(clinician).post(address, body, follow=True).content.decode()
    assert not Assignment.objects.exists()


def test_a_late_case_goes_to_somebody_else_or_to_nobody_with_its_date(
    home: Institution, clinician: User, cases: list[Case]
) -> None:
    late, other = cases
    colleague, client = factories.user("clinician", institution=home), door(clinician)
    assign(clinician, [late], clinician)
    Assignment.objects.update(due_on=YESTERDAY)
    assert f'value="{YESTERDAY}"' in client.get(late.get_absolute_url()).content.decode()
    body = {"assignee": colleague.pk, "due_on": YESTERDAY}
    client.post(reverse("worklist:assign", args=[late.pk]), body)
    assert Assignment.objects.get(case=late).assignee == colleague
    assert due(late) == date.fromisoformat(YESTERDAY)
    many = client.post(reverse("worklist:assign_many"), body | {"cases": [late.pk, other.pk]}, follow=True)
    assert PASSED in many.content.decode()
    assert not Assignment.objects.filter(case=other).exists()
    client.post(reverse("worklist:assign", args=[late.pk]), {"assignee": "", "due_on": YESTERDAY})
    assert not Assignment.objects.exists()


def test_the_day_is_that_of_the_installation(clinician: User, cases: list[Case], settings: Any) -> None:
    """At 20:00 UTC it is tomorrow in Seoul already."""
    settings.TIME_ZONE = "Asia/Seoul"
    evening = datetime(2026, 11, 27, 20, tzinfo=UTC)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("django.utils.timezone.now", lambda: evening)
        with pytest.raises(DuePassed):
            cases_assign(cases=cases, actor=clinician, to=To(person=clinician.pk), due_on=date(2026, 11, 27))
        cases_assign(cases=cases, actor=clinician, to=To(person=clinician.pk), due_on=date(2026, 11, 28))
    assert due(cases[0]) == date(2026, 11, 28)


@pytest.mark.parametrize(("assigned", "shown"), [("", [True, True]), ("me", [True, False]), ("nobody", [False, True])])
def test_the_list_is_narrowed_to_mine_or_to_nobodys(
    clinician: User, cases: list[Case], assigned: str, shown: list[bool]
) -> None:
    assign(clinician, cases[:1], clinician)
    page = door(clinician).get(reverse("cases:list"), {"assigned": assigned}).content.decode()
    assert [case.get_absolute_url() in page for case in cases] == shown


def test_the_next_page_leads_to_the_reading_room_and_says_when_nothing_waits(
    clinician: User, cases: list[Case]
) -> None:
    client = door(clinician)
    assert "/read/" in client.get(reverse("worklist:next")).headers["Location"]
    Case.objects.update(state="approved")
    assert (
        "Nothing is assigned to you or waiting." in client.get(reverse("worklist:next"), follow=True).content.decode()
    )


# --- at the same time -------------------------------------------------------------------------------------------------
def at_once(*deeds: Callable[[], object]) -> list[BaseException]:
    """What was raised when all were done at the same time."""
    begin, raised = Barrier(len(deeds)), []

    def tried(deed: Callable[[], object]) -> None:
        begin.wait()
        try:
            deed()
        except Exception as error:  # noqa: BLE001 - told to the test
            raised.append(error)
        finally:
            connection.close()

    threads = [Thread(target=tried, args=[deed]) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


@pytest.mark.django_db(transaction=True)
def test_two_people_assign_the_same_cases_at_once_in_opposite_order() -> None:
    home = factories.institution()
    lead, other = (factories.user("clinician", institution=home) for _ in range(2))
    patient = factories.case(institution=home).patient
    cases = Case.objects.bulk_create(Case(institution=home, patient=patient, title=str(n)) for n in range(150))
    for _ in range(3):
        assert not at_once(
            partial(cases_assign, cases=cases, actor=lead, to=To(person=lead.pk)),
            partial(cases_assign, cases=cases[::-1], actor=other, to=To(person=other.pk)),
            partial(cases_assign, cases=cases, actor=other, to=To()),
        )


@pytest.mark.django_db(transaction=True)
def test_a_group_removed_while_a_case_is_given_to_it_leaves_no_error_and_no_trace() -> None:
    home = factories.institution()
    lead = factories.user("clinician", institution=home)
    for number in range(5):
        group = group_create(institution=home, actor=lead, name=str(number), members=[lead.pk])
        case = factories.case(institution=home)
        raised = at_once(
            partial(cases_assign, cases=[case], actor=lead, to=To(group=group.pk)),
            partial(group_delete, group=group, actor=lead),
        )
        assert all(isinstance(error, NotFound) for error in raised)
        assert not Assignment.objects.filter(case=case).exists()
