"""Correcting a mask in the reading room: what is drawn is what is saved, voxel for voxel."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from scipy import ndimage

from cases.models import Annotation
from spineml.phantom import spine_phantom
from tests import factories
from tests.browser.reading import (
    all_loaded,
    ask,
    click,
    drag,
    held,
    labels,
    move_to,
    open_reading,
    save,
)
from tests.browser.test_walk import log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHAPE, SPACING = (12, 96, 96), (4.0, 2.0, 1.5)


@pytest.fixture
def mask(transactional_db: None) -> Annotation:
    """A model's mask of a phantom whose voxels are of three different lengths."""
    volume, truth = spine_phantom(shape=SHAPE, spacing=SPACING)
    found = factories.series(image=volume)
    return factories.prediction(of=found, pixels=truth.labels).annotation


@pytest.fixture
def reader(page: Page, mask: Annotation) -> Page:
    log_in(page, factories.user("clinician", institution=mask.institution))
    open_reading(page, mask.series)
    all_loaded(page)
    return page


def disc(z: int, at: tuple[float, float], radius_mm: float) -> np.ndarray:
    """The pixels of axial slice ``z`` within ``radius_mm`` of the picture coordinates ``at``."""
    found = np.zeros(SHAPE, bool)
    y, x = np.indices(SHAPE[1:])
    found[z] = ((x - at[0]) * SPACING[2]) ** 2 + ((y - at[1]) * SPACING[1]) ** 2 <= radius_mm**2 + 1e-6
    return found


def changed(page: Page, count: int) -> None:
    expect(page.locator("[data-reading]")).to_have_attribute("data-changed", str(count))


def test_brush_and_eraser_by_key_mark_exactly_the_voxels_within_their_radius(reader: Page, mask: Annotation) -> None:
    before = labels(mask)
    ask(reader, "reader.setLook({ radius: 7 })")
    reader.keyboard.press("b")
    move_to(reader, 30, 40, 4)
    reader.keyboard.press("Enter")
    reader.keyboard.press("e")
    move_to(reader, 48, 60, 6)
    reader.keyboard.press("Enter")
    changed(reader, 2)
    saved = save(reader)
    expected = np.where(disc(4, (30, 40), 7), 1, before)
    expected = np.where(disc(6, (48, 60), 7), 0, expected)
    assert (labels(saved) == expected).all()
    assert saved.parent == mask
    assert (labels(mask) == before).all()


def test_a_stroke_by_mouse_is_undone_redone_and_saved_as_it_is_seen(reader: Page, mask: Annotation) -> None:
    before = labels(mask)
    reader.keyboard.press("b")
    move_to(reader, 48, 48, 5)
    drag(reader, (20, 20), (60, 30), (60, 70))
    drawn = held(reader)
    assert (drawn[5] != before[5]).any()
    assert drawn[5, 20, 20] == drawn[5, 25, 40] == drawn[5, 50, 60] == drawn[5, 70, 60] == 1
    assert (np.delete(drawn, 5, 0) == np.delete(before, 5, 0)).all()
    reader.keyboard.press("Control+z")
    assert (held(reader) == before).all()
    changed(reader, 0)
    reader.keyboard.press("Control+y")
    assert (held(reader) == drawn).all()
    assert (labels(save(reader)) == drawn).all()


def test_undo_goes_back_through_every_step_also_past_a_save(reader: Page, mask: Annotation) -> None:
    before = labels(mask)
    reader.keyboard.press("b")
    for z in (2, 3, 4, 3):
        move_to(reader, 20 + 10 * z, 30, z)
        reader.keyboard.press("Enter")
    first = save(reader)
    for _ in range(5):
        reader.keyboard.press("z")
    assert (held(reader) == before).all()
    changed(reader, 3)
    second = save(reader)
    assert (labels(second) == before).all()
    assert second.parent == first


def test_a_brush_works_in_the_sagittal_view_and_a_sphere_in_every_direction(reader: Page, mask: Annotation) -> None:
    before = labels(mask)
    ask(reader, "reader.setLook({ radius: 9 })")
    reader.keyboard.press("b")
    ask(reader, "reader.activate(reader.views[1])")
    ask(reader, "reader.moveTo([25, 30, 6])")
    reader.keyboard.press("Enter")
    z, y, x = np.indices(SHAPE)
    flat = (x == 25) & (((z - 6) * SPACING[0]) ** 2 + ((y - 30) * SPACING[1]) ** 2 <= 81 + 1e-6)
    assert (held(reader) == np.where(flat, 1, before)).all()
    reader.keyboard.press("d")
    ask(reader, "reader.moveTo([70, 30, 6])")
    reader.keyboard.press("Enter")
    ball = (((x - 70) * SPACING[2]) ** 2 + ((y - 30) * SPACING[1]) ** 2 + ((z - 6) * SPACING[0]) ** 2) <= 81 + 1e-6
    expected = np.where(flat | ball, 1, before)
    assert (labels(save(reader)) == expected).all()


def test_polygon_scissors_holes_copy_and_interpolation_change_what_they_say(reader: Page, mask: Annotation) -> None:
    move_to(reader, 10, 10, 1)
    reader.get_by_role("button", name="Clear slice").click()
    reader.keyboard.press("p")
    for corner in ((19.6, 19.6), (40.4, 19.6), (40.4, 50.4), (19.6, 50.4)):
        click(reader, *corner)
    reader.keyboard.press("Enter")
    square = held(reader)[1].copy()
    assert square.sum() == 21 * 31
    assert square[20:51, 20:41].all()
    reader.keyboard.press("x")
    for corner in ((29.6, 29.6), (35.4, 29.6), (35.4, 35.4), (29.6, 35.4)):
        click(reader, *corner)
    click(reader, 29.6, 29.6)
    assert held(reader)[1].sum() == 21 * 31 - 36
    reader.keyboard.press("h")
    assert (held(reader)[1] == square).all()
    move_to(reader, 10, 10, 5)
    reader.keyboard.press("Alt+u")
    assert (held(reader)[5] == labels(mask)[6]).all()
    for z in (2, 3, 4):
        move_to(reader, 10, 10, z)
        reader.get_by_role("button", name="Clear slice").click()
    move_to(reader, 10, 10, 2)
    reader.keyboard.press("u")
    move_to(reader, 10, 10, 5)
    reader.get_by_role("button", name="Clear slice").click()
    move_to(reader, 10, 10, 6)
    reader.get_by_role("button", name="Clear slice").click()
    reader.keyboard.press("p")
    for corner in ((19.6, 19.6), (40.4, 19.6), (40.4, 50.4), (19.6, 50.4)):
        click(reader, *corner)
    reader.keyboard.press("Enter")
    move_to(reader, 10, 10, 4)
    reader.keyboard.press("k")
    expect(reader.locator("[data-say]")).to_contain_text("3 slices filled between 3 and 7")
    assert (held(reader)[2:7] == square).all()


def test_a_threshold_brush_marks_bone_alone_and_a_region_grows_over_what_is_connected(
    reader: Page, mask: Annotation
) -> None:
    volume, truth = spine_phantom(shape=SHAPE, spacing=SPACING)
    z = int(truth.labels.sum(axis=(1, 2)).argmax())
    y, x = np.argwhere(truth.labels[z])[0].tolist()
    move_to(reader, 20, 20, z)
    reader.get_by_role("button", name="Clear slice").click()
    reader.get_by_role("button", name="HU range").click()
    ask(reader, "reader.setLook({ low: 200, high: 3000, radius: 20, tolerance: 150 })")
    reader.keyboard.press("b")
    move_to(reader, x, y, z)
    reader.keyboard.press("Enter")
    inside = disc(z, (x, y), 20)[z] & (volume.hu[z] >= 200)
    assert inside.any()
    assert (held(reader)[z].astype(bool) == inside).all()
    reader.get_by_role("button", name="Clear slice").click()
    reader.keyboard.press("g")
    reader.keyboard.press("Enter")
    level = volume.hu[z, y - 1 : y + 2, x - 1 : x + 2].mean()
    alike, _ = ndimage.label(np.abs(volume.hu[z] - level) <= 150)
    assert alike[y, x]
    assert (held(reader)[z].astype(bool) == (alike == alike[y, x])).all()


def test_two_slices_of_a_mask_drawn_from_nothing_are_saved_without_a_parent(page: Page, transactional_db: None) -> None:
    series = factories.series(image=spine_phantom(shape=SHAPE, spacing=SPACING)[0])
    log_in(page, factories.user("annotator", institution=series.institution))
    open_reading(page, series)
    page.keyboard.press("b")
    for z in (3, 4):
        move_to(page, 40, 40, z)
        page.keyboard.press("Enter")
    saved = save(page)
    assert (labels(saved) == (disc(3, (40, 40), 5) | disc(4, (40, 40), 5))).all()
    assert saved.parent is None


def test_only_changed_slices_are_sent_and_a_save_of_three_takes_little(reader: Page, mask: Annotation) -> None:
    reader.keyboard.press("b")
    for z in (3, 4, 5):
        move_to(reader, 40, 40, z)
        reader.keyboard.press("Enter")
    with reader.expect_request("**/corrections/") as sent:
        save(reader)
    body = sent.value.post_data_json
    assert body is not None
    assert sorted(body["slices"]) == ["3", "4", "5"]
    assert len(sent.value.post_data or "") < 100_000


def test_a_person_who_may_only_look_finds_no_tools(page: Page, mask: Annotation) -> None:
    log_in(page, factories.user("model_admin", institution=mask.institution))
    open_reading(page, mask.series)
    expect(page.get_by_role("heading", name="Masks")).to_be_visible()
    expect(page.get_by_role("button", name="Brush")).to_be_hidden()
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    expect(page.locator("[data-say]")).to_contain_text("not allow you to correct")
