"""From the result of a series to its report, written by a real worker."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from spineplatform.processes import Processes
from tests import factories
from tests.browser.test_pages import look
from tests.browser.test_walk import log_in

pytestmark = [pytest.mark.browser, pytest.mark.worker, pytest.mark.slow]
PATIENCE_MS = 60_000
ALL_DRAWN = "[...document.querySelectorAll('.key-images img')].every((one) => one.naturalWidth > 0)"


def test_the_report_shows_the_key_images_and_downloads(page: Page, worker: Processes) -> None:
    unlike = [{"code": "pixel-spacing", "message": "The pixels of 9 mm: the training data had 1 to 2 mm."}]
    mask = factories.prediction(deviations=unlike).annotation
    clinician = factories.user("clinician", institution=mask.institution)
    factories.measurement(of=mask.series, author=clinician)
    log_in(page, clinician)
    page.goto(f"/series/{mask.series.pk}/view/")
    expect(page.locator("[data-deviations]")).to_contain_text("differ from the model's training data")
    page.get_by_role("button", name="Report").click()
    expect(page.locator(".key-images img").first).to_be_visible(timeout=PATIENCE_MS)
    for picture in page.locator(".key-images img").all():
        expect(picture).to_have_js_property("complete", True)  # visible is not yet loaded
    assert page.evaluate(ALL_DRAWN)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download PDF").click()
    assert download.value.suggested_filename.endswith(".pdf")
    assert look(page, page.url) == []


def test_a_case_of_two_series_is_reported_as_one(page: Page, worker: Processes) -> None:
    mask = factories.prediction().annotation
    case = mask.series.case
    factories.prediction(of=factories.series(of=case, number=2))
    log_in(page, factories.user("clinician", institution=mask.institution))
    page.goto(case.get_absolute_url())
    page.get_by_role("button", name="Report of the case").click()
    expect(page.get_by_role("heading", name="Summary")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("link", name="Series 2").click()
    expect(page.get_by_role("heading", name="Series 2")).to_be_in_viewport()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download PDF").click()
    assert download.value.suggested_filename == f"report-{case.patient.pseudonym}.pdf"
