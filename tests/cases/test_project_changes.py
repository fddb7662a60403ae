"""Changing a reading project: who reads and adjudicates, thresholds, the name; and what a begun reading forbids."""

from __future__ import annotations

from threading import Thread
from typing import Any

import pytest
from django.db import connection

from accounts.models import Role, User
from cases.models import ProjectMember, ReadingItem
from cases.projects.reading_services import reading_finish
from cases.projects.services import project_change
from spineplatform.shared.errors import Forbidden, UserError
from spineplatform.shared.models import AuditEvent
from tests import factories
from tests.api_client import api, problem
from tests.cases import projects
from tests.cases.projects import Group

pytestmark = pytest.mark.django_db


@pytest.fixture
def group() -> Group:
    return projects.group()


def admin_of(group: Group) -> User:
    return factories.user(Role.MODEL_ADMIN, institution=group.project.institution)


def colleague(group: Group) -> User:
    return factories.user("annotator", institution=group.project.institution)


def change(group: Group, **changes: Any) -> Any:
    return api(admin_of(group)).patch(f"/api/v1/projects/{group.project.pk}/", changes)


def names(people: list[User]) -> list[str]:
    return [one.username for one in people]


def test_what_is_not_named_stays_and_the_change_is_recorded(group: Group) -> None:
    answer = change(group, name="Lumbar 2027", agreed_dice=0.9, margin=0.05)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["name"], body["agreed_dice"], body["margin"]) == ("Lumbar 2027", 0.9, 0.05)
    assert (body["readers"], body["adjudicators"]) == (names([group.first, group.second]), names([group.third]))
    event = AuditEvent.objects.get(action="project.changed")
    assert event.detail == {
        "name": [group.project.name, "Lumbar 2027"],
        "agreed_dice": [None, 0.9],
        "margin": [group.project.margin, 0.05],
    }


def test_a_name_that_is_used_is_refused(group: Group) -> None:
    other = projects.project(
        readers=[group.first, group.second], adjudicator=group.third, institution=group.project.institution
    )
    assert problem(change(group, name=other.name)) == (409, "project-name-taken")


# --- people -----------------------------------------------------------------------------------------------------------
def test_a_new_reader_reads_what_not_all_have_read_and_comes_after_the_others(group: Group) -> None:
    settled, going = projects.both_read(group), projects.item(group.project)
    projects.finish(going, group.first)
    third = colleague(group)
    answer = change(group, readers=[third.pk, group.first.pk, group.second.pk])
    assert answer.json()["readers"] == names([group.first, group.second, third])
    projects.finish(going, group.second)
    assert going.state == "one-read"
    projects.finish(going, third)
    settled.refresh_from_db()
    assert (going.state, settled.state) == ("all-read", "all-read")
    assert settled.figures is not None


def test_an_open_series_that_all_had_read_waits_for_nobody_who_came_later() -> None:
    group = projects.group(blind=False)
    item = projects.both_read(group)
    change(group, readers=[group.first.pk, group.second.pk, colleague(group).pk])
    projects.finish(item, group.first, shift=3)
    assert item.state == "all-read"


def test_a_series_that_waited_only_for_a_removed_reader_is_compared(group: Group) -> None:
    late = colleague(group)
    change(group, readers=[group.first.pk, group.second.pk, late.pk])
    item = projects.item(group.project)
    projects.finish(item, group.first)
    projects.finish(item, group.second)
    assert change(group, readers=[group.first.pk, group.second.pk]).status_code == 200
    projects.work(item)
    assert (item.state, len(item.figures["pairs"])) == ("all-read", 3)


def test_a_reader_who_has_read_and_leaves_is_waited_for_no_more_and_the_readings_count(group: Group) -> None:
    third = colleague(group)
    everybody = [group.first.pk, group.second.pk, third.pk]
    assert change(group, readers=everybody).status_code == 200
    both, one, none = (projects.item(group.project) for _ in range(3))
    projects.finish(both, group.first)
    projects.finish(both, group.second)
    projects.finish(one, group.second)
    answer = change(group, readers=[group.second.pk, third.pk])  # the first leaves
    assert answer.json()["readers"] == names([group.second, third])
    projects.finish(both, third)
    projects.finish(one, third)
    for item in (both, one, none):
        item.refresh_from_db()
    assert [item.state for item in (both, one, none)] == ["all-read", "all-read", "waiting"]
    assert both.readings.count() == 3
    with pytest.raises(Forbidden):
        projects.finish(none, group.first)


def test_a_reader_who_left_a_blind_project_before_reading_stays_blind_and_may_come_back(group: Group) -> None:
    item = projects.item(group.project)
    mask = projects.mask(item, group.first)
    projects.finish(item, group.first)
    newcomer = colleague(group)
    assert change(group, readers=[group.first.pk, newcomer.pk]).status_code == 200
    assert mask not in item.series.annotations.seen_by(group.second)
    assert change(group, readers=[group.first.pk, group.second.pk]).status_code == 200
    projects.finish(item, group.second)
    item.refresh_from_db()
    assert item.state == "all-read"


def test_one_reading_alone_is_never_all_and_who_left_comes_back_to_the_same_place(group: Group) -> None:
    item = projects.item(group.project)
    projects.finish(item, group.first)
    newcomers = [colleague(group), colleague(group)]
    assert change(group, readers=[one.pk for one in newcomers]).status_code == 200
    item.refresh_from_db()
    assert item.state == "one-read"
    assert change(group, readers=[one.pk for one in (group.first, *newcomers)]).json()["readers"] == names(
        [group.first, *newcomers]
    )


def test_whoever_has_read_adjudicates_nothing_also_not_after_leaving(group: Group) -> None:
    projects.finish(projects.item(group.project), group.first)
    others = [group.second.pk, colleague(group).pk]
    refused = change(group, readers=others, adjudicators=[group.first.pk])
    assert problem(refused) == (409, "reader-stays")
    assert group.first.display_name() in refused.json()["detail"]
    assert problem(change(group, adjudicators=[group.first.pk])) == (400, "project-people")
    assert change(group, readers=others).status_code == 200
    assert problem(change(group, adjudicators=[group.first.pk])) == (409, "reader-stays")


def test_before_anything_is_read_people_change_parts(group: Group) -> None:
    projects.item(group.project)
    answer = change(group, readers=[group.second.pk, group.third.pk], adjudicators=[group.first.pk])
    assert (answer.json()["readers"], answer.json()["adjudicators"]) == (
        names([group.second, group.third]),
        names([group.first]),
    )


def test_an_adjudicator_reads_nothing_blindly_that_is_being_read(group: Group) -> None:
    projects.finish(projects.item(group.project), group.first)
    parts = {"readers": [group.first.pk, group.second.pk, group.third.pk], "adjudicators": [colleague(group).pk]}
    assert problem(change(group, **parts)) == (409, "adjudicator-has-seen")


def test_a_member_who_lost_the_right_may_stay_but_nobody_without_it_joins(group: Group) -> None:
    group.first.memberships.update(role=Role.MODEL_ADMIN)
    people = [group.first.pk, group.second.pk]
    assert change(group, readers=[*people, colleague(group).pk]).status_code == 200
    newcomer = factories.user(Role.MODEL_ADMIN, institution=group.project.institution)
    assert problem(change(group, readers=[*people, newcomer.pk])) == (400, "project-people")


# --- thresholds -------------------------------------------------------------------------------------------------------
def test_a_lower_threshold_settles_what_is_open_and_leaves_what_is_settled() -> None:
    group = projects.group(agreed_dice=0.97)
    settled, near, far = (projects.both_read(group, shift=shift) for shift in (0, 1, 5))
    decision = settled.decision
    assert (settled.state, near.state, far.state) == ("agreed", "all-read", "all-read")
    assert change(group, agreed_dice=0.85).status_code == 200
    assert far.runs.filter(state="queued").count() == 0
    projects.work(near)
    assert (near.state, near.decision.kind) == ("agreed", "agreed")
    change(group, agreed_dice=None)
    settled.refresh_from_db()
    assert (settled.state, settled.decision) == ("agreed", decision)


def test_the_margin_stays_once_all_have_read_a_series(group: Group) -> None:
    projects.both_read(group)
    assert problem(change(group, margin=0.1)) == (409, "margin-fixed")
    assert change(group, margin=group.project.margin, name="Same margin").status_code == 200


# --- at the same time -------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("blind", [True, False])
def test_a_reader_who_finishes_at_that_moment_has_either_left_or_never_read(blind: bool) -> None:
    group = projects.group(blind=blind)
    item = projects.item(group.project)
    mask = projects.mask(item, group.first)
    staying = [group.second, colleague(group)]
    admin = admin_of(group)
    outcomes: dict[str, bool] = {}

    def tried(name: str, deed: Any) -> None:
        try:
            deed()
            outcomes[name] = True
        except UserError:
            outcomes[name] = False
        finally:
            connection.close()

    deeds = {
        "read": lambda: reading_finish(item=item, annotation=mask, actor=group.first),
        "removed": lambda: project_change(project=group.project, actor=admin, changes={"readers": staying}),
    }
    threads = [Thread(target=tried, args=deed) for deed in deeds.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes["removed"]
    assert ReadingItem.objects.get().readings.exists() == outcomes["read"]
    kept = ProjectMember.objects.filter(user=group.first.pk).first()
    # Who leaves a blind project that is being read stays blind, having read or not.
    assert (kept is not None and kept.left_at is not None) == (outcomes["read"] or blind)


# --- the page ---------------------------------------------------------------------------------------------------------
def test_the_page_begins_with_what_is_and_says_why_something_is_refused(group: Group, client: Any) -> None:
    item = projects.item(group.project)
    projects.finish(item, group.first)
    client.force_login(admin_of(group))
    address = f"{group.project.get_absolute_url()}change/"
    page = client.get(address)
    assert f"waits for them: {group.first.display_name()}" in page.content.decode()
    given = {"name": "Renamed", "readers": [group.second.pk, colleague(group).pk], "adjudicators": group.first.pk}
    refused = client.post(address, {**given, "margin": 0.02})
    assert refused.status_code == 400
    assert "cannot adjudicate it" in refused.content.decode()
    given["adjudicators"] = group.third.pk
    shown = client.post(address, {**given, "margin": 0.02}, follow=True).content.decode()
    assert f'{group.first.display_name()} <span class="muted">(no longer a reader)</span>' in shown
    group.project.refresh_from_db()
    assert group.project.name == "Renamed"
