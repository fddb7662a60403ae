"""Signing off in the reading room: from one case to the next without the mouse."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from cases.models import Annotation, Case, Notice, Review
from tests import factories
from tests.browser.reading import all_loaded, ask, labels, open_reading
from tests.browser.test_walk import log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def masks(page: Page, transactional_db: None) -> list[Annotation]:
    """Three cases that wait, and a clinician who has opened the first."""
    home = factories.institution()
    found = [factories.prediction(of=factories.series(of=factories.case(institution=home))).annotation for _ in "abc"]
    Case.objects.update(state="segmented")
    log_in(page, factories.user("clinician", institution=home))
    open_reading(page, found[0].series)
    all_loaded(page)
    return found


def lands_at(page: Page, mask: Annotation) -> None:
    page.wait_for_url(f"**/series/{mask.series.pk}/read/**")
    expect(page.locator("[data-reading]")).to_have_attribute("data-masks-shown", "true")


def test_approve_by_key_lands_in_the_next_case_and_the_way_back_is_offered(page: Page, masks: list[Annotation]) -> None:
    expect(page.locator("[data-part=waiting]")).to_have_text("3 waiting")
    expect(page.locator("[data-part=mask-to-sign]")).to_contain_text(str(masks[0]))
    page.keyboard.press("Control+Enter")
    lands_at(page, masks[1])
    signed = Review.objects.get()
    assert (signed.annotation, signed.verdict, signed.for_training) == (masks[0], "approved", True)
    assert Case.objects.get(pk=masks[0].series.case_id).state == "approved"
    expect(page.locator("[data-part=waiting]")).to_have_text("2 waiting")
    page.get_by_role("button", name="Back to that case").click()
    lands_at(page, masks[0])
    expect(page.locator("[data-part=last-word]")).to_contain_text("Approved")


def test_approving_with_corrections_saves_them_and_signs_the_new_mask(page: Page, masks: list[Annotation]) -> None:
    before = labels(masks[0])
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    if not ask(page, "reader.editor.isDirty"):
        page.keyboard.press("e")
        page.keyboard.press("Enter")
    page.keyboard.press("Control+Enter")
    lands_at(page, masks[1])
    signed = Review.objects.get()
    assert signed.annotation is not None
    assert signed.annotation.parent == masks[0]
    assert (labels(signed.annotation) != before).any()


def test_a_hidden_mask_is_not_signed(page: Page, masks: list[Annotation]) -> None:
    page.keyboard.press("o")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-say]")).to_have_text("The mask is hidden. Show it and review it before signing off.")
    page.keyboard.press("o")
    page.keyboard.press("Control+Enter")
    lands_at(page, masks[1])
    assert Review.objects.get().annotation == masks[0]


def test_sending_back_needs_a_reason_and_then_goes_on(page: Page, masks: list[Annotation]) -> None:
    page.get_by_role("button", name="Send back").click()
    expect(page.get_by_text("Enter a short reason, then choose again.")).to_be_visible()
    page.get_by_label("Reason; @name notifies a colleague").fill("The sacrum is missing")
    page.get_by_role("button", name="Send back").click()
    lands_at(page, masks[1])
    assert [(one.verdict, one.reason) for one in Review.objects.all()] == [("sent-back", "The sacrum is missing")]
    page.keyboard.press("Control+Enter")
    lands_at(page, masks[2])
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("No more cases for you.")).to_be_visible()


def test_a_case_is_sent_back_to_a_named_colleague_by_keyboard(page: Page, masks: list[Annotation]) -> None:
    anna = factories.user("annotator", institution=masks[0].institution, username="anna.b")
    page.keyboard.press("Alt+r")
    page.keyboard.type("Too wide, @ann")
    expect(page.get_by_role("option", name="@anna.b")).to_be_visible()
    for key in ("Enter", "Tab", "Enter"):
        page.keyboard.press(key)
    lands_at(page, masks[1])
    signed = page.locator("[data-notice=signed]")
    expect(signed).to_contain_text("Sent back")
    assert [(one.recipient, one.text) for one in Notice.objects.all()] == [(anna, "Too wide, @anna.b")]
    page.keyboard.press("Alt+r")
    page.keyboard.press("Escape")
    expect(page.locator("[data-view=axial] .view-marks")).to_be_focused()
    expect(signed).to_have_count(0)
