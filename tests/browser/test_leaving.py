"""Logging out of a computer that people share: what could not be sent is not deleted without asking."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests import factories
from tests.browser.test_walk import log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# As the settings have the template write it for shared computers.
SHARED = "document.querySelector('form[action$=\"logout/\"]').dataset.clears = 'Log out?'"
DRAFT = """unsent => new Promise((resolve) => {
  const request = indexedDB.open("spine-reading", 1);
  request.onupgradeneeded = () => request.result.createObjectStore("drafts");
  request.onsuccess = () => {
    const transaction = request.result.transaction("drafts", "readwrite");
    transaction.objectStore("drafts").put({ base: null, slices: {}, unsent }, "1/series");
    transaction.oncomplete = () => { request.result.close(); resolve(); };
  };
})"""


def leave(page: Page, asked: list[str], *, answer: bool) -> None:
    def decide(dialog: Any) -> None:
        asked.append(dialog.message)
        (dialog.accept if answer else dialog.dismiss)()

    page.evaluate(SHARED)
    page.once("dialog", decide)
    page.locator("details.account summary").click()
    page.get_by_role("button", name="Log out").click()


def test_unsent_work_is_asked_about_and_sent_work_is_not(page: Page, transactional_db: None) -> None:
    log_in(page, factories.user("clinician"))
    asked: list[str] = []
    page.evaluate(DRAFT, [3])
    with page.expect_event("dialog"):  # it comes once the drafts of this browser were read
        leave(page, asked, answer=False)
    assert asked == ["Log out?"]
    assert page.url.endswith("/cases/")
    page.reload()  # the menu is closed again
    page.evaluate(DRAFT, [])
    leave(page, asked, answer=False)
    page.wait_for_url("**/accounts/login/")
    assert asked == ["Log out?"]


def test_a_measurement_that_could_not_be_sent_is_asked_about_too(page: Page, transactional_db: None) -> None:
    log_in(page, factories.user("clinician"))
    page.evaluate("localStorage.setItem('spine-measured:1:x', '[{}]')")
    asked: list[str] = []
    leave(page, asked, answer=True)
    page.wait_for_url("**/accounts/login/")
    assert asked == ["Log out?"]


def test_the_cache_is_cleared_and_drafts_of_ones_own_computer_stay(page: Page, transactional_db: None) -> None:
    log_in(page, factories.user("clinician"))
    page.evaluate("localStorage.setItem('spine-measured:1:x', '[{}]')")
    page.locator("details.account summary").click()
    with page.expect_response("**/accounts/logout/") as left:
        page.get_by_role("button", name="Log out").click()
    assert left.value.all_headers()["clear-site-data"] == '"cache"'
    page.wait_for_url("**/accounts/login/")
    assert page.evaluate("localStorage.getItem('spine-measured:1:x')") == "[{}]"
