"""Who is to read which case."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Institution, User
from cases.models import Assignment, Case
from cases.selectors_worklist import series_next
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
