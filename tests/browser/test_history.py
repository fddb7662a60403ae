"""From the history of a series to the difference that a correction made."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from cases.models import ReviewVerdict
from cases.review.services import NewReview, review_sign
from tests import factories
from tests.browser.reading import all_loaded
from tests.browser.test_walk import log_in
from tests.cases.test_history import emptied

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_history_leads_to_the_difference_on_its_first_slice(page: Page, transactional_db: None) -> None:
    mask = factories.prediction().annotation
    clinician = factories.user("clinician", institution=mask.institution)
    corrected = emptied(mask, clinician, 2)
    review_sign(series=mask.series, actor=clinician, review=NewReview(ReviewVerdict.SENT_BACK, corrected, "Too little"))
    log_in(page, clinician)
    page.goto(f"/cases/{mask.series.case_id}/")
    page.get_by_role("link", name="History").click()
    events = page.get_by_role("main").get_by_role("listitem").filter(has=page.locator("time"))
    expect(events).to_have_count(3)
    expect(events.first).to_contain_text("Too little")
    expect(events.nth(1)).to_contain_text("on 1 slice: 3")
    events.nth(1).get_by_role("link", name="Show difference").click()
    all_loaded(page)
    expect(page.locator("[data-do=compare]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-part=position]")).to_have_text("3 / 5")
