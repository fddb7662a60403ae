"""What the people of a reading project are told: series to read, series to settle, and that all are settled."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from accounts.models import Role, User
from cases.comments.selectors import notices_of, unread_count
from cases.consumers import NoticeConsumer
from cases.models import Notice, NoticeKind, ReadingItem
from cases.notifications import notify_changed, person_group
from cases.projects.reading_services import item_decide
from cases.projects.services import ProjectChanges, item_remove, project_add_series, project_change
from tests import factories
from tests.api_client import api
from tests.cases import projects
from tests.cases.projects import Group
from tests.cases.test_commenting import door
from tests.cases.test_consumers import Listener

pytestmark = pytest.mark.django_db


@pytest.fixture
def group() -> Group:
    return projects.group()


@pytest.fixture
def lead(group: Group) -> User:
    """Whoever set the project up."""
    person = factories.user(Role.MODEL_ADMIN, institution=group.project.institution)
    group.project.created_by = person
    group.project.save()
    return person


def add(group: Group, actor: User, *, series: int) -> list[ReadingItem]:
    made = [factories.series(institution=group.project.institution) for _ in range(series)]
    return project_add_series(project=group.project, series=made, actor=actor)


def change(group: Group, actor: User, **changes: Any) -> None:
    project_change(project=group.project, actor=actor, changes=ProjectChanges(**changes))


def read_by_all(group: Group, *, shift: int = 1) -> ReadingItem:
    """A series that both have finished and nobody has compared yet."""
    item = projects.item(group.project)
    projects.finish(item, group.first)
    projects.finish(item, group.second, shift=shift)
    return item


def settle(group: Group, item: ReadingItem) -> None:
    mask = item.readings.order_by("pk")[0].annotation
    item_decide(item=item, annotation=mask, actor=group.third)


def told(person: User) -> list[tuple[str, int | None]]:
    return [(one.kind, one.number) for one in notices_of(person).unread()]


# --- readers ----------------------------------------------------------------------------------------------------------
def test_many_series_are_one_notice_with_their_number_to_each_reader_and_to_nobody_else(
    group: Group, lead: User
) -> None:
    add(group, lead, series=3)
    assert (told(group.first), told(group.second), told(group.third), told(lead)) == (
        [("to-read", 3)],
        [("to-read", 3)],
        [],
        [],
    )
    (notice,) = notices_of(group.first)
    assert (notice.actor, notice.title, notice.address) == (lead, group.project.name, group.project.get_absolute_url())


def test_more_series_take_the_place_of_a_notice_that_was_not_read_and_count_what_is_left(
    group: Group, lead: User
) -> None:
    first, *_ = add(group, lead, series=3)
    projects.finish(first, group.first)
    door(group.second).get(group.project.get_absolute_url())
    add(group, lead, series=2)
    assert (told(group.first), told(group.second)) == ([("to-read", 4)], [("to-read", 5)])
    assert (notices_of(group.first).count(), notices_of(group.second).count()) == (1, 2)


def test_a_reader_who_comes_to_a_project_hears_what_there_is_to_read(group: Group, lead: User) -> None:
    add(group, lead, series=2)
    Notice.objects.all().delete()
    newcomer = factories.user(Role.ANNOTATOR, institution=group.project.institution)
    change(group, lead, readers=[group.first, group.second, newcomer])
    assert (told(newcomer), told(group.first)) == ([("to-read", 2)], [])


def test_a_reader_who_comes_to_a_project_without_series_to_read_hears_nothing(group: Group, lead: User) -> None:
    settle(group, projects.both_read(group))
    newcomer = factories.user(Role.ANNOTATOR, institution=group.project.institution)
    change(group, lead, readers=[group.first, group.second, newcomer])
    assert told(newcomer) == []


def test_a_reader_who_left_is_told_nothing_and_on_coming_back_what_is_left(group: Group, lead: User) -> None:
    items = add(group, lead, series=3)
    projects.finish(items[0], group.second)
    others = [group.first, factories.user(Role.ANNOTATOR, institution=group.project.institution)]
    change(group, lead, readers=others)
    add(group, lead, series=1)
    assert (told(group.second), unread_count(group.second)) == ([], 0)
    assert group.project.name not in door(group.second).get("/notices/").content.decode()
    assert api(group.second).get("/api/v1/notices/").json()["results"] == []
    change(group, lead, readers=[*others, group.second])
    assert told(group.second) == [("to-read", 3)]


def test_a_reader_is_told_nothing_of_what_the_others_do(group: Group, lead: User) -> None:
    items = add(group, lead, series=2)
    before = list(Notice.objects.filter(recipient=group.first).values())
    projects.finish(items[0], group.second)
    projects.finish(items[1], group.second)
    assert list(Notice.objects.filter(recipient=group.first).values()) == before
    for item in items:
        projects.finish(item, group.first)
        settle(group, item)
    assert told(group.first) == []


def test_an_unread_notice_tells_what_is_left_and_counts_as_read_once_nothing_is(group: Group, lead: User) -> None:
    items = add(group, lead, series=3)
    projects.finish(items[0], group.first)
    assert (told(group.first), told(group.second)) == ([("to-read", 2)], [("to-read", 3)])
    item_remove(item=items[1], actor=lead)
    assert (told(group.first), told(group.second)) == ([("to-read", 1)], [("to-read", 2)])
    projects.finish(items[2], group.first)
    assert (told(group.first), told(group.second)) == ([], [("to-read", 2)])
    assert notices_of(group.first).get().number == 1


def test_whoever_loses_the_institution_is_told_nothing_more(group: Group, lead: User) -> None:
    add(group, lead, series=1)
    group.first.memberships.all().delete()
    assert told(group.first) == []


# --- adjudicators -----------------------------------------------------------------------------------------------------
def test_an_adjudicator_hears_of_a_series_once_all_have_finished_it(group: Group, lead: User) -> None:
    (item,) = add(group, lead, series=1)
    projects.finish(item, group.first)
    assert told(group.third) == []
    projects.finish(item, group.second)
    (notice,) = notices_of(group.third)
    assert (notice.kind, notice.number, notice.actor) == ("to-settle", 1, None)
    projects.work(item)
    assert notices_of(group.third).get() == notice  # the figures tell nothing new


def test_several_series_ready_to_settle_are_one_notice(group: Group) -> None:
    for _ in range(2):
        read_by_all(group)
    assert told(group.third) == [("to-settle", 2)]


def test_series_that_only_waited_for_a_reader_who_left_are_one_notice(group: Group, lead: User) -> None:
    late = factories.user(Role.ANNOTATOR, institution=group.project.institution)
    change(group, lead, readers=[group.first, group.second, late])
    for _ in range(3):
        read_by_all(group)
    assert told(group.third) == []
    change(group, lead, readers=[group.first, group.second])
    assert told(group.third) == [("to-settle", 3)]
    assert Notice.objects.filter(recipient=group.third).count() == 1


def test_where_readers_may_agree_an_adjudicator_hears_only_of_what_they_did_not_agree_upon(lead: User) -> None:
    group = projects.group(agreed_dice=0.9, created_by=lead, institution=lead.memberships.get().institution)
    agreed, other = read_by_all(group, shift=0), read_by_all(group, shift=4)
    projects.work(agreed)
    assert told(group.third) == []
    projects.work(other)
    assert told(group.third) == [("to-settle", 1)]


def test_where_readers_may_not_settle_any_more_what_waits_is_ready(lead: User) -> None:
    group = projects.group(agreed_dice=0.9, institution=lead.memberships.get().institution)
    read_by_all(group)
    change(group, lead, agreed_dice=None)
    assert told(group.third) == [("to-settle", 1)]


def test_figures_that_are_computed_again_tell_nothing(group: Group) -> None:
    item = projects.both_read(group)
    door(group.third).get(group.project.get_absolute_url())
    factories.prediction(of=item.series)
    projects.work(item)
    assert told(group.third) == []


def test_what_another_adjudicator_settles_is_left_to_settle_no_more(group: Group) -> None:
    other = factories.user(Role.CLINICIAN, institution=group.project.institution)
    group.project.members.create(user=other, role="adjudicator")
    items = [read_by_all(group) for _ in range(2)]
    settle(group, items[0])
    assert told(other) == [("to-settle", 1)]
    settle(group, items[1])
    assert told(other) == []


def test_who_adjudicates_no_more_is_told_nothing(group: Group, lead: User) -> None:
    read_by_all(group)
    other = factories.user(Role.CLINICIAN, institution=group.project.institution)
    change(group, lead, adjudicators=[other])
    assert told(group.third) == []


# --- whoever leads ----------------------------------------------------------------------------------------------------
def test_the_author_hears_once_all_series_are_settled(group: Group, lead: User) -> None:
    items = [projects.both_read(group) for _ in range(2)]
    settle(group, items[0])
    assert told(lead) == []
    settle(group, items[1])
    (notice,) = notices_of(lead)
    assert (notice.kind, notice.number, notice.actor) == ("all-settled", None, group.third)
    assert notice.address == f"{group.project.get_absolute_url()}#agreement"


def test_the_author_hears_it_where_the_readers_agreed_and_no_reader_is_named() -> None:
    group = projects.group(agreed_dice=0.9)
    projects.work(read_by_all(group, shift=0))
    (notice,) = notices_of(group.third)
    assert (notice.kind, notice.actor) == ("all-settled", None)


def test_an_author_who_settles_the_last_series_is_not_told_of_it(group: Group) -> None:
    settle(group, projects.both_read(group))
    assert ("all-settled", None) not in told(group.third)


def test_taking_out_the_last_series_that_was_not_settled_tells_the_author(group: Group, lead: User) -> None:
    settle(group, projects.both_read(group))
    door(lead).get(group.project.get_absolute_url())
    waiting = projects.item(group.project)
    item_remove(item=waiting, actor=factories.user(Role.MODEL_ADMIN, institution=group.project.institution))
    assert told(lead) == [("all-settled", None)]


def test_with_more_series_it_is_not_said_any_more_that_all_are_settled(group: Group, lead: User) -> None:
    settle(group, read_by_all(group))
    assert told(lead) == [("all-settled", None)]
    add(group, lead, series=1)
    assert told(lead) == []


def test_a_project_that_became_empty_is_not_settled(group: Group, lead: User) -> None:
    other = factories.user(Role.MODEL_ADMIN, institution=group.project.institution)
    item_remove(item=projects.item(group.project), actor=other)
    assert told(lead) == []


@pytest.mark.django_db(transaction=True)
def test_of_two_who_settle_the_last_series_at_once_one_tells_the_author(group: Group, lead: User) -> None:
    items = [projects.both_read(group) for _ in range(2)]

    def deed(item: ReadingItem) -> Callable[[], None]:
        def settle_it() -> None:
            try:
                settle(group, item)
            finally:
                connection.close()

        return settle_it

    threads = [Thread(target=deed(item)) for item in items]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert told(lead) == [("all-settled", None)]


# --- where it is told -------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_an_open_page_hears_of_series_and_of_nothing_that_the_other_reader_does_and_forgets_them_on_leaving(
    group: Group, lead: User
) -> None:
    newcomer = factories.user(Role.ANNOTATOR, institution=group.project.institution)

    async def talk() -> None:
        async with Listener(NoticeConsumer, group.second) as page:
            await page.until(lambda message: True)
            (item,) = await sync_to_async(add)(group, lead, series=1)
            heard = await page.until(lambda message: True)
            assert (heard["type"], heard["unread"], heard["more"]) == ("notice", 1, 0)
            assert (heard["notice"]["title"], heard["notice"]["text"]) == (group.project.name, "1 series")
            await sync_to_async(projects.finish)(item, group.first)
            await sync_to_async(notify_changed)(person_group(group.second.pk))  # is told after it
            assert await page.until(lambda message: True) == {"type": "snapshot", "unread": 1}
            await sync_to_async(change)(group, lead, readers=[group.first, newcomer])
            assert await page.until(lambda message: True) == {"type": "snapshot", "unread": 0}

    async_to_sync(talk)()


def test_who_opens_the_project_has_read_what_they_were_told_of_it(group: Group, lead: User) -> None:
    other = projects.group(institution=group.project.institution)
    other.project.members.create(user=group.first, role="reader")
    for one in (group, other):
        add(one, lead, series=1)
    assert 'data-unread-number aria-hidden="true">1<' in (
        door(group.first).get(group.project.get_absolute_url()).content.decode()
    )
    assert [one.project for one in notices_of(group.first).unread()] == [other.project]
    assert told(group.second) == [("to-read", 1)]


def test_the_page_and_rest_tell_the_project_and_the_number(group: Group, lead: User) -> None:
    add(group, lead, series=2)
    page = door(group.first).get("/notices/").content.decode()
    assert group.project.name in page
    assert "2 series" in page
    with translation.override("ko"):
        assert notices_of(group.first).get().words == "시리즈 2개"
    (body,) = api(group.first).get("/api/v1/notices/").json()["results"]
    assert (body["case"], body["case_title"], body["text"]) == (None, "", "")
    assert (body["project"], body["title"], body["number"]) == (str(group.project.pk), group.project.name, 2)


def test_the_adjudicator_finds_the_next_series_to_settle_on_the_page(group: Group) -> None:
    item = read_by_all(group)
    way = f'href="{item.get_absolute_url()}">Adjudicate next series'
    assert way in door(group.third).get(group.project.get_absolute_url()).content.decode()
    assert way not in door(group.first).get(group.project.get_absolute_url()).content.decode()


# What each kind must not lack, and must not have besides.
NEVER: list[dict[str, Any]] = [
    {"kind": "to-read", "number": 1},
    {"kind": "to-read", "project": True},
    {"kind": "to-read", "project": True, "number": 0},
    {"kind": "to-settle", "project": True, "number": 1, "case": True},
    {"kind": "to-settle", "project": True, "number": 1, "series": True},
    {"kind": "to-settle", "project": True, "number": 1, "z": 2},
    {"kind": "all-settled", "project": True, "number": 1},
    {"kind": "all-settled", "project": True, "text": "By the way"},
    {"kind": "assignment"},
    {"kind": "assignment", "case": True, "series": True},
    {"kind": "assignment", "case": True, "project": True},
    {"kind": "assignment", "case": True, "number": 1},
    {"kind": "mention", "case": True},
    {"kind": "sent-back", "series": True},
]


def test_each_kind_of_notice_has_exactly_what_it_needs(group: Group) -> None:
    series = factories.series(institution=group.project.institution)
    things = {"project": group.project, "case": series.case, "series": series}
    for fields in NEVER:
        given = {name: things.get(name, value) for name, value in fields.items()}
        with pytest.raises(IntegrityError), transaction.atomic():
            Notice.objects.create(recipient=group.first, **given)


def test_of_a_project_one_unread_notice_of_a_kind_is_kept(group: Group) -> None:
    about = {"recipient": group.first, "kind": NoticeKind.ALL_SETTLED, "project": group.project}
    Notice.objects.create(**about)
    with pytest.raises(IntegrityError), transaction.atomic():
        Notice.objects.create(**about)


@pytest.mark.parametrize("more", ["readers", "series"])
def test_queries_do_not_grow_with_readers_or_series(lead: User, more: str) -> None:
    place = lead.memberships.get().institution
    few, many = projects.group(institution=place), projects.group(institution=place)
    if more == "readers":
        for _ in range(4):
            many.project.members.create(user=factories.user(Role.ANNOTATOR, institution=place), role="reader")
    counts = []
    for group, number in ((few, 1), (many, 5 if more == "series" else 1)):
        series = [factories.series(institution=place) for _ in range(number)]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            project_add_series(project=group.project, series=series, actor=lead)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_queries_of_the_notices_do_not_grow_with_projects(group: Group) -> None:
    counts = []
    for more in (1, 3):
        for _ in range(more):
            other = projects.project(
                readers=[group.first], adjudicator=group.third, institution=group.project.institution
            )
            Notice.objects.create(recipient=group.first, kind=NoticeKind.TO_READ, project=other, number=1)
        with CaptureQueriesContext(connection) as queries:
            told_now = api(group.first).get("/api/v1/notices/").json()["results"]
        assert len(told_now) == Notice.objects.count()
        counts.append(len(queries))
    assert counts[0] == counts[1]
