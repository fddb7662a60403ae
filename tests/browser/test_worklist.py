"""The work list in the browser: a number to a state, a filter kept, and several cases given to a group."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from cases.models import Assignment
from cases.worklist.groups import group_create
from tests import factories
from tests.browser.test_walk import log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_cases_of_a_state_are_chosen_and_given_to_a_group_and_the_way_back_is_kept(
    page: Page, transactional_db: None
) -> None:
    home = factories.institution()
    clinician = factories.user("clinician", institution=home)
    group = group_create(institution=home, actor=clinician, name="Residents", members=[clinician.pk])
    waiting = [factories.case(institution=home, title=f"Case {letter}", state="segmented") for letter in "AB"]
    factories.case(institution=home, title="Done", state="approved")
    log_in(page, clinician)

    page.get_by_role("link", name="Segmented 2").click()
    bar = page.get_by_role("form", name="Assign selected cases")
    expect(bar).to_be_hidden()
    page.get_by_label("Select all cases shown").check()
    expect(bar).to_contain_text("2 cases selected")
    bar.get_by_label("Assigned reader").select_option("Residents")
    bar.get_by_label("Due").fill("2999-01-31")
    bar.get_by_role("button", name="Assign").click()
    expect(page.get_by_role("alert").or_(page.get_by_role("status"))).to_contain_text(["2 cases were assigned."])
    assert {row.case for row in Assignment.objects.filter(group=group)} == set(waiting)

    page.get_by_label("Assigned to").select_option("Residents")
    expect(page.get_by_role("link", name="Case A")).to_be_visible()
    page.get_by_text("Save filter").click()
    page.get_by_label("Filter name").fill("Residents, to read")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="Clear").click()
    expect(page.get_by_role("link", name="Done")).to_be_visible()
    page.get_by_role("link", name="Residents, to read").click()
    expect(page.get_by_role("link", name="Done")).to_be_hidden()
    expect(page.get_by_role("link", name="Case B")).to_be_visible()


def test_a_date_is_typed_to_its_end_before_the_list_is_narrowed(page: Page, transactional_db: None) -> None:
    home = factories.institution()
    factories.case(institution=home, title="Case A")
    log_in(page, factories.user("clinician", institution=home))
    page.get_by_label("Received from").focus()
    page.keyboard.type("01022026", delay=50)
    expect(page).to_have_url(re.compile("date_from=2026-01-02"))
    expect(page.get_by_label("Received from")).to_have_value("2026-01-02")
