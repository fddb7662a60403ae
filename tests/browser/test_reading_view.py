"""The reading room: opening a series, finding the way in it, and looking at masks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from cases.models import Series
from spineml.phantom import spine_phantom
from spineml.volumes.volume import Geometry
from tests import factories
from tests.browser.reading import all_loaded, ask, drag, move_to, on_screen, open_reading, view
from tests.browser.test_walk import log_in
from tests.conftest import DESKTOP, watched_page
from tests.waiting import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHAPE = (24, 128, 128)


@pytest.fixture
def series(transactional_db: None) -> Series:
    """A phantom with the mask of a model, and that of a person who disagrees on slices 5 and 20."""
    volume, truth = spine_phantom(shape=SHAPE, spacing=(3.0, 2.0, 2.0))
    found = factories.series(image=volume)
    factories.prediction(of=found, pixels=truth.labels)
    other = truth.labels.copy()
    other[5, 60:70, 60:70] = 1
    other[20, 0:4, 0:4] = 1
    factories.annotation(of=found, pixels=other, label="Second reader")
    return found


@pytest.fixture
def reader(page: Page, series: Series) -> Page:
    log_in(page, factories.user("clinician", institution=series.institution))
    return page


def voxel(page: Page) -> list[int]:
    return ask(page, "reader.voxel")


def test_a_series_opens_on_the_slice_with_the_largest_mask_and_then_loads_the_rest(
    reader: Page, series: Series
) -> None:
    asked: list[str] = []
    reader.on("request", lambda request: asked.append(request.url))
    open_reading(reader, series)
    areas = series.annotations.first().areas_px
    assert voxel(reader)[2] == areas.index(max(areas))
    first = f"/series/{series.pk}/slices/?first={voxel(reader)[2]}&count=1"
    assert sum(first in address for address in asked) == 1, "it is asked for once, by the page itself"
    all_loaded(reader)
    shown = ask(reader, "[...reader.volume.get(3)]")
    volume, _ = spine_phantom(shape=SHAPE, spacing=(3.0, 2.0, 2.0))
    assert (np.array(shown, np.int16) == volume.hu[3].ravel()).all()


def test_keys_wheel_slider_and_strip_lead_through_the_slices(reader: Page, series: Series) -> None:
    open_reading(reader, series)
    position = reader.locator("[data-part=position]")
    view(reader).focus()
    reader.keyboard.press("Home")
    expect(position).to_have_text("1 / 24")
    for _ in range(5):
        reader.keyboard.press("ArrowUp")
    expect(position).to_have_text("6 / 24")
    reader.keyboard.press("PageUp")
    expect(position).to_have_text("16 / 24")
    view(reader).hover()
    reader.mouse.wheel(0, -100)
    expect(position).to_have_text("17 / 24")
    strip = reader.locator("[data-strip]")
    box = strip.bounding_box()
    assert box is not None
    strip.click(position={"x": box["width"] - 2, "y": 10})
    expect(position).to_have_text("24 / 24")


def test_no_key_is_lost_when_they_come_faster_than_pictures(reader: Page, series: Series) -> None:
    open_reading(reader, series)
    reader.keyboard.press("Home")
    for _ in range(20):
        reader.keyboard.press("ArrowUp")
    expect(reader.locator("[data-reading]")).to_have_attribute("data-shown", "20")


def test_the_three_views_show_the_same_voxel(reader: Page, series: Series) -> None:
    open_reading(reader, series)
    reader.mouse.click(*on_screen(reader, 40, 70))
    assert voxel(reader)[:2] == [40, 70]
    reader.mouse.click(*on_screen(reader, 70, 24 - 1 - 9, plane="sagittal"))
    assert voxel(reader) == [40, 70, 9]
    reader.mouse.click(*on_screen(reader, 33, 24 - 1 - 12, plane="coronal"))
    assert voxel(reader) == [33, 70, 12]
    all_loaded(reader)
    volume, _ = spine_phantom(shape=SHAPE, spacing=(3.0, 2.0, 2.0))
    for number, cut in ((1, volume.hu[::-1, :, 33]), (2, volume.hu[::-1, 70, :])):  # they follow a few times a second
        wait_for(partial(shows, reader, number, cut), "The cut through the voxel", page=reader)
    words = reader.locator("[data-part=readout]")
    reader.mouse.move(*on_screen(reader, 50, 60))
    expect(words).to_contain_text(f"{volume.hu[12, 60, 50]} HU")
    expect(words).to_contain_text("x 51, y 61, z 13")
    reader.mouse.wheel(0, -100)  # the hand rests while the slices go by under it
    expect(words).to_contain_text(f"{volume.hu[13, 60, 50]} HU")
    expect(words).to_contain_text("x 51, y 61, z 14")


def shows(reader: Page, number: int, cut: np.ndarray) -> bool:
    return ask(reader, f"[...reader.views[{number}].hu]") == cut.ravel().tolist()


def test_letters_follow_every_turn_and_a_turned_picture_still_knows_its_pixels(reader: Page, series: Series) -> None:
    open_reading(reader, series)
    letters = "reader.views[0].letters()"
    assert ask(reader, letters) == {"left": "R", "right": "L", "top": "A", "bottom": "P"}
    reader.get_by_role("button", name="Rotate").click()
    assert ask(reader, letters) == {"left": "P", "right": "A", "top": "R", "bottom": "L"}
    reader.get_by_role("button", name="Flip").click()
    assert ask(reader, letters) == {"left": "A", "right": "P", "top": "R", "bottom": "L"}
    box = view(reader).bounding_box()
    assert box is not None
    _, y = on_screen(reader, 0, 64)  # the patient's right side
    assert y < box["y"] + box["height"] / 3, "R is written on top, and the right side is there"
    reader.mouse.click(*on_screen(reader, 30, 90))
    assert voxel(reader)[:2] == [30, 90]


def test_zoom_keeps_the_pixel_under_the_hand_and_a_drag_moves_the_picture(reader: Page, series: Series) -> None:
    open_reading(reader, series)
    x, y = on_screen(reader, 40, 70)
    reader.mouse.move(x, y)
    reader.keyboard.down("Control")
    for _ in range(3):
        reader.mouse.wheel(0, -100)
    reader.keyboard.up("Control")
    assert ask(reader, "reader.views[0].place.zoom") > 3
    # The browser tells the wheel's place in whole pixels: a part of one is lost, and grows with the zoom.
    assert on_screen(reader, 40, 70) == (pytest.approx(x, abs=3), pytest.approx(y, abs=3))
    x, y = on_screen(reader, 40, 70)
    reader.mouse.move(x, y)
    reader.keyboard.down("Shift")
    reader.mouse.down()
    reader.mouse.move(x + 60, y - 30, steps=3)
    reader.mouse.up()
    reader.keyboard.up("Shift")
    assert on_screen(reader, 40, 70) == (pytest.approx(x + 60, abs=1), pytest.approx(y - 30, abs=1))
    reader.keyboard.press("f")
    assert ask(reader, "reader.views[0].place") == {"zoom": 1, "x": 0, "y": 0}


def test_the_words_over_the_picture_name_nobody(reader: Page, series: Series) -> None:
    open_reading(reader, series)
    assert reader.locator(".views-corner").inner_text().split("\n") == [series.case.patient.pseudonym, str(series)]


def test_windows_change_by_preset_by_drag_and_by_key(reader: Page, series: Series) -> None:
    open_reading(reader, series)
    reader.keyboard.press("2")
    expect(reader.get_by_role("button", name="Soft tissue")).to_have_attribute("aria-pressed", "true")
    expect(reader.locator("[data-part=window]")).to_have_text("C 40 W 400")
    x, y = on_screen(reader, 64, 64)
    reader.mouse.move(x, y)
    reader.mouse.down(button="right")
    reader.mouse.move(x + 100, y, steps=2)
    reader.mouse.up(button="right")
    assert ask(reader, "reader.window.width") > 400
    shown = view(reader).evaluate("canvas => canvas.previousElementSibling.toDataURL()")
    reader.keyboard.press("i")
    reader.wait_for_timeout(200)  # one painted frame
    assert view(reader).evaluate("canvas => canvas.previousElementSibling.toDataURL()") != shown


def test_masks_are_hidden_by_one_key_and_compared_slice_by_slice(reader: Page, series: Series) -> None:
    open_reading(reader, series)
    overlay = reader.get_by_role("button", name="Masks", exact=True)
    reader.keyboard.press("o")
    expect(overlay).to_have_attribute("aria-pressed", "false")
    reader.keyboard.press("o")
    expect(overlay).to_have_attribute("aria-pressed", "true")
    move_to(reader, 64, 64, 0)
    reader.keyboard.press("c")
    expect(reader.get_by_role("button", name="Difference", exact=True)).to_have_attribute("aria-pressed", "true")
    reader.keyboard.press("n")
    expect(reader.locator("[data-part=position]")).to_have_text("6 / 24")
    reader.keyboard.press("n")
    expect(reader.locator("[data-part=position]")).to_have_text("21 / 24")
    reader.keyboard.press("Alt+n")
    expect(reader.locator("[data-part=position]")).to_have_text("6 / 24")


def test_an_address_opens_the_difference_of_two_masks_at_a_slice(reader: Page, series: Series) -> None:
    second, model = series.annotations.all()
    open_reading(reader, series, f"?mask={model.pk}&compare={second.pk}&slice=21")
    assert voxel(reader)[2] == 20
    expect(reader.get_by_role("button", name="Difference", exact=True)).to_have_attribute("aria-pressed", "true")
    assert ask(reader, "[reader.editor.layer.id, reader.other.id]") == [str(model.pk), str(second.pk)]
    all_loaded(reader)
    only_other = "reader.views[0].bufferContext.getImageData(1, 1, 1, 1).data"
    r, _, b, _ = ask(reader, f"[...{only_other}]")
    assert b > r, "what only the other mask has is blue"
    open_reading(reader, series, f"?mask={model.pk}&compare={second.pk}")
    assert voxel(reader)[2] == 5, "without a slice, where the two differ most"


def test_the_look_follows_the_person_to_the_next_series(reader: Page, series: Series) -> None:
    open_reading(reader, series)
    with reader.expect_response("**/viewer-settings/"):
        reader.keyboard.press("3")
        reader.keyboard.press("l")
    open_reading(reader, series)
    expect(reader.get_by_role("button", name="Lung")).to_have_attribute("aria-pressed", "true")
    expect(reader.get_by_role("button", name="Outline", exact=True)).to_have_attribute("aria-pressed", "true")


def test_a_slice_that_does_not_come_says_so_and_comes_after_a_retry(reader: Page, series: Series) -> None:
    def refuse(route: Route) -> None:
        route.abort()

    reader.route("**/series/*/slices/**", refuse)
    reader.goto(f"/series/{series.pk}/read/")
    expect(reader.locator("[data-part=problem]")).to_contain_text("Check the network")
    reader.unroute("**/series/*/slices/**", refuse)
    reader.locator("[data-part=problem]").get_by_role("button", name="Try again").click()
    expect(reader.locator("[data-reading]")).to_have_attribute("data-masks-shown", "true")
    reader.problems.clear()  # the browser's own notes about the lost connection


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (1, 24, 32), (2000, 8, 8)], ids=["one voxel", "one slice", "2,000 slices"]
)
def test_the_smallest_and_the_longest_series_open(page: Page, transactional_db: None, shape: tuple[int, ...]) -> None:
    depth, height, width = shape
    grid = Geometry((depth, height, width), (1.0, 1.0, 1.0))
    image = factories.volume(grid) if depth < 10 else factories.Volume(np.zeros(shape, np.int16), grid)
    series = factories.series(image=image)
    log_in(page, factories.user("clinician", institution=series.institution))
    open_reading(page, series)
    page.keyboard.press("End")
    expect(page.locator("[data-part=position]")).to_have_text(f"{depth} / {depth}")
    expect(page.locator("[data-reading]")).to_have_attribute("data-shown", str(depth - 1))
    all_loaded(page)


@pytest.fixture
def without_webgl(browser: Any, web: str) -> Iterator[Page]:
    yield from watched_page(browser, web, DESKTOP)


def test_nothing_needs_webgl(without_webgl: Page, series: Series) -> None:
    without_webgl.add_init_script(
        "const get = HTMLCanvasElement.prototype.getContext; HTMLCanvasElement.prototype.getContext ="
        " function (kind, ...rest) { return /webgl|webgpu/.test(kind) ? null : get.call(this, kind, ...rest); };"
    )
    log_in(without_webgl, factories.user("clinician", institution=series.institution))
    open_reading(without_webgl, series)
    without_webgl.keyboard.press("b")
    drag(without_webgl, (40, 40), (50, 40))
    expect(without_webgl.locator("[data-part=changed]")).to_contain_text("1 slice changed")


LACKING = {
    "no streams": "delete window.DecompressionStream",
    "no canvas": "HTMLCanvasElement.prototype.getContext = () => null",
}


@pytest.mark.parametrize("what", LACKING)
def test_a_browser_that_lacks_something_is_led_to_the_simple_viewer(reader: Page, series: Series, what: str) -> None:
    reader.add_init_script(LACKING[what])
    reader.goto(f"/series/{series.pk}/read/")
    expect(reader.locator("[data-fallback]")).to_contain_text("the simple viewer shows the same series")
    link = reader.get_by_role("link", name="Open the simple viewer")
    link.wait_for(state="visible")
    link.click()
    reader.wait_for_url("**/view/")
    shown = "cannot draw the picture" if what == "no canvas" else "mm²"
    expect(reader.get_by_role("main")).to_contain_text(shown)


def look(page: Page, series: Series) -> list[str]:
    """What is wrong with the page, in words, with and without its help."""
    log_in(page, factories.user("annotator", "clinician", institution=series.institution))
    open_reading(page, series)
    found = [violation["id"] for violation in Axe().run(page).response["violations"]]
    size = page.viewport_size
    if size is not None and page.evaluate("document.documentElement.scrollWidth") > size["width"]:
        found.append("wider than the screen")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys and mouse")).to_be_visible()
    return found + [violation["id"] for violation in Axe().run(page).response["violations"]]


def test_the_reading_room_is_accessible_on_a_desktop(page: Page, series: Series) -> None:
    assert look(page, series) == []


def test_the_reading_room_is_accessible_on_a_phone(phone: Page, series: Series) -> None:
    assert look(phone, series) == []
