"""What comes to an open page by itself: a mention, and who else has the case open."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, WebSocketRoute, expect

from accounts.models import Role
from cases.changes import touch_cases
from cases.comments.services import comment_write
from cases.models import Case
from cases.models.comments import Notice, NoticeKind
from cases.worklist.assignments import To, cases_assign
from cases.worklist.groups import group_create
from tests import factories
from tests.browser.listening import goto_and_hear
from tests.browser.reading import open_reading
from tests.browser.test_walk import log_in
from tests.cases import projects
from tests.conftest import DESKTOP, watched_page

SILENCE_MS = 150_000  # of the notices, static/js/live.js

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def colleague(browser: Any, web: str) -> Iterator[Page]:
    """A second person's browser."""
    yield from watched_page(browser, web, DESKTOP)


def test_a_mention_comes_without_a_reload_and_leads_to_its_slice(page: Page, colleague: Page) -> None:
    series = factories.series()
    anna = factories.user(Role.ANNOTATOR, institution=series.institution, username="anna.b")
    kim = factories.user(Role.CLINICIAN, institution=series.institution)
    log_in(page, anna)
    goto_and_hear(page, "/cases/", live="/ws/notices/")
    link = page.get_by_role("link", name="Notifications")
    expect(page.locator("[data-unread-number]")).to_be_hidden()

    log_in(colleague, kim)
    colleague.goto(f"/cases/{series.case_id}/")
    colleague.get_by_label("Write a comment").fill("@anna.b, is this the sacrum?")
    colleague.get_by_role("button", name="Comment").click()

    toast = page.locator(".toast-notice")
    expect(toast).to_contain_text("Mentioned you")
    toast.hover()  # it stays as long as somebody reads it
    expect(toast).to_contain_text("is this the sacrum?")
    expect(link).to_have_accessible_name("Notifications 1 new")
    toast.get_by_role("link", name=series.case.title).click()
    page.wait_for_url(f"**/series/{series.pk}/read/")


def test_two_people_at_one_case_are_told_of_each_other(page: Page, colleague: Page) -> None:
    series = factories.series()
    kim, anna = (factories.user(Role.CLINICIAN, institution=series.institution) for _ in range(2))
    log_in(page, kim)
    page.goto(f"/cases/{series.case_id}/")
    expect(page.locator("[data-presence]")).to_be_hidden()
    log_in(colleague, anna)
    colleague.goto(f"/series/{series.pk}/read/")
    expect(colleague.locator("[data-presence]")).to_have_text(f"Also opened by: {kim.display_name()}")
    expect(page.locator("[data-presence]")).to_have_text(f"Also opened by: {anna.display_name()}")
    mask = factories.annotation(of=series, author=kim)
    colleague.locator(".toast-notice").get_by_role("link", name=str(mask)).click()
    colleague.wait_for_url(f"**/series/{series.pk}/read/?mask={mask.pk}")
    expect(page.locator(".toast-notice")).to_have_count(0)
    colleague.goto("/cases/")
    expect(colleague.get_by_role("row", name=series.case.title)).to_contain_text(f"opened by {kim.display_name()}")
    expect(page.locator("[data-presence]")).to_be_hidden()


def test_a_comment_comes_to_an_open_reading_room_and_leaves_what_is_being_written(page: Page, colleague: Page) -> None:
    series = factories.series()
    kim, anna = (factories.user(Role.CLINICIAN, institution=series.institution) for _ in range(2))
    comment_write(series=series, actor=kim, text="First.", z=1)
    for one, person in ((page, kim), (colleague, anna)):
        log_in(one, person)
        open_reading(one, series)
    said = page.get_by_role("region", name="Comments").get_by_role("listitem")
    field = page.get_by_label("Write a comment")
    field.fill("Half a rem")
    at_first = said.get_by_role("button", name="Slice 2")
    at_first.focus()

    colleague.get_by_label("Write a comment").fill("The sacrum is missing.")
    colleague.keyboard.press("Control+Enter")
    expect(said).to_have_count(2)
    expect(said.first).to_contain_text("The sacrum is missing.")
    expect(page.locator("[data-say]")).to_have_text(f"Slice 3 · {anna.display_name()}: The sacrum is missing.")
    expect(at_first).to_be_focused()
    expect(field).to_have_value("Half a rem")

    field.press("Control+Enter")
    expect(said).to_have_count(3)
    theirs = colleague.get_by_role("region", name="Comments").get_by_role("listitem")
    expect(theirs).to_have_count(3)
    expect(theirs.filter(has_text="The sacrum is missing.")).to_have_count(1)


def test_a_comment_comes_to_an_open_case_page_and_leaves_what_is_being_written(page: Page) -> None:
    series = factories.series()
    kim, anna = (factories.user(Role.CLINICIAN, institution=series.institution) for _ in range(2))
    comment_write(series=series, actor=anna, text="First.", z=1)
    log_in(page, kim)
    page.goto(f"/cases/{series.case_id}/")
    field = page.get_by_label("Write a comment")
    field.fill("Half a rem")
    at_first = page.get_by_role("link", name="slice 2")
    at_first.focus()
    comment_write(series=series, actor=anna, text="The sacrum is missing.")
    said = page.locator("[data-said]")
    expect(said).to_contain_text("The sacrum is missing.")
    expect(at_first).to_be_focused()
    expect(field).to_have_value("Half a rem")
    page.get_by_role("button", name="Comment").click()
    expect(said.get_by_text("Half a rem")).to_have_count(1)


def test_a_blind_reader_sees_nothing_of_what_the_other_says(page: Page) -> None:
    group = projects.group()
    series = projects.item(group.project).series
    log_in(page, group.second)
    told: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: told.append(str(frame))))
    open_reading(page, series)
    comment_write(series=series, actor=group.first, text="The sacrum is missing.")
    comment_write(series=series, actor=group.second, text="From my telephone.")  # comes after it
    said = page.get_by_role("region", name="Comments").get_by_role("listitem")
    expect(said).to_have_count(1)
    expect(said).to_contain_text("From my telephone.")
    assert not any(f'"{series.pk}": 2' in frame for frame in told)


@pytest.fixture
def listed(page: Page, colleague: Page, transactional_db: None) -> list[Case]:
    """Two cases in the open list of one person, and one more that came meanwhile; a colleague is logged in, too."""
    home = factories.institution()
    cases = [factories.case(institution=home, title=title, state="segmented") for title in ("Case A", "Case B")]
    for one in (page, colleague):
        log_in(one, factories.user(Role.CLINICIAN, institution=home, last_name="Berg"))
    open_list(page)
    return [*cases, factories.case(institution=home, title="Case C", state="segmented")]


def open_list(page: Page) -> None:
    """Until it follows its cases."""
    goto_and_hear(page, "/cases/", live="/cases/")


def assign(colleague: Page, title: str, name: str) -> None:
    colleague.goto("/cases/")
    colleague.get_by_label(f"Select {title}").check()
    colleague.get_by_label("Assigned reader").select_option(name)
    colleague.get_by_role("button", name="Assign", exact=True).click()
    expect(colleague.get_by_text("1 case was assigned.")).to_be_visible()


def test_a_list_that_nobody_is_at_follows_its_cases(page: Page, colleague: Page, listed: list[Case]) -> None:
    first = page.get_by_role("row", name="Case A")
    first.evaluate("row => { row.dataset.kept = 'yes'; }")
    assign(colleague, "Case A", "Berg")
    expect(first).to_contain_text("Berg")
    expect(first).to_have_attribute("data-kept", "yes")
    expect(page.get_by_role("rowheader")).to_have_text(["Case C", "Case B", "Case A"])
    expect(page.get_by_role("link", name="Segmented 3")).to_be_visible()
    expect(page.get_by_role("button", name="Show changes")).to_be_hidden()


def choose_second(page: Page) -> None:
    page.get_by_label("Select Case B").check()
    page.mouse.move(0, 0)


def step_into_it(page: Page) -> None:
    page.get_by_role("link", name="Case B").focus()


def point_at_it(page: Page) -> None:
    page.get_by_role("row", name="Case B").hover()


@pytest.mark.parametrize("be_at", [choose_second, step_into_it, point_at_it])
def test_a_list_that_somebody_is_at_says_that_it_has_changed_and_moves_nothing(
    page: Page, colleague: Page, listed: list[Case], be_at: Callable[[Page], None]
) -> None:
    be_at(page)
    before = page.get_by_role("row", name="Case B").bounding_box()
    assign(colleague, "Case A", "Berg")
    expect(page.get_by_role("status").filter(has_text="The list has changed.")).to_be_visible()
    expect(page.get_by_role("row", name="Case A")).to_contain_text("Berg")
    expect(page.get_by_role("rowheader")).to_have_text(["Case B", "Case A"])
    assert page.get_by_role("row", name="Case B").bounding_box() == before
    assert [one["id"] for one in Axe().run(page).response["violations"]] == []

    is_chosen = page.get_by_label("Select Case B").is_checked()
    page.get_by_role("button", name="Show changes").press("Enter")
    expect(page.get_by_role("rowheader")).to_have_text(["Case C", "Case B", "Case A"])
    expect(page.get_by_label("Select Case B")).to_be_checked(checked=is_chosen)
    expect(page.get_by_role("region", name="Cases")).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="The list is up to date.")).to_be_visible()


def test_a_row_under_the_hand_grows_only_when_it_is_asked_for(page: Page, listed: list[Case]) -> None:
    home = listed[0].institution
    page.set_viewport_size({"width": 700, "height": 900})
    open_list(page)
    point_at_it(page)
    row = page.get_by_role("row", name="Case A")
    before = row.bounding_box()
    group = group_create(institution=home, actor=home.memberships.first().user, name="Residents " * 7, members=[])
    cases_assign(cases=listed[:1], actor=home.memberships.first().user, to=To(group=group.pk))
    expect(page.get_by_role("status").filter(has_text="The list has changed.")).to_be_visible()
    assert row.bounding_box() == before
    page.get_by_role("button", name="Show changes").click()
    expect(row).to_contain_text("Residents")


def test_the_first_case_comes_to_an_empty_list(page: Page, transactional_db: None) -> None:
    anna = factories.user(Role.ANNOTATOR)
    log_in(page, anna)
    expect(page.get_by_text("No cases yet")).to_be_visible()
    case = factories.case(institution=anna.memberships.get().institution, title="Case A")
    touch_cases(Case.objects.filter(pk=case.pk))
    expect(page.get_by_role("row", name="Case A")).to_be_visible()


def test_a_connection_that_never_says_anything_is_opened_again(page: Page) -> None:
    case = factories.case()
    anna = factories.user(Role.ANNOTATOR, institution=case.institution)
    opened: list[WebSocketRoute] = []

    def only_the_second_reaches_the_server(connection: WebSocketRoute) -> None:
        opened.append(connection)
        if len(opened) > 1:
            connection.connect_to_server()

    page.route_web_socket(re.compile(r"/ws/notices/$"), only_the_second_reaches_the_server)
    log_in(page, anna)
    page.clock.install()
    opened.clear()
    page.goto("/cases/")
    Notice.objects.create(recipient=anna, kind=NoticeKind.ASSIGNMENT, case=case)
    expect(page.locator("[data-unread-number]")).to_be_hidden()
    page.clock.run_for(SILENCE_MS + 1_000)
    expect(page.locator("[data-unread-number]")).to_have_text("1")
