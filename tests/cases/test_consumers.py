"""What the WebSockets of this app tell: imports, notices, and who has a case open."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels_redis.pubsub import RedisPubSubLoopLayer
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, User
from cases.changes import touch_cases
from cases.comments.services import comment_write, notices_read
from cases.consumers import ImportRunConsumer, NoticeConsumer, PresenceConsumer, WorkListConsumer
from cases.models import Annotation, Case, ImportRun, Presence, Verdict
from cases.models.presence import FORGOTTEN_AFTER_SECONDS
from cases.notifications import case_group, list_group, notify_changed, person_group
from cases.states import case_mark_segmented
from cases.worklist.assignments import To, cases_assign
from cases.worklist.presence import others_at, presences_keep
from cases.worklist.selectors import list_version, lists_followed
from spineplatform.shared.live import NOT_FOUND, OPEN_AGAIN, UNAUTHENTICATED
from spineplatform.shared.runs import RunState
from tests import factories
from tests.cases import projects
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)


def first_answer(run: ImportRun, user: Any) -> dict[str, Any]:
    """What the server sends first: a message, or the event that closes the connection."""

    async def talk() -> dict[str, Any]:
        address = {"user": user, "url_route": {"kwargs": {"run_id": str(run.pk)}}}
        socket = ApplicationCommunicator(ImportRunConsumer.as_asgi(), {"type": "websocket", **address})
        await socket.send_input({"type": "websocket.connect"})
        assert (await socket.receive_output(timeout=PATIENCE_SECONDS))["type"] == "websocket.accept"
        event = await socket.receive_output(timeout=PATIENCE_SECONDS)
        await socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await socket.wait(timeout=PATIENCE_SECONDS)
        return dict(event)

    return async_to_sync(talk)()


def finished_run() -> tuple[ImportRun, User]:
    series = factories.series()
    upload = factories.upload(institution=series.institution)
    factories.verdict(upload, status=Verdict.IMPORTED, series=series)
    run = factories.import_run(of=upload, state=RunState.SUCCEEDED)
    return run, factories.user(Role.CLINICIAN, institution=series.institution)


def test_a_finished_import_names_the_case_it_made() -> None:
    run, clinician = finished_run()
    text = first_answer(run, clinician)["text"]
    assert '"type": "snapshot"' in text
    assert run.result_url() in text


def test_a_stranger_is_told_that_there_is_no_such_run() -> None:
    run, _ = finished_run()
    answer = first_answer(run, factories.user(Role.CLINICIAN))
    assert (answer["type"], answer["code"]) == ("websocket.close", NOT_FOUND)


def test_who_is_not_logged_in_is_told_so() -> None:
    run, _ = finished_run()
    answer = first_answer(run, AnonymousUser())
    assert (answer["type"], answer["code"]) == ("websocket.close", UNAUTHENTICATED)


# --- what a person is told, and who has a case open -------------------------------------------------------------------
class Listener:
    """One open WebSocket of a person, as a page holds it."""

    def __init__(self, consumer: Any, user: User, session: Any = None, **named: str) -> None:
        scope = {"type": "websocket", "user": user, "url_route": {"kwargs": named}}
        if session is not None:
            scope["session"] = session
        self.socket = ApplicationCommunicator(consumer.as_asgi(), scope)

    async def __aenter__(self) -> Listener:
        await self.socket.send_input({"type": "websocket.connect"})
        assert (await self.socket.receive_output(timeout=PATIENCE_SECONDS))["type"] == "websocket.accept"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.socket.wait(timeout=PATIENCE_SECONDS)

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first message that is as ``wanted``."""
        while True:
            message: dict[str, Any] = json.loads((await self.socket.receive_output(timeout=PATIENCE_SECONDS))["text"])
            if wanted(message):
                return message

    async def until_closed(self) -> int:
        """The code with which it closes; before that only what was on its way already may come, and nothing new."""
        while True:
            event = await self.socket.receive_output(timeout=PATIENCE_SECONDS)
            if event["type"] == "websocket.close":
                return int(event["code"])
            message = json.loads(event["text"])
            assert (message["type"], message.get("unread", 0)) == ("snapshot", 0)


def test_a_mention_arrives_while_the_page_is_open_and_the_number_goes_down_when_it_is_read() -> None:
    series = factories.series()
    clinician = factories.user(Role.CLINICIAN, institution=series.institution)
    anna = factories.user(Role.ANNOTATOR, institution=series.institution, username="anna.b")

    async def talk() -> None:
        async with Listener(NoticeConsumer, anna) as page:
            assert await page.until(lambda message: True) == {"type": "snapshot", "unread": 0}
            await sync_to_async(comment_write)(series=series, actor=clinician, text="@anna.b, look", z=2)
            told = await page.until(lambda message: message["type"] == "notice")
            assert (told["unread"], told["notice"]["text"]) == (1, "@anna.b, look")
            assert told["notice"]["address"] == f"/series/{series.pk}/read/#z=2"
            await sync_to_async(notices_read)(actor=anna)
            await page.until(lambda message: message["unread"] == 0)

    async_to_sync(talk)()


def test_an_opened_connection_looks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    person = factories.user(Role.CLINICIAN)
    looks: list[int] = []
    monkeypatch.setattr(NoticeConsumer, "look", lambda self: looks.append(1) or {"unread": 0})

    async def talk() -> None:
        async with Listener(NoticeConsumer, person) as page:
            await page.until(lambda message: message["type"] == "snapshot")

    async_to_sync(talk)()
    assert len(looks) == 1


def test_many_cases_assigned_at_once_arrive_as_one_message() -> None:
    home = factories.institution()
    lead, anna = (factories.user(Role.CLINICIAN, institution=home) for _ in range(2))
    cases = [factories.case(institution=home, title=f"case {number}") for number in range(4)]

    async def talk() -> None:
        async with Listener(NoticeConsumer, anna) as page:
            await page.until(lambda message: True)
            await sync_to_async(cases_assign)(cases=cases, actor=lead, to=To(person=anna.pk))
            told = await page.until(lambda message: True)
            assert (told["type"], told["unread"], told["more"]) == ("notice", 4, 3)
            assert told["notice"]["title"] == "case 0"
            await sync_to_async(notices_read)(actor=anna)
            assert (await page.until(lambda message: True))["unread"] == 0

    async_to_sync(talk)()


def test_what_the_other_reader_says_in_a_blind_reading_does_not_arrive() -> None:
    series = factories.series()
    readers = [
        factories.user(Role.ANNOTATOR, institution=series.institution, username=name) for name in ("first", "second")
    ]
    lead = factories.user(Role.CLINICIAN, institution=series.institution)
    projects.item(projects.project(readers=readers, adjudicator=lead, institution=series.institution), series)

    async def talk() -> None:
        async with Listener(NoticeConsumer, readers[1]) as page:
            await page.until(lambda message: True)
            await sync_to_async(comment_write)(series=series, actor=readers[0], text="@second, the sacrum is missing")
            await sync_to_async(notices_read)(actor=readers[1])  # is told after it
            assert (await page.until(lambda message: True))["type"] == "snapshot"

    async_to_sync(talk)()


def log_out(client: Client, user: User) -> None:
    client.logout()


def change_password(client: Client, user: User) -> None:
    user.set_password("another-long-password")
    user.save()


def lose_the_role(client: Client, user: User) -> None:
    user.memberships.all().delete()  # type: ignore[attr-defined]


@pytest.mark.parametrize("leave", [log_out, change_password, lose_the_role])
def test_whoever_has_left_is_told_nothing_more(leave: Callable[[Client, User], None]) -> None:
    series = factories.series()
    clinician = factories.user(Role.CLINICIAN, institution=series.institution)
    anna = factories.user(Role.ANNOTATOR, institution=series.institution, username="anna.b")
    client = Client()
    client.force_login(anna, backend="django.contrib.auth.backends.ModelBackend")

    async def talk() -> None:
        notices = Listener(NoticeConsumer, anna, session=client.session)
        presence = Listener(PresenceConsumer, anna, session=client.session, case_id=str(series.case_id))
        worklist = Listener(WorkListConsumer, anna, session=client.session, institution_id=str(series.institution_id))
        async with notices, presence, worklist:
            for page in (notices, presence, worklist):
                await page.until(lambda message: message["type"] == "snapshot")
            await sync_to_async(leave)(client, anna)
            await sync_to_async(comment_write)(series=series, actor=clinician, text="@anna.b, look")
            await sync_to_async(notify_changed)(person_group(anna.pk))
            await sync_to_async(notify_changed)(case_group(series.case_id))
            await sync_to_async(notify_changed)(list_group(series.institution_id))
            assert [await page.until_closed() for page in (notices, presence, worklist)] == [OPEN_AGAIN] * 3

    async_to_sync(talk)()
    assert not Presence.objects.exists()


def test_a_page_that_was_forgotten_while_it_was_open_is_seen_again() -> None:
    case = factories.case()
    kim, anna = (factories.user(Role.CLINICIAN, institution=case.institution) for _ in range(2))
    presence = factories.presence(case, kim)
    Presence.objects.all().delete()
    presences_keep([presence])
    assert others_at(case, anna) == [kim.display_name()]


def test_two_people_at_one_case_see_each_other_until_one_of_them_leaves() -> None:
    case = factories.case()
    kim = factories.user(Role.CLINICIAN, institution=case.institution)
    anna = factories.user(Role.ANNOTATOR, institution=case.institution)
    at_case = {"case_id": str(case.pk)}

    async def talk() -> None:
        async with Listener(PresenceConsumer, kim, **at_case) as of_kim:
            assert (await of_kim.until(lambda message: True))["others"] == []
            async with Listener(PresenceConsumer, anna, **at_case) as of_anna:
                await of_kim.until(lambda message: message["others"] == [anna.display_name()])
                assert (await of_anna.until(lambda message: True))["others"] == [kim.display_name()]
            await of_kim.until(lambda message: message["others"] == [])

    async_to_sync(talk)()
    assert not Presence.objects.exists()


def is_about(message: dict[str, Any], *masks: Annotation) -> bool:
    """Whether it tells of one of these: what is told of an earlier mask may still be under way."""
    return message["type"] == "mask" and message["mask"]["id"] in {str(mask.pk) for mask in masks}


def test_a_mask_that_somebody_else_saves_is_told_to_whoever_has_the_case_open_and_not_to_a_blind_reader() -> None:
    group = projects.group()
    item = projects.item(group.project)
    lead = factories.user(Role.CLINICIAN, institution=group.project.institution)
    at_case = {"case_id": str(item.series.case_id)}

    async def talk() -> None:
        async with (
            Listener(PresenceConsumer, lead, **at_case) as of_lead,
            Listener(PresenceConsumer, group.second, **at_case) as of_second,
        ):
            mask = await sync_to_async(projects.mask)(item, group.first)
            told = await of_lead.until(lambda message: is_about(message, mask))
            assert (told["series"], told["mask"]["actor"]) == (str(item.series_id), group.first.display_name())
            assert told["mask"]["address"] == f"/series/{item.series_id}/read/?mask={mask.pk}"
            by_model = await sync_to_async(factories.prediction)(of=item.series)
            told = await of_second.until(lambda message: is_about(message, mask, by_model.annotation))
            assert told["mask"]["id"] == str(by_model.annotation_id)

    async_to_sync(talk)()


def test_a_comment_of_somebody_else_is_counted_at_once_for_whoever_has_the_case_open() -> None:
    series = factories.series()
    kim, anna = (factories.user(Role.CLINICIAN, institution=series.institution) for _ in range(2))

    async def talk() -> None:
        async with Listener(PresenceConsumer, anna, case_id=str(series.case_id)) as page:
            assert (await page.until(lambda message: True))["comments"] == {}
            await sync_to_async(comment_write)(series=series, actor=kim, text="Where is the sacrum?")
            await page.until(lambda message: message["comments"] == {str(series.pk): 1})

    async_to_sync(talk)()


def test_a_blind_reader_is_not_even_told_that_the_other_said_something_until_both_have_finished() -> None:
    group = projects.group()
    item = projects.item(group.project)
    case_id, series_id = str(item.series.case_id), str(item.series_id)

    async def talk() -> None:
        async with Listener(PresenceConsumer, group.second, case_id=case_id) as page:
            for _ in range(2):  # at once, and as its own presence is told
                assert (await page.until(lambda message: True))["comments"] == {}
            await sync_to_async(comment_write)(series=item.series, actor=group.first, text="The sacrum is missing.")
            for number in (1, 2):
                await sync_to_async(comment_write)(series=item.series, actor=group.second, text=f"My own {number}.")
                assert (await page.until(lambda message: True))["comments"] == {series_id: number}
            for reader in (group.first, group.second):
                await sync_to_async(projects.finish)(item, reader)
            await sync_to_async(notify_changed)(case_group(case_id))
            await page.until(lambda message: message.get("comments") == {series_id: 3})

    async_to_sync(talk)()


def test_an_open_list_is_told_once_of_what_changes_together_and_not_of_another_institution(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cases.consumers.GATHERED_SECONDS", 0.3)
    home = factories.institution()
    anna = factories.user(Role.CLINICIAN, institution=home)
    cases = [factories.case(institution=home) for _ in range(5)]
    strange = factories.case(institution=factories.institution())

    @transaction.atomic
    def change(state: str) -> None:
        for case in (strange, *cases):
            touch_cases(Case.objects.filter(pk=case.pk), state=state)

    async def talk() -> list[str]:
        async with Listener(WorkListConsumer, anna, institution_id=str(home.pk)) as page:
            versions = [(await page.until(lambda message: True))["version"]]
            await sync_to_async(case_mark_segmented)(case=strange)  # nothing is said of it
            for state in ("segmented", "in-review"):
                await sync_to_async(change)(state)
                versions.append((await page.until(lambda message: True))["version"])
            return versions

    versions = async_to_sync(talk)()
    assert len(set(versions)) == 3
    assert versions[-1] == list_version(lists_followed(anna).get())


def test_a_page_that_opens_while_the_broker_is_away_is_asked_to_open_its_connection_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person = factories.user(Role.CLINICIAN)

    async def away(*_: object) -> str:
        raise ConnectionError("Connection closed by server.")

    async def talk() -> list[dict[str, Any]]:
        monkeypatch.setattr(RedisPubSubLoopLayer, "new_channel", away)
        socket = ApplicationCommunicator(NoticeConsumer.as_asgi(), {"type": "websocket", "user": person})
        return [await socket.receive_output(timeout=PATIENCE_SECONDS) for _ in range(2)]

    assert async_to_sync(talk)() == [{"type": "websocket.accept"}, {"type": "websocket.close", "code": OPEN_AGAIN}]


def test_a_page_whose_process_died_is_forgotten_after_a_while() -> None:
    case = factories.case()
    kim, anna = (factories.user(Role.CLINICIAN, institution=case.institution) for _ in range(2))
    factories.presence(case, kim)
    assert others_at(case, anna) == [kim.display_name()]
    long_ago = timezone.now() - timedelta(seconds=FORGOTTEN_AFTER_SECONDS)
    Presence.objects.update(seen_at=long_ago)
    assert others_at(case, anna) == []
    factories.presence(case, anna)
    assert [one.user for one in Presence.objects.all()] == [anna]


def test_the_work_list_says_who_has_a_case_open() -> None:
    case = factories.case()
    kim, anna = (factories.user(Role.CLINICIAN, institution=case.institution) for _ in range(2))
    factories.presence(case, kim)
    client = Client()
    client.force_login(anna, backend="django.contrib.auth.backends.ModelBackend")
    assert f"opened by {kim.display_name()}" in client.get(reverse("cases:list")).content.decode()
    assert f"Also opened by: {kim.display_name()}" in client.get(case.get_absolute_url()).content.decode()
