"""A whole review without a mouse, and keys on keyboards of other scripts."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from cases.models import Annotation, Case, Comment, Measurement, Review, Series
from spineml.phantom import spine_phantom
from tests import factories
from tests.browser.reading import all_loaded, ask, held, labels, move_to, open_reading, save
from tests.browser.test_walk import log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHAPE, SPACING = (16, 96, 96), (3.0, 2.0, 2.0)


@pytest.fixture
def mask(transactional_db: None) -> Annotation:
    """A model's mask of which it was unsure on slices 4 and 12."""
    volume, truth = spine_phantom(shape=SHAPE, spacing=SPACING)
    confidence = [0.97] * SHAPE[0]
    confidence[4], confidence[12] = 0.61, 0.78
    made = factories.prediction(of=factories.series(image=volume), pixels=truth.labels, confidence=confidence)
    return made.annotation


@pytest.fixture
def user(mask: Annotation) -> User:
    return factories.user("clinician", institution=mask.institution)


def tab_to(page: Page, target: Locator) -> None:
    """Walk with the Tab key until ``target`` has the focus."""
    target.wait_for()
    for _ in range(60):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"The Tab key never reached {target}")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def rod(ends: tuple[tuple[int, int], tuple[int, int]], radius: float) -> np.ndarray:
    """Pixels ``(y, x)`` within ``radius`` mm of the line between two (x, y) places."""
    y, x = np.indices(SHAPE[1:])
    points = np.stack([x * SPACING[2], y * SPACING[1]], axis=-1).astype(float)
    start, end = (np.array(place, float) * (SPACING[2], SPACING[1]) for place in ends)
    along = np.clip(((points - start) @ (end - start)) / ((end - start) @ (end - start)), 0, 1)
    return np.linalg.norm(points - start - along[..., None] * (end - start), axis=-1) <= radius + 1e-6


COUNT_POINTERS = """
const note = ({ type }) => sessionStorage.setItem("pointers", `${sessionStorage.getItem("pointers") ?? ""} ${type}`);
for (const name of ["pointerdown", "mousedown", "mousemove", "wheel", "touchstart"]) addEventListener(name, note, true);
"""


def test_a_review_from_the_log_in_to_the_next_case_needs_no_mouse(page: Page, mask: Annotation, user: User) -> None:
    following = factories.prediction(of=factories.series(of=factories.case(institution=mask.institution))).annotation
    Case.objects.update(state="segmented")
    log_in_by_keyboard(page, user)
    for link in (mask.series.case.title, "Read and correct"):
        tab_to(page, page.get_by_role("link", name=link))
        page.keyboard.press("Enter")
    opened(page, mask.series)
    look_around(page)
    saved = correct(page, mask)
    assert (saved.parent, saved.author) == (mask, user)
    measure_and_comment(page)
    press(page, "Control+Enter")
    opened(page, following.series)
    signed = Review.objects.get()
    assert (signed.annotation, signed.verdict, signed.reader) == (saved, "approved", user)
    assert Case.objects.get(pk=mask.series.case_id).state == "approved"
    press(page, "Control+Enter")
    expect(page.get_by_text("No more cases for you.")).to_be_visible()
    assert Review.objects.filter(annotation=following, verdict="approved").exists()
    expect(page.get_by_role("button", name="Go to the cases")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases/")
    assert page.evaluate("sessionStorage.getItem('pointers')") is None, "nothing was done with a mouse or a finger"


def log_in_by_keyboard(page: Page, user: User) -> None:
    page.add_init_script(COUNT_POINTERS)
    page.goto("/")
    expect(page.get_by_label("Username")).to_be_focused()
    page.keyboard.type(user.username)
    tab_to(page, page.get_by_label("Password", exact=True))
    page.keyboard.type(factories.PASSWORD)
    page.keyboard.press("Enter")


def opened(page: Page, series: Series) -> None:
    """Wait for the reading room of a series and all of its slices."""
    page.wait_for_url(f"**/series/{series.pk}/read/**")
    expect(page.locator("[data-reading]")).to_have_attribute("data-masks-shown", "true")
    all_loaded(page)


def look_around(page: Page) -> None:
    """Slices, window, overlay, and on to where the model was unsure."""
    press(page, "Home", "ArrowUp", "ArrowUp", "PageUp", "ArrowDown")
    expect(page.locator("[data-part=position]")).to_have_text("12 / 16")
    press(page, "2", "Shift+ArrowRight", "Shift+ArrowUp")
    assert ask(page, "[reader.window.center, reader.window.width]") == [30, 410]
    press(page, "o")
    expect(page.get_by_role("button", name="Masks", exact=True)).to_have_attribute("aria-pressed", "false")
    press(page, "o", ";")
    expect(page.locator("[data-part=position]")).to_have_text("13 / 16")
    expect(page.locator("[data-part=confidence]")).to_have_text("0.78")


def correct(page: Page, mask: Annotation) -> Annotation:
    """A stroke by keys, taken back and done again, then saved as it is seen."""
    before = labels(mask)
    x, y, _ = ask(page, "reader.voxel")
    assert before[:, y - 3 : y + 4, x - 3 : x + 4].any(), "the crosshair starts in the mask"
    press(page, "b", *["Alt+Shift+ArrowLeft"] * 3, "Enter", *["Alt+ArrowUp"] * 4, "Alt+Shift+ArrowRight", "Shift+Enter")
    expected = before.copy()
    expected[12][rod(((x - 30, y), (x - 20, y - 4)), 5)] = 1
    assert (held(page) == expected).all()
    press(page, "z", "z")
    assert (held(page) == before).all()
    press(page, "Control+y", "Control+y")
    saved = save(page)
    assert (labels(saved) == expected).all()
    return saved


def measure_and_comment(page: Page) -> None:
    """A length, a look at the keys, and a comment on the slice."""
    root = page.locator("[data-reading]")
    press(page, "a", "Enter", *["Alt+Shift+ArrowRight"] * 2, "Enter")
    expect(root).to_have_attribute("data-measured", "1")
    assert Measurement.objects.get().values["length_mm"] == pytest.approx(40)
    press(page, "?")
    expect(page.get_by_role("heading", name="Keys and mouse")).to_be_visible()
    press(page, "Escape")
    expect(page.get_by_role("heading", name="Keys and mouse")).to_be_hidden()
    press(page, 'Shift+"')
    page.keyboard.type("Wider on the left.")
    press(page, "Tab", "Tab", "Enter")
    expect(root).to_have_attribute("data-comments", "1")
    assert Comment.objects.get().z == 12


def test_unsure_slices_are_found_from_a_corrected_mask_too(page: Page, mask: Annotation, user: User) -> None:
    log_in(page, user)
    open_reading(page, mask.series)
    all_loaded(page)
    press(page, "Home", ";")
    position = page.locator("[data-part=position]")
    expect(position).to_have_text("5 / 16")
    move_to(page, 10, 10, 4)  # where nothing is marked yet
    press(page, "b", "Enter")
    save(page)
    press(page, ";")
    expect(position).to_have_text("13 / 16")
    press(page, "Alt+;")
    expect(position).to_have_text("5 / 16")


def test_keys_mean_the_same_while_a_korean_input_method_is_on(page: Page, mask: Annotation, user: User) -> None:
    log_in(page, user)
    open_reading(page, mask.series)
    devtools = page.context.new_cdp_session(page)
    for key, code in (("ㅠ", "KeyB"), ("Process", "KeyE")):
        devtools.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": key, "code": code})
        devtools.send("Input.dispatchKeyEvent", {"type": "keyUp", "key": key, "code": code})
        tool = {"KeyB": "brush", "KeyE": "eraser"}[code]
        expect(page.locator("[data-reading]")).to_have_attribute("data-tool", tool)


def test_cine_runs_through_the_active_view_and_stops(page: Page, mask: Annotation, user: User) -> None:
    log_in(page, user)
    open_reading(page, mask.series)
    all_loaded(page)
    for plane, axis in (("axial", 2), ("sagittal", 0)):
        ask(page, f"reader.activate(reader.views.find((view) => view.plane.name === '{plane}'))")
        ask(page, "reader.moveTo([94, 50, 14])")
        press(page, ".")
        while ask(page, f"reader.voxel[{axis}]") > 10:  # on from the last slice to the first
            page.wait_for_timeout(50)
        press(page, ".")
        stopped = ask(page, "reader.voxel")
        page.wait_for_timeout(300)  # some frames of the cine
        assert ask(page, "reader.voxel") == stopped


def test_the_colour_of_a_mask_is_chosen_and_kept(page: Page, mask: Annotation, user: User) -> None:
    log_in(page, user)
    open_reading(page, mask.series)
    with page.expect_response("**/viewer-settings/"):
        page.get_by_label(f"Colour of {mask}").fill("#12ab34")
    open_reading(page, mask.series)
    assert ask(page, "reader.editor.layer.colour") == [0x12, 0xAB, 0x34]
