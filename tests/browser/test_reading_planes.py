"""Correcting in the sagittal and coronal views: a tool acts on the slice of the view in use, voxel for voxel."""

from __future__ import annotations

import io

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from scipy import ndimage

from cases.models import Annotation
from spineml.phantom import spine_phantom
from tests import factories
from tests.browser.reading import all_loaded, ask, held, labels, open_reading, save
from tests.browser.test_walk import log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHAPE, SPACING = (20, 80, 96), (3.0, 2.0, 1.0)
TOLERANCE = 150


@pytest.fixture
def mask(transactional_db: None) -> Annotation:
    volume, truth = spine_phantom(shape=SHAPE, spacing=SPACING)
    return factories.prediction(of=factories.series(image=volume), pixels=truth.labels).annotation


@pytest.fixture
def reader(page: Page, mask: Annotation) -> Page:
    log_in(page, factories.user("annotator", institution=mask.institution))
    open_reading(page, mask.series)
    all_loaded(page)
    page.locator("[data-view=axial] .view-marks").focus()
    page.keyboard.press(",")  # the sagittal view
    return page


def by_rest(page: Page, mask: Annotation) -> np.ndarray:
    answer = page.context.request.get(f"/api/v1/masks/{mask.pk}/download/mask.npy/")
    assert answer.ok
    return np.lib.format.read_array(io.BytesIO(answer.body()), allow_pickle=False)


def say(page: Page, words: str) -> None:
    expect(page.locator("[data-say]")).to_contain_text(words)


def test_a_sagittal_slice_is_cleared_grown_saved_and_read_back_as_it_was_drawn(reader: Page, mask: Annotation) -> None:
    volume, _ = spine_phantom(shape=SHAPE, spacing=SPACING)
    before = labels(mask)
    x = int(before.sum(axis=(0, 1)).argmax())
    z, y = (int(value) for value in np.argwhere(before[:, :, x])[before[:, :, x].sum() // 2])
    ask(reader, f"reader.moveTo([{x}, {y}, {z}])")
    ask(reader, f"reader.setLook({{ tolerance: {TOLERANCE} }})")
    reader.get_by_role("button", name="Clear slice").click()
    cleared = before.copy()
    cleared[:, :, x] = 0
    assert (held(reader) == cleared).all()
    for key in ("g", "Enter"):
        reader.keyboard.press(key)
    say(reader, "pixels marked")
    level = volume.hu[z - 1 : z + 2, y - 1 : y + 2, x].mean()
    regions, _ = ndimage.label(np.abs(volume.hu[:, :, x] - level) <= TOLERANCE)
    expected = cleared.copy()
    expected[:, :, x] = regions == regions[z, y]
    assert expected[:, :, x].any()
    assert (held(reader) == expected).all()
    for key, picture in (("z", cleared), ("z", before), ("Control+y", cleared), ("Control+y", expected)):
        reader.keyboard.press(key)
        assert (held(reader) == picture).all()
    with reader.expect_request("**/corrections/") as sent:
        saved = save(reader)
    body = sent.value.post_data_json
    assert body is not None
    assert sorted(map(int, body["slices"])) == np.flatnonzero((expected != before).any(axis=(1, 2))).tolist()
    assert (by_rest(reader, saved) == expected).all()


def test_between_two_drawn_sagittal_slices_the_shapes_are_filled_in_and_saved(reader: Page, mask: Annotation) -> None:
    before = labels(mask)
    ask(reader, "reader.setLook({ radius: 9 })")
    for x in (10, 14):
        ask(reader, f"reader.moveTo([{x}, 40, 10])")
        reader.get_by_role("button", name="Clear slice").click()
        for key in ("b", "Enter"):
            reader.keyboard.press(key)
    ask(reader, "reader.moveTo([12, 40, 10])")
    reader.keyboard.press("k")
    say(reader, "3 slices filled between 11 and 15")
    z, y, x = np.indices(SHAPE)
    disc = ((z - 10) * SPACING[0]) ** 2 + ((y - 40) * SPACING[1]) ** 2 <= 81 + 1e-6
    between = (x >= 10) & (x <= 14)
    expected = np.where(between, disc, before)
    assert (held(reader) == expected).all()
    reader.keyboard.press("ArrowRight")
    ask(reader, "reader.moveTo([20, 40, 10])")
    reader.keyboard.press("z")
    assert ask(reader, "reader.voxel[0]") == 12, "undoing shows the slice on which it was done"
    reader.keyboard.press("Control+y")
    assert (by_rest(reader, save(reader)) == expected).all()


def test_holes_are_filled_and_neighbours_copied_in_the_coronal_view(reader: Page, mask: Annotation) -> None:
    before = labels(mask)
    reader.keyboard.press(",")  # the coronal view
    y = int(before.sum(axis=(0, 2)).argmax())
    ask(reader, f"reader.moveTo([50, {y}, 10])")
    reader.keyboard.press("h")
    say(reader, "pixels filled")
    expected = before.copy()
    expected[:, y] = ndimage.binary_fill_holes(before[:, y])
    assert (held(reader) == expected).all()
    reader.keyboard.press("u")
    expected[:, y] = expected[:, y - 1]
    assert (held(reader) == expected).all()
    reader.keyboard.press("Alt+u")
    expected[:, y] = expected[:, y + 1]
    assert (held(reader) == expected).all()


@pytest.mark.parametrize(("plane", "axis"), [("sagittal", 0), ("coronal", 1), ("axial", 2)])
def test_slider_number_strip_and_keys_follow_the_plane_that_is_shown(
    reader: Page, mask: Annotation, plane: str, axis: int
) -> None:
    count = SHAPE[::-1][axis]
    reader.locator(f"[data-layout-of={plane}]").click()
    expect(reader.locator(f"[data-view={plane}]")).to_be_visible()
    slider, position = reader.locator("[data-part=slider]"), reader.locator("[data-part=position]")
    expect(slider).to_have_attribute("aria-label", f"{plane.capitalize()} slice")
    expect(reader.locator("[data-part=plane]")).to_have_text(f"{plane.capitalize()} slice")
    reader.keyboard.press("Home")
    expect(position).to_have_text(f"1 / {count}")
    reader.keyboard.press("ArrowUp")
    reader.get_by_role("button", name="Next slice").click()
    expect(position).to_have_text(f"3 / {count}")
    expect(reader.locator(f"[data-view={plane}] [data-part=view-slice]")).to_have_text(f"3 / {count}")
    slider.fill("6")
    expect(position).to_have_text(f"7 / {count}")
    reader.keyboard.press("End")
    expect(position).to_have_text(f"{count} / {count}")
    strip = reader.locator("[data-strip]")
    box = strip.bounding_box()
    assert box is not None
    strip.click(position={"x": 1, "y": 40})
    expect(position).to_have_text(f"1 / {count}")
    areas = labels(mask).sum(axis=tuple(one for one in range(3) if one != 2 - axis))
    assert ask(reader, "[...reader.stripFacts().areas[0].values]") == areas.tolist()
    assert ask(reader, "reader.stripFacts().count") == count
    reader.keyboard.press("m")
    largest = int(areas.argmax())
    expect(position).to_have_text(f"{largest + 1} / {count}")
    expect(reader.locator("[data-part=area]")).to_contain_text(f"({areas[largest]:,} px)")


def test_the_next_view_is_shown_where_one_is_shown_alone(reader: Page) -> None:
    reader.locator("[data-layout-of=axial]").click()
    for plane in ("sagittal", "coronal", "axial"):
        reader.keyboard.press(",")
        expect(reader.locator(f"[data-view={plane}]")).to_be_visible()
        expect(reader.locator("[data-view]:visible")).to_have_count(1)
        expect(reader.locator("[data-part=plane]")).to_have_text(f"{plane.capitalize()} slice")
    reader.keyboard.press("Alt+c")  # without a second mask nothing is paired
    expect(reader.locator("[data-view]:visible")).to_have_count(1)


def test_a_jump_to_an_axial_slice_is_named_where_another_plane_is_shown(reader: Page) -> None:
    reader.locator("[data-layout-of=sagittal]").click()
    ask(reader, "reader.goTo(4)")
    say(reader, "The crosshair is on axial slice 5.")
    expect(reader.locator("[data-part=here]")).to_have_text("On axial slice 5")
