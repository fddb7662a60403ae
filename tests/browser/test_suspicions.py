"""A mask that does not fit its images: what the reading room says of it, and the word that lets it go."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from accounts.models import Role
from cases.checks.worker import run_mask_check
from cases.models import Annotation, Case, MaskCheckRun, Review
from spineml.phantom import spine_phantom
from spineplatform.shared.lease import execute
from tests import factories
from tests.browser.reading import all_loaded, ask, open_reading
from tests.browser.test_walk import log_in
from tests.waiting import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def shifted(page: Page, transactional_db: None) -> Annotation:
    """A mask that lies beside the spine, and a clinician who is logged in."""
    volume, mask = spine_phantom((8, 128, 128), seed=2, spacing=(4.0, 1.6, 1.6))
    series = factories.series(image=volume)
    made = factories.annotation(of=series, pixels=np.roll(mask.labels, 12, 2))
    Case.objects.update(state="in-review")
    log_in(page, factories.user(Role.CLINICIAN, institution=series.institution))
    return made


def check(mask: Annotation) -> None:
    execute(MaskCheckRun, mask.check_run.pk, run_mask_check)


def test_what_a_check_finds_is_said_at_once_and_confirmed_there(page: Page, shifted: Annotation) -> None:
    open_reading(page, shifted.series)
    all_loaded(page)
    notice = page.locator("[data-notice=suspected]")
    expect(notice).to_have_count(0)
    check(shifted)
    expect(notice).to_contain_text("looks shifted")
    notice.get_by_role("button", name="Show slice").click()
    page.keyboard.press("Control+Enter")
    expect(notice).to_contain_text("cannot be approved")
    wait_for(lambda: ask(page, "reader.signoff.isSigning === false"), "the answer to the signature", page=page)
    assert not Review.objects.exists()
    notice.get_by_role("button", name="The mask is right").click()
    expect(notice).to_have_count(0)
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-part=last-word]")).to_contain_text("Approved")
    page.problems.clear()  # type: ignore[attr-defined]  # the refusal


def test_the_case_page_says_it_on_a_phone_and_the_keyboard_is_enough(page: Page, shifted: Annotation) -> None:
    check(shifted)
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(shifted.series.case.get_absolute_url())
    expect(page.locator("[data-suspicion=shifted]")).to_contain_text("held back from sign-off")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="The mask is right").focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-suspicion=shifted]")).to_contain_text("confirmed as right by")
