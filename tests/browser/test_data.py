"""From approved masks to a frozen data set in a real browser: draw, choose, look at findings, freeze, download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from accounts.models import Role
from cases.models import Upload
from spineml.learning.dataset_file import DatasetReader
from spineplatform.processes import Processes
from tests import factories
from tests.browser.test_walk import CASE_PAGE, log_in
from tests.cases.test_pairs import mask, picture
from tests.training import chosen
from training.models import Dataset, PatientSplit

pytestmark = [pytest.mark.browser, pytest.mark.worker, pytest.mark.slow]
PATIENCE_MS = 90_000


@pytest.fixture
def place(worker: Processes) -> Any:
    """Five patients with approved masks, one of which is shifted."""
    place = factories.institution("Data clinic")
    for _ in range(4):
        chosen.mask(place)
    image, labels = chosen.image_and_labels()
    shifted = factories.annotation(
        of=factories.series(institution=place, image=image), pixels=np.roll(labels, 8, axis=2)
    )
    chosen.approve(shifted)
    return place


def test_images_are_imported_with_their_masks(page: Page, worker: Processes, tmp_path: Path) -> None:
    place = factories.institution("Pair clinic")
    for name in ("p1_1", "p1_2"):
        picture(tmp_path / f"{name}.png", seed=len(name) + int(name[-1]))
        mask(tmp_path / f"{name}_mask.png")
    picture(tmp_path / "p2_1.png", seed=9)
    log_in(page, factories.user(Role.MODEL_ADMIN, Role.ANNOTATOR, institution=place, username="paula"))

    page.get_by_role("link", name="Data", exact=True).click()
    page.get_by_role("link", name="Import images with masks").click()
    expect(page.get_by_label("The files are image-mask pairs")).to_be_checked()
    page.locator("#id_files").set_input_files(sorted(tmp_path.glob("*.png")))
    page.locator("#id_patients").select_option("prefix")
    page.get_by_label("Split of these patients").select_option("test")
    page.get_by_label("I have checked these masks").check()
    page.get_by_role("button", name="Upload", exact=True).click()
    page.wait_for_url(CASE_PAGE, timeout=PATIENCE_MS)
    assert PatientSplit.objects.get().split == "test"

    page.goto("/models/datasets/")
    page.get_by_label("Name").fill("Pairs")
    page.get_by_role("button", name="Create draft").click()
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Test"))
    expect(row.get_by_role("cell").first).to_have_text("1")
    page.goto(Upload.objects.get().get_absolute_url())
    expect(page.get_by_text("No mask was sent for it.")).to_be_visible()


def test_a_data_set_is_made_looked_at_frozen_and_downloaded(page: Page, place: Any, tmp_path: Path) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    log_in(page, factories.user(Role.MODEL_ADMIN, institution=place, username="mira"))

    page.get_by_role("link", name="Data", exact=True).click()
    page.get_by_role("link", name="Patients and splits").click()
    page.get_by_text("Assign splits at random").click()
    page.get_by_label("Seed").fill("3")
    page.get_by_role("button", name="Assign at random", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("5 patients were assigned a split, seed 3.")
    row = page.get_by_role("row").filter(has_text="Training").filter(has=page.get_by_text("Set by hand")).first
    row.get_by_text("Set by hand").click()
    row.get_by_label("Split").select_option("test")
    row.get_by_label("Reason").fill("Judged in an earlier paper.")
    row.get_by_role("button", name="Set", exact=True).click()
    expect(page.get_by_text("Judged in an earlier paper.")).to_be_visible()
    assert PatientSplit.objects.filter(origin="by-hand", split="test").count() == 1

    page.get_by_role("link", name="Data sets").click()
    page.get_by_label("Name").fill("Lumbar 2026")
    page.get_by_role("button", name="Create draft").click()
    page.get_by_role("button", name="Check labels").click()
    expect(page.get_by_text("It is probably shifted.")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Freeze")).to_be_disabled()

    page.get_by_role("checkbox", name="Shifted").check()
    page.get_by_role("button", name="Accept findings").click()
    expect(page.locator("#decide-error")).to_contain_text("Give a reason for accepting this finding")
    page.problems.clear()  # type: ignore[attr-defined]  # the browser's own note about the answer 400
    expect(page.get_by_role("checkbox", name="Shifted")).to_be_checked()
    page.get_by_label("Note").fill("The table beside the patient is taken for bone.")
    page.get_by_role("button", name="Accept findings").click()
    expect(page.get_by_text("The table beside the patient")).to_be_visible()

    page.get_by_role("button", name="Freeze").click()
    download = page.get_by_role("link", name="Download")
    expect(download).to_be_visible(timeout=PATIENCE_MS)
    with page.expect_download() as arriving:
        download.click()
    arriving.value.save_as(tmp_path / "set.h5")
    with DatasetReader(tmp_path / "set.h5", expected_sha256=Dataset.objects.get().sha256) as reader:
        assert len(reader.entries) == 5
