"""The registry in a real browser: a file is brought in, seen in the lineage, a version retired, another deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from registry.models import ModelVersion
from registry.services import version_register
from tests import factories
from tests.browser.test_pages import look
from tests.browser.test_walk import log_in
from tests.training import judged

pytestmark = [pytest.mark.browser, pytest.mark.slow]
KERAS2 = Path(__file__).parents[1] / "spineml" / "keras2"


@pytest.fixture
def registry(transactional_db: None, tmp_path: Path) -> dict[str, Any]:
    """An active version with a child, evaluations of both, and a mask by the child."""
    place = factories.institution(name="Registry")
    user = factories.user("clinician", "model_admin", institution=place)
    first = version_register(path=factories.model_file(tmp_path / "model.h5"), actor=user, activate=True)
    second = version_register(path=factories.model_file(tmp_path / "second.h5", parent_sha256=first.sha256), actor=user)
    data = judged.dataset(place, name="Frozen test")
    for version in (first, second):
        judged.evaluation(version, data, (0.9,) * 6)
    prediction = factories.prediction(of=factories.series(institution=place), model_version=second)
    return {"user": user, "first": first, "second": second, "case": prediction.annotation.series.case}


def test_a_model_admin_brings_a_file_in_and_takes_a_version_out_of_use(page: Page, registry: dict[str, Any]) -> None:
    log_in(page, registry["user"])
    page.goto("/models/")
    page.get_by_text("Import a model file").click()
    page.get_by_label("Model file (.h5)").set_input_files(KERAS2 / "lambda.h5")
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("is a Lambda")).to_be_visible()
    page.problems.clear()  # type: ignore[attr-defined]  # the browser tells of the status 400
    page.get_by_label("Model file (.h5)").set_input_files(KERAS2 / "ronneberger.h5")
    page.get_by_label("Notes").fill("From the old lab")
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("heading", name="spine-ct v3")).to_be_visible()

    # By keyboard through the lineage to the second version.
    page.goto("/models/")
    lineage = page.get_by_role("group", name="Versions and the version each was derived from")
    expect(lineage.get_by_role("link")).to_have_count(3)
    lineage.get_by_role("link", name="v1, Active").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="spine-ct v2")).to_be_visible()
    expect(page.get_by_text("1 mask of cases you have access to")).to_be_visible()
    expect(page.get_by_text("masks 1")).to_be_visible()
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)

    row = page.locator(f"#version-{registry['second'].pk}")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Retire").click()
    expect(page.get_by_text("This version is retired")).to_be_visible()
    page.goto("/models/")
    expect(row).to_have_count(0)
    page.get_by_label("Status").select_option("retired")
    expect(row).to_be_visible()

    page.goto(ModelVersion.objects.get(number=3).get_absolute_url())
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("v3 was deleted")).to_be_visible()
    assert set(ModelVersion.objects.values_list("number", "retired")) == {(1, False), (2, True)}


def addresses(registry: dict[str, Any]) -> list[str]:
    first, second = registry["first"], registry["second"]
    compare = f"/models/compare/?version={first.pk}&version={second.pk}"
    return ["/models/?status=all", second.get_absolute_url(), compare, registry["case"].get_absolute_url()]


def test_the_registry_is_accessible_on_a_desktop(page: Page, registry: dict[str, Any]) -> None:
    log_in(page, registry["user"])
    assert [problem for address in addresses(registry) for problem in look(page, address)] == []


def test_the_registry_is_accessible_on_a_phone(phone: Page, registry: dict[str, Any]) -> None:
    log_in(phone, registry["user"])
    assert [problem for address in addresses(registry) for problem in look(phone, address)] == []
