"""A person's way through the platform, in a real browser on the real processes."""

from __future__ import annotations

import gzip
import re
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nibabel
import numpy as np
import pytest
from django.conf import settings
from playwright.sync_api import Page, Route, expect

from accounts.models import User
from cases.models import Case
from registry.services import default_version_ensure
from spineml.phantom import spine_phantom, write_dicom_series, write_nifti
from spineml.volumes.volume import Volume
from spineplatform.processes import Processes
from tests import factories
from tests.plugins.services import TestServices

pytestmark = [pytest.mark.browser, pytest.mark.worker, pytest.mark.tensorflow, pytest.mark.slow]
PATIENCE_MS = 90_000
CASE_PAGE = re.compile(r"/cases/[0-9a-f-]{36}/$")
UPLOAD_SCRIPT = re.compile(r"/js/upload\.[^/]*js$")
SHAPE, SPACING = (6, 256, 256), (3.0, 1.0, 1.0)


@pytest.fixture
def clinic(worker: Processes) -> Any:
    """An institution with an active model."""
    default_version_ensure(folder=settings.MODEL_DIR)
    return factories.institution(name="Walk clinic")


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    """A DICOM series in a zip."""
    volume, _ = spine_phantom(shape=SHAPE, spacing=SPACING)
    archive = tmp_path / "ct.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for file in write_dicom_series(volume, tmp_path / "dicom"):
            opened.write(file, f"ct/{file.name}")
    return archive


def log_in(page: Page, user: User) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill(user.username)
    page.get_by_label("Password", exact=True).fill(factories.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases/")


def upload(page: Page, path: Path, title: str) -> None:
    page.goto("/cases/upload/")
    page.locator("#id_files").set_input_files(path)
    page.get_by_label("Case title").fill(title)
    page.get_by_role("button", name="Upload", exact=True).click()


def open_result(page: Page) -> None:
    """From the case page to the result; the mask is there when its area is shown."""
    page.wait_for_url(CASE_PAGE, timeout=PATIENCE_MS)
    page.get_by_role("link", name="Open").first.click()
    page.wait_for_url("**/view/**")
    expect(page.locator("[data-part=area]")).to_contain_text("mm²", timeout=PATIENCE_MS)


def test_a_clinician_uploads_a_ct_watches_it_and_checks_and_downloads_the_mask(
    page: Page, clinic: Any, ct: Path, tmp_path: Path
) -> None:
    log_in(page, factories.user("clinician", institution=clinic))
    upload(page, ct, "First case")
    open_result(page)

    canvas = page.locator("[data-view=axial] .view-marks")
    canvas.focus()
    page.keyboard.press("Home")
    expect(page.locator("[data-part=position]")).to_have_text("1 / 6")
    page.keyboard.press("ArrowUp")
    expect(page.locator("[data-part=position]")).to_have_text("2 / 6")
    canvas.hover()
    page.mouse.wheel(0, -120)
    expect(page.locator("[data-part=position]")).not_to_have_text("2 / 6")
    page.keyboard.press("2")
    expect(page.get_by_role("button", name="Soft tissue")).to_have_attribute("aria-pressed", "true")

    with page.expect_download() as download:
        page.get_by_role("link", name="Mask, NIfTI").click()
    saved = tmp_path / "mask.nii.gz"
    download.value.save_as(saved)
    mask = nibabel.Nifti1Image.from_bytes(gzip.decompress(saved.read_bytes()))
    assert mask.shape == SHAPE[::-1]
    assert set(np.unique(np.asanyarray(mask.dataobj))) <= {0, 1}
    assert Case.objects.get().state == "segmented"


def test_an_annotator_uploads_a_mask_and_compares_it_with_the_model(page: Page, clinic: Any, tmp_path: Path) -> None:
    volume, truth = spine_phantom(shape=SHAPE, spacing=SPACING)
    ct, mask = tmp_path / "ct.nii.gz", tmp_path / "mask.nii.gz"
    write_nifti(volume, ct)
    write_nifti(Volume(truth.labels.astype(np.int16), truth.geometry), mask)
    log_in(page, factories.user("annotator", institution=clinic))
    upload(page, ct, "Compared")
    open_result(page)

    page.get_by_role("link", name="Upload mask").click()
    page.get_by_label("Mask", exact=True).set_input_files(ct)
    page.get_by_role("button", name="Upload mask").click()
    expect(page.get_by_role("main")).to_contain_text("values")  # a CT is no mask: the page says what was wrong
    page.problems.clear()  # the browser notes the status 400

    page.get_by_label("Mask", exact=True).set_input_files(mask)
    page.get_by_label("Name of the mask").fill("By hand")
    page.get_by_role("button", name="Upload mask").click()
    page.wait_for_url("**/view/?mask=*")
    canvas = page.locator("[data-view=axial] .view-marks")
    expect(page.locator("[data-masks-shown=true]").first).to_be_attached()
    shown = canvas.screenshot()
    canvas.focus()
    page.keyboard.press("o")
    expect(page.locator("[data-do=overlay]")).to_have_attribute("aria-pressed", "false")
    page.wait_for_timeout(200)  # one painted frame
    assert canvas.screenshot() != shown

    page.get_by_label("Reference (ground truth)").select_option(label="By hand · " + factories_author(page))
    page.get_by_label("Compared mask").select_option(index=1)
    page.get_by_role("button", name="Compare", exact=True).click()
    page.wait_for_url("**/comparisons/*/**")
    expect(page.get_by_role("heading", name="Whole series")).to_be_visible(timeout=PATIENCE_MS)
    with page.expect_download() as download:
        page.get_by_role("link", name="All results, CSV").click()
    saved = tmp_path / "figures.csv"
    download.value.save_as(saved)
    assert saved.read_text().splitlines()[-1].startswith("pooled")


def factories_author(page: Page) -> str:
    """The name behind “By hand” in the list of masks."""
    options = page.get_by_label("Reference (ground truth)").locator("option").all_inner_texts()
    return next(text.split(" · ", 1)[1] for text in options if text.startswith("By hand"))


def test_the_page_reconnects_after_the_server_and_the_broker_restarted_and_shows_the_truth(
    page: Page, clinic: Any, web: str, processes: Processes, services: TestServices
) -> None:
    if not services.is_embedded:
        pytest.skip("the broker is not ours to kill: VALKEY_URL names a server of somebody else")
    user = factories.user("clinician", institution=clinic)
    processes.stop("worker-inference")
    series = factories.series(institution=clinic, image=factories.volume(factories.geometry(depth=8)))
    log_in(page, user)
    page.goto(f"/series/{series.pk}/view/")
    with page.expect_websocket(lambda opened: "/ws/runs/" in opened.url):  # the page is whole, it listens
        page.get_by_role("button", name="Segment").click()
    expect(page.locator("[data-run-message]")).to_contain_text("Waiting")

    processes.stop("web")
    services.embedded.kill("valkey")
    expect(page.locator("[data-run-connection]")).to_be_visible(timeout=PATIENCE_MS)
    services.embedded.start()
    assert processes.start_web(port=urlsplit(web).port or 0) == web
    processes.start_worker("inference")
    processes.wait_until_ready("web", "worker-inference")

    expect(page.locator("[data-part=area]")).to_be_visible(timeout=PATIENCE_MS)
    assert series.annotations.count() == 1
    page.problems.clear()  # the browser's own notes about the lost connection


def test_the_upload_page_says_what_is_wrong_and_keeps_the_selection(page: Page, clinic: Any, tmp_path: Path) -> None:
    empty = tmp_path / "empty.dcm"
    empty.touch()
    log_in(page, factories.user("clinician", institution=clinic))
    upload(page, empty, "Nothing")
    expect(page.locator("[data-upload-error]")).to_contain_text("empty")
    expect(page.locator("[data-upload-list]")).to_contain_text("empty.dcm")
    page.problems.clear()


def test_files_chosen_before_the_page_is_whole_are_kept(page: Page, clinic: Any, ct: Path) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(UPLOAD_SCRIPT, hold)
    log_in(page, factories.user("clinician", institution=clinic))
    with page.expect_request(UPLOAD_SCRIPT):
        page.goto("/cases/upload/", wait_until="commit")
    page.locator("#id_files").set_input_files(ct)
    held[0].continue_()
    expect(page.locator("[data-upload-list]")).to_contain_text("ct.zip")
    page.get_by_role("button", name="Upload", exact=True).click()
    page.wait_for_url(CASE_PAGE, timeout=PATIENCE_MS)


def test_the_whole_way_works_on_a_phone(phone: Page, clinic: Any, ct: Path) -> None:
    log_in(phone, factories.user("clinician", institution=clinic))
    upload(phone, ct, "On the phone")
    open_result(phone)
    width = phone.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
