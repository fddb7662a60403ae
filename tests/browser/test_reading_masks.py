"""Masks as layers: each with a look of its own, and two of them side by side."""

from __future__ import annotations

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from cases.models import Annotation, ReviewVerdict
from cases.review.services import NewReview, review_sign
from spineml.phantom import spine_phantom
from tests import factories
from tests.browser.reading import all_loaded, ask, drag, held, labels, move_to, open_reading
from tests.browser.test_walk import log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHAPE = (12, 64, 80)
GREEN, BLUE = "#00ff00", "#0000ff"


@pytest.fixture
def masks(transactional_db: None) -> list[Annotation]:
    """Two masks, newest first: a square of a person in the corner of slice 5, and the model's square beside it."""
    volume, truth = spine_phantom(shape=SHAPE, spacing=(3.0, 2.0, 2.0))
    series = factories.series(image=volume)
    pixels = np.zeros_like(truth.labels)
    pixels[5, 10:20, 10:20] = 1
    model = factories.prediction(of=series, pixels=pixels).annotation
    second = factories.annotation(of=series, pixels=np.roll(pixels, 30, axis=2), label="Second reader")
    return [second, model]


@pytest.fixture
def reader(page: Page, masks: list[Annotation]) -> Page:
    log_in(page, factories.user("clinician", institution=masks[0].institution))
    open_reading(page, masks[0].series)
    all_loaded(page)
    return page


def colour(page: Page, view: str, x: int, y: int) -> list[int]:
    """Red, green and blue of one pixel of a view's picture, after it was painted."""
    page.wait_for_timeout(100)  # some frames
    return ask(page, f"[...{view}.bufferContext.getImageData({x}, {y}, 1, 1).data].slice(0, 3)")


MAIN, TWIN = "reader.views[0]", "reader.comparing.twin"
IN_MODEL, IN_SECOND, ON_EDGE = (15, 15), (45, 15), (10, 15)


def test_each_mask_has_its_own_opacity_and_outline_which_are_kept(reader: Page, masks: list[Annotation]) -> None:
    second, model = (str(mask) for mask in masks)
    reader.get_by_role("button", name=f"Show {model}").click()
    reader.get_by_label(f"Colour of {model}").fill(GREEN)
    reader.get_by_label(f"Colour of {second}").fill(BLUE)
    reader.get_by_label(f"Opacity of {model}").fill("100")
    with reader.expect_response("**/viewer-settings/"):
        reader.get_by_role("button", name=f"Outline of {model}").press("Enter")
    expect(reader.get_by_role("button", name=f"Outline of {model}")).to_be_focused()

    def looks_right() -> None:
        assert colour(reader, MAIN, *ON_EDGE) == [0, 255, 0]
        inside = colour(reader, MAIN, *IN_MODEL)
        assert inside[0] == inside[1] == inside[2], "only the outline is painted"
        red, green, blue = colour(reader, MAIN, *IN_SECOND)
        assert blue > red == green, "the other mask is filled, half seen through"

    looks_right()
    open_reading(reader, masks[0].series)
    all_loaded(reader)
    reader.get_by_role("button", name=f"Show {model}").click()
    looks_right()
    reader.keyboard.press("l")  # one key for all of them
    assert ask(reader, "reader.layers.map((layer) => layer.outline)") == [True, True]


def test_two_masks_stand_side_by_side_in_sync(reader: Page, masks: list[Annotation]) -> None:
    reader.keyboard.press("Alt+c")
    expect(reader.get_by_role("button", name="Side by side")).to_have_attribute("aria-pressed", "true")
    expect(reader.locator("[data-view=axial] [data-part=view-mask]")).to_have_text("Second reader")
    expect(reader.locator("[data-view=twin] [data-part=view-mask]")).to_have_text(str(masks[1]))
    expect(reader.locator("[data-view=coronal]")).to_be_hidden()

    def is_painted(view: str, place: tuple[int, int]) -> bool:
        red, green, blue = colour(reader, view, *place)
        return not red == green == blue

    assert [is_painted(MAIN, IN_SECOND), is_painted(MAIN, IN_MODEL)] == [True, False]
    assert [is_painted(TWIN, IN_SECOND), is_painted(TWIN, IN_MODEL)] == [False, True]
    reader.locator("[data-view=twin] .view-marks").hover()
    reader.mouse.wheel(0, -100)
    reader.keyboard.press("+")
    reader.keyboard.press("2")
    expect(reader.locator("[data-view=twin] [data-part=view-slice]")).to_have_text("7 / 12")
    expect(reader.locator("[data-view=axial] [data-part=view-slice]")).to_have_text("7 / 12")
    assert ask(reader, f"[{MAIN}.place.zoom, {TWIN}.place.zoom]") == [1.25, 1.25]
    assert colour(reader, MAIN, 40, 32) == colour(reader, TWIN, 40, 32), "the same slice in the same window"
    assert [violation["id"] for violation in Axe().run(reader).response["violations"]] == []
    reader.keyboard.press(",")
    expect(reader.locator("[data-view=sagittal]")).to_be_visible()
    expect(reader.locator("[data-view=axial]")).to_be_hidden()
    assert ask(reader, f"{TWIN}.plane.name") == "sagittal"
    reader.keyboard.press("c")
    expect(reader.get_by_role("button", name="Difference", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(reader.locator("[data-view=twin]")).to_be_hidden()
    expect(reader.locator("[data-view=coronal]")).to_be_visible()


def test_only_the_pane_of_the_corrected_mask_is_drawn_in(reader: Page, masks: list[Annotation]) -> None:
    reader.keyboard.press("Alt+c")
    move_to(reader, 40, 30, 5)
    reader.keyboard.press("b")
    box = reader.locator("[data-view=twin] .view-marks").bounding_box()
    assert box is not None
    reader.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(reader.locator("[data-say]")).to_contain_text("shows the compared mask")
    assert (held(reader) == labels(masks[0])).all()
    drag(reader, (30, 40), (50, 40))
    assert held(reader)[5, 40, 30:51].all()


def test_the_approved_mask_is_opened_and_the_newest_is_one_click_away(page: Page, masks: list[Annotation]) -> None:
    newest, model = masks
    clinician = factories.user("clinician", institution=model.institution)
    review_sign(series=model.series, actor=clinician, review=NewReview(ReviewVerdict.APPROVED, model))
    log_in(page, clinician)
    open_reading(page, model.series)
    beside = page.locator("[data-part=beside]")
    assert ask(page, "reader.editor.layer.id") == str(model.pk)
    assert ask(page, "reader.voxel[2]") == 5
    expect(page.locator("[data-part=mask-to-sign]")).to_contain_text("approved")
    expect(beside).to_contain_text("This is the approved mask. A newer one is not approved: Second reader")
    assert [violation["id"] for violation in Axe().run(page).response["violations"]] == []
    beside.get_by_role("button", name="Show newest mask").click()
    assert ask(page, "reader.editor.layer.id") == str(newest.pk)
    assert ask(page, "reader.layers.map((layer) => layer.visible)") == [True, False]
    expect(page.locator("[data-part=mask-to-sign]")).not_to_contain_text("approved")
    expect(beside).to_contain_text("This is not the approved mask of the series. Approved mask: Model")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-reading]")).to_contain_text("No more cases for you.")
    expect(beside).to_be_hidden()
    expect(page.locator("[data-part=mask-to-sign]")).to_contain_text("approved")
    open_reading(page, model.series, f"?mask={model.pk}")
    expect(beside).to_contain_text("This is not the approved mask of the series. Approved mask: Second reader")
