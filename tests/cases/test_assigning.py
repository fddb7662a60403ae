"""Who is to read which case."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import Institution, User
from cases.models import Assignment, Case
from cases.worklist.assigning import To, cases_assign
from cases.worklist.grouping import group_create, group_delete
from cases.worklist.queue import series_next
from spineplatform.shared.errors import NotFound
from tests import factories

pytestmark = pytest.mark.django_db


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
    body = {"assignee": clinician.pk, "due_on": "2030-01-31"}
    answer = client.post(reverse("worklist:assign", args=[cases[0].pk]), body, follow=True)
    assert f'<option value="{clinician.pk}" selected>' in answer.content.decode()
    assert 'value="2030-01-31"' in answer.content.decode()
    client.post(reverse("worklist:assign", args=[cases[0].pk]), {"assignee": "nobody", "due_on": "soon"})
    assert Assignment.objects.count() == 1


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
    assert "Nothing waits for you." in client.get(reverse("worklist:next"), follow=True).content.decode()


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
