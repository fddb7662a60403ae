"""What comes to an open page by itself: a mention, and who else has the case open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from accounts.models import Role
from cases.models.comments import Notice, NoticeKind
from tests import factories
from tests.browser.test_walk import log_in
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
    page.goto("/cases/")
    link = page.get_by_role("link", name="Notices")
    expect(page.locator("[data-unread-number]")).to_be_hidden()

    log_in(colleague, kim)
    colleague.goto(f"/cases/{series.case_id}/")
    colleague.get_by_label("Write a comment").fill("@anna.b, is this the sacrum?")
    colleague.get_by_role("button", name="Comment").click()

    toast = page.locator(".toast-notice")
    expect(toast).to_contain_text("Mentioned you")
    expect(toast).to_contain_text("is this the sacrum?")
    expect(link).to_have_accessible_name("Notices 1 new")
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
