"""From the result of a series to its report."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests import factories
from tests.browser.test_walk import log_in
from tests.inference import reports

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_report_shows_the_key_images_and_downloads(page: Page, transactional_db: None) -> None:
    mask = factories.prediction().annotation
    clinician = factories.user("clinician", institution=mask.institution)
    run = reports.written(mask, requested_by=clinician)
    log_in(page, clinician)
    page.goto(f"/series/{mask.series.pk}/view/")
    expect(page.get_by_role("button", name="Report")).to_be_visible()
    page.goto(f"/reports/{run.pk}/")
    expect(page.locator(".key-images img").first).to_be_visible()
    assert page.evaluate("[...document.querySelectorAll('.key-images img')].every((one) => one.naturalWidth > 0)")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download PDF").click()
    assert download.value.suggested_filename.endswith(".pdf")
