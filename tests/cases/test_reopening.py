"""A settled series of a project is opened again in its project, with a reason, and nowhere else."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role, User
from cases.approved import approved_masks
from cases.comments.selectors import notices_of
from cases.models import CaseState, ReadingItem, Review
from cases.models.projects import AgreementJob
from cases.projects.reading_services import item_decide
from spineplatform.shared.models import AuditEvent
from tests import factories
from tests.api_client import api, problem
from tests.cases import projects
from tests.cases.projects import Group
from tests.cases.test_agreement import to_train

pytestmark = pytest.mark.django_db


@pytest.fixture
def group() -> Group:
    return projects.group()


def settled(group: Group) -> ReadingItem:
    item = projects.both_read(group)
    item_decide(item=item, annotation=item.readings.first().annotation, actor=group.third)
    item.refresh_from_db()
    return item


def reopen(item: ReadingItem, actor: User, reason: str = "L5 was cut.") -> tuple[int, dict]:
    answer = api(actor).post(f"/api/v1/readings/{item.pk}/reopening/", {"reason": reason})
    item.refresh_from_db()
    return answer.status_code, answer.json()


def page(item: ReadingItem, user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.get(item.get_absolute_url()).content.decode()


def test_a_reopened_series_has_no_approved_mask_and_is_settled_anew(group: Group) -> None:
    item = settled(group)
    mask, other = (one.annotation for one in item.readings.order_by("pk"))
    status, body = reopen(item, group.third)
    assert (status, body["state"], body["decision"]) == (200, "all-read", None)
    assert (body["reopened"]["by"], body["reopened"]["reason"]) == (group.third.username, "L5 was cut.")
    assert to_train(group) == []
    assert approved_masks([item.series_id], None) == {}
    item.series.case.refresh_from_db()
    assert item.series.case.state != CaseState.APPROVED
    words = [(one.verdict, one.annotation, one.reason) for one in Review.objects.filter(series=item.series)]
    assert words == [("sent-back", mask, "L5 was cut."), ("approved", mask, "")], "the approval stays in the history"
    event = AuditEvent.objects.get(action="reading.reopened")
    assert (event.actor, event.detail["annotation"]) == (group.third, str(mask.pk))
    assert "Reopened by" in page(item, group.third)
    answer = api(group.third).post(f"/api/v1/readings/{item.pk}/decision/", {"mask": str(other.pk)})
    assert (answer.status_code, answer.json()["reopened"]) == (201, None)
    assert to_train(group) == [other]
    assert approved_masks([item.series_id], None) == {(item.series_id, "spine-ct"): other.pk}


def test_the_same_mask_may_settle_a_reopened_series_again(group: Group) -> None:
    item = settled(group)
    mask = item.decision.annotation
    for _ in range(2):
        reopen(item, group.third)
        item_decide(item=ReadingItem.objects.get(pk=item.pk), annotation=mask, actor=group.third)
    assert to_train(group) == [mask]


def test_readers_who_agree_do_not_settle_a_reopened_series_again() -> None:
    group = projects.group(agreed_dice=0.85)
    item = projects.both_read(group, shift=1)
    assert item.state == "agreed"
    reopen(item, group.third)
    assert api(group.third).post(f"/api/v1/readings/{item.pk}/figures/").status_code == 202
    projects.work(item)
    assert (item.state, item.runs.filter(job=AgreementJob.FIGURES).first().state) == ("all-read", "succeeded")
    assert to_train(group) == []


def test_whoever_set_the_project_up_may_reopen_and_nobody_else(group: Group) -> None:
    lead = factories.user(Role.MODEL_ADMIN, institution=group.project.institution)
    other = factories.user(Role.MODEL_ADMIN, institution=group.project.institution)
    item = settled(group)
    group.project.created_by = lead
    group.project.save()
    for person in (group.first, other, factories.user("clinician", institution=group.project.institution)):
        assert reopen(item, person)[0] == 403
        assert "Reopen series" not in page(item, person)
    assert reopen(item, factories.user("clinician"))[0] == 404
    assert "Reopen series" in page(item, lead)
    assert reopen(item, lead)[0] == 200
    assert "Reopen series" not in page(item, lead), "it is open"


def test_a_reason_is_needed_and_what_is_open_is_not_reopened(group: Group) -> None:
    item = settled(group)
    address = f"/api/v1/readings/{item.pk}/reopening/"
    assert api(group.third).post(address, {"reason": "  "}).status_code == 400
    assert api(group.third).post(address, {}).status_code == 400
    client = Client()
    client.force_login(group.third)
    answer = client.post(reverse("projects:reopen", args=[item.pk]), {"reason": " "}, follow=True)
    assert "Give a short reason for reopening the series" in answer.content.decode()
    item.refresh_from_db()
    assert item.state == "adjudicated"
    client.post(reverse("projects:reopen", args=[item.pk]), {"reason": "Wrong level."})
    item.refresh_from_db()
    assert item.state == "all-read"
    assert problem(api(group.third).post(address, {"reason": "Again."})) == (409, "not-settled")


def test_who_settles_and_who_drew_the_mask_hear_of_it_and_all_is_settled_no_more(group: Group) -> None:
    lead = factories.user(Role.MODEL_ADMIN, institution=group.project.institution)
    fourth = factories.user("clinician", institution=group.project.institution)
    group.project.members.create(user=fourth, role="adjudicator")
    group.project.created_by = lead
    group.project.save()
    item = settled(group)
    assert [one.kind for one in notices_of(lead).unread()] == ["all-settled"]
    reopen(item, group.third)
    heard = {
        person: [(one.kind, one.text) for one in notices_of(person).unread()]
        for person in (lead, fourth, group.third, group.first, group.second)
    }
    assert heard[lead] == heard[group.third] == []
    assert [kind for kind, _ in heard[fourth]] == ["to-settle"]
    drew, did_not = item.readings.order_by("pk")[0].reader, item.readings.order_by("pk")[1].reader
    assert ("sent-back", "L5 was cut.") in heard[drew]
    assert "sent-back" not in [kind for kind, _ in heard[did_not]]


def test_blind_readers_stay_out_of_a_reopened_series(group: Group) -> None:
    """All have seen each other's masks: nobody finishes it a second time."""
    item = settled(group)
    reopen(item, group.third)
    mask = projects.mask(item, group.first, shift=2)
    answer = api(group.first).post(f"/api/v1/readings/{item.pk}/finish/", {"mask": str(mask.pk)})
    assert problem(answer) == (409, "reading-closed")
