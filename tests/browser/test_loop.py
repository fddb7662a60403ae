"""The whole loop in a browser: approve by key, freeze, train, evaluate, take over in spite of the gate, go back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from accounts.models import Role
from registry.models import ModelVersion
from registry.services import default_version_ensure
from spineplatform.processes import Processes
from tests import factories
from tests.api_client import api
from tests.browser.test_walk import log_in
from tests.inference.test_loop import SPLITS, first_mask, packed, posted, segment, set_splits, upload

pytestmark = [pytest.mark.browser, pytest.mark.worker, pytest.mark.tensorflow, pytest.mark.slow]
PATIENCE_MS = 120_000


@pytest.fixture
def people(worker: Processes) -> dict[str, Any]:
    default_version_ensure(folder=settings.MODEL_DIR)
    home = factories.institution("Loop clinic")
    return {role.value: factories.user(role, institution=home) for role in Role}


def corrected_case(people: dict[str, Any], folder: Path, seed: int) -> str:
    """A case whose mask was corrected and waits for a signature."""
    annotator = api(people["annotator"])
    series, labels = upload(annotator, folder, seed)
    slices = {str(z): packed(one) for z, one in enumerate(labels)}
    body = {"base": first_mask(annotator, series), "slices": slices}
    posted(annotator, f"series/{series}/corrections/", body, 201)
    return series


def approve_all(page: Page, count: int) -> None:
    """By keyboard, one case after the other."""
    page.get_by_role("link", name="Review next case").or_(page.get_by_role("button", name="Review next case")).click()
    for left in range(count - 1, -1, -1):
        expect(page.locator("[data-reading]")).to_have_attribute("data-masks-shown", "true")
        before = urlsplit(page.url).path
        page.keyboard.press("Control+Enter")
        if left:
            page.wait_for_url(lambda url, before=before: urlsplit(url).path != before)
    expect(page.get_by_text("No more cases for you.")).to_be_visible()


def freeze(page: Page) -> None:
    page.get_by_role("link", name="Data", exact=True).click()
    page.get_by_label("Name").fill("Loop 2026")
    page.get_by_role("button", name="Create draft").click()
    page.get_by_role("button", name="Check labels").click()
    nothing, findings = page.get_by_text("The checks found no problems."), page.get_by_role("checkbox")
    expect(nothing.or_(findings.first)).to_be_visible(timeout=PATIENCE_MS)
    if findings.count():
        for box in findings.all():
            box.check()
        page.get_by_label("Note").fill("Phantoms.")
        page.get_by_role("button", name="Accept findings").click()
    page.get_by_role("button", name="Freeze").click()
    expect(page.get_by_role("link", name="Download")).to_be_visible(timeout=PATIENCE_MS)


def train(page: Page) -> None:
    page.goto("/models/trainings/new/")
    page.get_by_label("Start from").select_option(label="platform v2 (Active)")
    expect(page.get_by_text("Patients: 3 for training")).to_be_visible()
    page.get_by_label("Epochs", exact=True).fill("2")
    page.get_by_label("Batch size").fill("2")
    page.get_by_text("More settings").click()
    page.get_by_label("Crop size (pixels)").fill("96")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("link", name="Evaluate v1")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("img", name="Dice", exact=True).locator("polyline.chart-2")).to_be_attached()


def judge(page: Page) -> None:
    """Both versions on the test patients, until the gate has figures to refuse by."""
    page.get_by_role("link", name="Promotion gate").click()
    page.get_by_role("button", name="Evaluate now").click()
    reason = page.get_by_label("Reason for activating this version anyway")
    for _ in range(60):
        page.goto(f"/models/{ModelVersion.objects.get(owner__isnull=False).pk}/promote/")
        if page.get_by_text("are required").is_visible() and reason.is_visible():
            return
        page.wait_for_timeout(1000)
    pytest.fail("The gate got no figures.")


def test_a_version_is_taught_takes_over_and_gives_way_in_the_browser(
    page: Page, people: dict[str, Any], tmp_path: Path
) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    series = [corrected_case(people, tmp_path, seed) for seed in range(len(SPLITS))]
    clinician, admin = api(people["clinician"]), api(people["model_admin"])
    log_in(page, people["clinician"])
    approve_all(page, len(series))
    set_splits(admin)

    page.context.clear_cookies()
    log_in(page, people["model_admin"])
    freeze(page)
    train(page)
    judge(page)
    page.get_by_label("Reason for activating this version anyway").fill("One phantom is all there is to judge by.")
    page.get_by_role("button", name=re.compile("Activate v1 anyway")).click()
    expect(page.get_by_text("v1 is now the active version.")).to_be_visible()
    assert segment(clinician, series[0]) == str(ModelVersion.objects.get(owner__isnull=False).pk)

    page.goto(f"/models/{ModelVersion.objects.get(owner__isnull=False).pk}/promote/")
    page.get_by_role("button", name="Roll back to platform v2").click()
    expect(page.get_by_text("platform v2 is the active version again.")).to_be_visible()
    assert segment(clinician, series[0]) == str(ModelVersion.objects.get(owner=None).pk)
