"""A training in a real browser: settings proposed, curves that grow, the connection lost and back, a new version."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Role
from spineplatform.processes import Processes
from tests import factories
from tests.browser.test_walk import log_in
from tests.training import learnable
from training.models import TrainingRun

pytestmark = [pytest.mark.browser, pytest.mark.worker, pytest.mark.tensorflow, pytest.mark.slow]
PATIENCE_MS = 120_000
TINY = {"Filters": "2", "Levels": "2", "Crop size (pixels)": "32", "Batch size": "4", "Images every (epochs)": "2"}


@pytest.fixture
def place(worker: Processes) -> Any:
    place = factories.institution("Learning clinic")
    learnable.dataset(place)
    return place


def start(page: Page, epochs: int) -> None:
    """From the front page to a training that is going."""
    page.get_by_role("link", name="Models", exact=True).click()
    page.get_by_role("link", name="Trainings").click()
    page.get_by_role("link", name="Train a version").click()
    expect(page.get_by_text("Patients: 2 for training with 6 images, 1 for validation.")).to_be_visible()
    page.get_by_text("More settings").click()
    for label, value in TINY.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_label("First stride").select_option("1")
    page.get_by_label("Epochs", exact=True).fill(str(epochs))
    page.get_by_label("Patience (epochs)").fill("0")
    page.get_by_role("button", name="Start training").click()


def test_a_training_is_started_followed_through_a_lost_connection_and_makes_a_version(
    page: Page, place: Any, worker: Processes, web: str
) -> None:
    log_in(page, factories.user(Role.MODEL_ADMIN, institution=place, username="mira"))
    start(page, 0)
    expect(page.get_by_text("Choose a number from 1 to 2000.")).to_be_visible()
    page.problems.clear()  # type: ignore[attr-defined]  # the browser tells of the status 400
    page.get_by_label("Epochs", exact=True).fill("120")
    page.get_by_role("button", name="Start training").click()

    page.get_by_text("Table of epochs").click()
    rows = page.locator("[data-fresh=epochs] tr")
    expect(rows.nth(1)).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("img", name="Dice", exact=True).locator("polyline.chart-2")).to_be_attached()
    expect(page.get_by_role("img", name="Epoch 2, slice").first).to_be_visible(timeout=PATIENCE_MS)

    run = TrainingRun.objects.get()
    worker.kill("web")
    expect(page.locator("[data-run-connection]")).to_be_visible(timeout=PATIENCE_MS)
    before = run.epochs.count()
    worker.start_web(urlsplit(web).port)
    expect(rows.nth(before)).to_be_visible(timeout=PATIENCE_MS)
    page.problems.clear()  # type: ignore[attr-defined]  # and of the server that was away

    expect(page.get_by_role("link", name="Evaluate v1")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_text("Table of epochs").click()
    expect(rows).to_have_count(120)
    run.refresh_from_db()
    assert run.settings["base_filters"] == 2


def test_a_training_is_stopped_and_the_best_so_far_kept(page: Page, place: Any) -> None:
    log_in(page, factories.user(Role.MODEL_ADMIN, institution=place, username="mira"))
    start(page, 2000)
    expect(page.get_by_text("Best so far: epoch")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Stop and save best epoch").click()
    expect(page.get_by_text("The training was stopped; its best epoch was saved as v1.")).to_be_visible(
        timeout=PATIENCE_MS
    )
