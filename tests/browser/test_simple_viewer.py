"""The viewer of results and comparisons: one axial view, without tools."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from cases.models import Series
from inference.models import ComparisonRun
from spineml.phantom import spine_phantom
from tests import factories
from tests.browser.test_reading_touch import Fingers
from tests.browser.test_walk import log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHAPE = (24, 96, 96)


@pytest.fixture
def comparison(transactional_db: None) -> ComparisonRun:
    """Of a person's mask and the model's, which has a block less and one more on slice 11."""
    volume, truth = spine_phantom(shape=SHAPE, spacing=(3.0, 2.0, 2.0))
    series = factories.series(image=volume)
    other = truth.labels.copy()
    other[11, 40:60, 40:60] = 0
    other[11, 4:14, 4:14] = 1
    predicted = factories.prediction(of=series, pixels=other).annotation
    return factories.comparison_run(reference=factories.annotation(of=series, pixels=truth.labels), predicted=predicted)


@pytest.fixture
def series(comparison: ComparisonRun) -> Series:
    return comparison.reference.series


@pytest.fixture
def clinician(page: Page, series: Series) -> Page:
    log_in(page, factories.user("clinician", institution=series.institution))
    return page


def opened(page: Page, address: str) -> Locator:
    page.goto(address)
    root = page.locator("[data-simple]")
    expect(root).to_have_attribute("data-masks-shown", "true")
    return root


def picture(page: Page) -> Locator:
    return page.locator("[data-view] .view-marks")


def colours(page: Page) -> dict[str, int]:
    """How many pixels of the picture are greenish (in both), bluish (reference only), reddish (compared only)."""
    found = page.evaluate(
        """() => {
          const { buffer, bufferContext } = document.querySelector("[data-simple]").viewer.active;
          return [...bufferContext.getImageData(0, 0, buffer.width, buffer.height).data];
        }"""
    )
    red, green, blue, _ = np.array(found, int).reshape(-1, 4).T
    most = np.maximum(np.maximum(red, green), blue)
    coloured = most - np.minimum(np.minimum(red, green), blue) > 20
    pairs = {"agreed": green, "missed": blue, "extra": red}
    return {name: int((coloured & (channel == most)).sum()) for name, channel in pairs.items()}


def painted(page: Page) -> dict[str, int]:
    page.wait_for_timeout(200)  # a frame
    return colours(page)


def test_a_comparison_paints_and_counts_where_two_masks_agree_and_differ(
    clinician: Page, comparison: ComparisonRun
) -> None:
    opened(clinician, f"/comparisons/{comparison.pk}/#z=11")
    truth, other = (np.array(one.areas_px) for one in (comparison.reference, comparison.predicted))
    counts = painted(clinician)
    assert counts["extra"] == 100
    assert counts["missed"] == truth[11] - (other[11] - 100)
    agreed = int(other[11]) - 100
    assert counts["agreed"] == agreed
    dice = 2 * agreed / (int(truth[11]) + int(other[11]))
    expect(clinician.locator("[data-part=area]")).to_have_text(f"{dice:.3f}")
    expect(clinician.locator("[data-part=area-extra]")).to_have_text("400 mm² (100 px)")

    picture(clinician).focus()
    clinician.keyboard.press("l")
    outlined = painted(clinician)
    assert outlined["extra"] == 36, "the border of a block of 10 x 10"
    assert 0 < outlined["agreed"] < counts["agreed"]
    clinician.keyboard.press("l")
    clinician.keyboard.press("o")
    assert sum(painted(clinician).values()) == 0
    clinician.keyboard.press(" ")
    assert painted(clinician) == counts

    clinician.locator("#images").get_by_role("link", name="4", exact=True).click()
    expect(clinician.locator("[data-part=position]")).to_have_text("4 / 24")


def test_keys_buttons_slider_strip_and_address_lead_through_the_slices(clinician: Page, series: Series) -> None:
    opened(clinician, f"/series/{series.pk}/view/#z=7")
    position = clinician.locator("[data-part=position]")
    expect(position).to_have_text("8 / 24")
    picture(clinician).focus()
    for key, at in {"PageUp": 18, "PageDown": 8, "ArrowLeft": 7, "ArrowRight": 8, "End": 24, "Home": 1}.items():
        clinician.keyboard.press(key)
        expect(position).to_have_text(f"{at} / 24")
    clinician.get_by_role("button", name="Next slice, towards the head").click()
    expect(position).to_have_text("2 / 24")
    slider = clinician.get_by_role("slider", name="Slice")
    slider.fill("11")
    expect(position).to_have_text("12 / 24")
    expect(slider).to_have_attribute("aria-valuetext", "Slice 12 of 24")
    box = clinician.locator("[data-strip]").bounding_box()
    assert box is not None
    clinician.mouse.click(box["x"] + box["width"] * 20.5 / 24, box["y"] + 20)
    expect(position).to_have_text("21 / 24")
    expect(clinician).to_have_url(re.compile("#z=20$"))
    expect(clinician.locator("[data-part=slice-link]").first).to_have_attribute("href", re.compile("z=20"))
    expect(clinician.locator("[data-part=keep-slice]").first).to_have_attribute("href", re.compile("#z=20$"))
    expect(clinician.locator("[data-part=live]")).to_contain_text("Slice 21 of 24. Mask")
    clinician.get_by_role("button", name="Go to slice with largest area").click()
    areas = series.annotations.get(source="model").areas_px
    expect(position).to_have_text(f"{areas.index(max(areas)) + 1} / 24")
    clinician.keyboard.press("?")
    expect(clinician.get_by_role("heading", name="Keys and mouse")).to_be_visible()


def test_window_opacity_zoom_and_pan_by_hand(clinician: Page, series: Series) -> None:
    opened(clinician, f"/series/{series.pk}/view/")
    window = clinician.locator("[data-part=window]")
    clinician.get_by_role("button", name="Soft tissue").click()
    expect(window).to_have_text("C 40 W 400")
    picture(clinician).focus()
    clinician.keyboard.press("Shift+ArrowRight")
    expect(window).to_have_text("C 40 W 410")
    expect(clinician.get_by_role("button", name="Soft tissue")).to_have_attribute("aria-pressed", "false")
    box = picture(clinician).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    clinician.mouse.move(x, y)
    expect(clinician.locator("[data-part=readout]")).to_contain_text(re.compile(r"HU.*x \d+, y \d+, z \d+.*mm"))
    clinician.mouse.down(button="right")
    clinician.mouse.move(x + 30, y - 20)
    clinician.mouse.up(button="right")
    expect(window).to_have_text("C 20 W 440")

    clinician.keyboard.press(".")
    expect(clinician.get_by_label("Opacity of the mask")).to_have_value("55")
    ask = "document.querySelector('[data-simple]').viewer.active.place"
    clinician.keyboard.press("+")
    clinician.mouse.down()
    clinician.mouse.move(x + 10, y)  # from x + 30, y - 20
    clinician.mouse.up()
    assert clinician.evaluate(ask) == {"zoom": 1.25, "x": -20, "y": 20}
    clinician.keyboard.press("f")
    assert clinician.evaluate(ask) == {"zoom": 1, "x": 0, "y": 0}


def test_fingers_scroll_zoom_and_then_pan(phone: Page, series: Series) -> None:
    log_in(phone, factories.user("clinician", institution=series.institution))
    opened(phone, f"/series/{series.pk}/view/#z=7")
    box = picture(phone).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    fingers, place = Fingers(phone), "document.querySelector('[data-simple]').viewer.active.place"
    fingers.drag(((x, y), (x, y - 70)))
    expect(phone.locator("[data-part=position]")).to_have_text("13 / 24")
    fingers.drag(((x - 20, y), (x - 60, y)), ((x + 20, y), (x + 60, y)))
    zoomed = phone.evaluate(place)
    assert 2 < zoomed["zoom"] < 4
    fingers.drag(((x, y), (x, y - 42)))
    assert phone.evaluate(place)["y"] == pytest.approx(zoomed["y"] - 42, abs=1)
    expect(phone.locator("[data-part=position]")).to_have_text("13 / 24")


def test_a_slice_that_does_not_come_says_so_and_comes_after_a_retry(clinician: Page, series: Series) -> None:
    def refuse(route: Route) -> None:
        route.abort()

    clinician.route("**/series/*/slices/**", refuse)
    clinician.goto(f"/series/{series.pk}/view/")
    problem = clinician.locator("[data-part=problem]")
    expect(problem).to_contain_text("Check the network")
    clinician.unroute("**/series/*/slices/**", refuse)
    problem.get_by_role("button", name="Try again").click()
    expect(clinician.locator("[data-simple]")).to_have_attribute("data-masks-shown", "true")
    clinician.problems.clear()  # the browser's own notes about the lost connection


def test_a_session_that_ended_leads_to_the_log_in_and_back(clinician: Page, series: Series) -> None:
    answer: dict[str, Any] = {"status": 401, "content_type": "application/problem+json", "body": "{}"}

    def ended(route: Route) -> None:
        route.fulfill(**answer)

    clinician.route("**/masks/*/slices/**", ended)
    clinician.goto(f"/series/{series.pk}/view/")
    problem = clinician.locator("[data-part=problem]")
    expect(problem).to_contain_text("Your session has ended.")
    expect(problem.get_by_role("button", name="Try again")).to_be_hidden()
    link = problem.get_by_role("link", name="Log in again")
    expect(link).to_have_attribute("href", re.compile(f"next=/series/{series.pk}/view/"))
    clinician.wait_for_load_state("networkidle")  # slices that were asked for before are answered 401 as well
    clinician.problems.clear()  # the browser's own notes about 401
