"""Label maps in the reading room: 26 structures shown, chosen, locked, drawn over and saved as they are seen."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from cases.models import Annotation
from registry.models import Task
from spineml.phantom import spine_phantom
from tests import factories
from tests.browser.reading import all_loaded, ask, held, labels, move_to, open_reading, save
from tests.browser.test_walk import log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHAPE, SPACING = (26, 96, 96), (4.0, 2.0, 1.5)
C1, C2, C3, C4 = 1, 2, 3, 4


def twenty_six() -> np.ndarray:
    """Two boxes of 4 x 60 x 30 mm on every second slice, side by side, with all values from C1 to the sacrum."""
    found = np.zeros(SHAPE, np.uint8)
    for value in range(1, 27):
        pair, right = divmod(value - 1, 2)
        found[2 * pair : 2 * pair + 2, 30:60, 20 + 30 * right : 40 + 30 * right] = value
    return found


@pytest.fixture
def mask(transactional_db: None) -> Annotation:
    volume, _ = spine_phantom(shape=SHAPE, spacing=SPACING)
    return factories.annotation(
        of=factories.series(image=volume), pixels=twenty_six(), task=Task.objects.get(pk="vertebrae-ct")
    )


@pytest.fixture
def reader(page: Page, mask: Annotation) -> Page:
    log_in(page, factories.user("clinician", institution=mask.institution))
    open_reading(page, mask.series)
    all_loaded(page)
    return page


def row(page: Page, value: int) -> Locator:
    return page.locator(f"[data-part=structure-list] [data-value='{value}']")


def disc(z: int, at: tuple[float, float], radius_mm: float) -> np.ndarray:
    found = np.zeros(SHAPE, bool)
    y, x = np.indices(SHAPE[1:])
    found[z] = ((x - at[0]) * SPACING[2]) ** 2 + ((y - at[1]) * SPACING[1]) ** 2 <= radius_mm**2 + 1e-6
    return found


def dab(page: Page, x: float, y: float, z: float) -> None:
    move_to(page, x, y, z)
    page.keyboard.press("Enter")


def pixel(page: Page, x: int, y: int) -> list[int]:
    """Red, green and blue of a voxel of the axial picture, before it is enlarged."""
    return ask(page, f"[...reader.views[0].bufferContext.getImageData({x}, {y}, 1, 1).data].slice(0, 3)")


def colour(page: Page, value: int) -> list[int]:
    return ask(page, f"reader.structures.of({value}).colour")


def test_every_structure_is_listed_with_its_size_and_shown_in_its_colour(reader: Page, mask: Annotation) -> None:
    ask(reader, "reader.editor.layer.opacity = 1")
    for value, x in ((C3, 30), (C4, 60)):
        move_to(reader, x, 45, 2)
        assert pixel(reader, x, 45) == colour(reader, value)
    expect(reader.locator("[data-structure-row] ~ * [data-value], [data-part=structure-list] > li")).to_have_count(28)
    volume = 2 * 30 * 20 * np.prod(SPACING) / 1000
    expect(row(reader, C3).locator("[data-row=size]")).to_have_text(f"{volume:.2f} ml · 3\u20134")
    expect(row(reader, 28).locator("[data-row=size]")).to_have_text("")
    assert ask(reader, "reader.views[0].names().map((one) => one.text).join()") == "C3,C4"


def test_what_is_drawn_beside_a_locked_structure_is_saved_voxel_for_voxel(reader: Page, mask: Annotation) -> None:
    before = labels(mask)
    ask(reader, "reader.setLook({ radius: 20 })")
    row(reader, C3).locator("[data-row=lock]").click()
    row(reader, C4).locator("[data-row=choose]").click()
    reader.keyboard.press("b")
    dab(reader, 42, 45, 2)
    expected = np.where(disc(2, (42, 45), 20) & (before != C3), C4, before)
    assert (held(reader) == expected).all()
    saved = save(reader)
    assert (labels(saved) == expected).all()
    assert saved.task_id == "vertebrae-ct"
    by_value = {one["value"]: one["voxels"] for one in saved.labels}
    assert by_value == {value: int((expected == value).sum()) for value in range(1, 27)}


def test_only_over_the_background_or_one_structure_leaves_all_others(reader: Page, mask: Annotation) -> None:
    before = labels(mask)
    ask(reader, "reader.setLook({ radius: 20 })")
    over = reader.get_by_label("Only over")
    over.select_option("background")
    reader.keyboard.press("1")
    reader.keyboard.press("b")
    dab(reader, 45, 45, 2)
    expected = np.where(disc(2, (45, 45), 20) & (before == 0), C1, before)
    assert (held(reader) == expected).all()
    over.select_option(str(C4))
    dab(reader, 45, 45, 3)
    expected = np.where(disc(3, (45, 45), 20) & (before == C4), C1, expected)
    assert (held(reader) == expected).all()
    reader.keyboard.press("e")
    dab(reader, 45, 45, 2)
    expected = np.where(disc(2, (45, 45), 20) & (expected == C4), 0, expected)
    assert (held(reader) == expected).all()


def test_a_hidden_structure_is_neither_seen_nor_changed(reader: Page, mask: Annotation) -> None:
    before = labels(mask)
    row(reader, C3).locator("[data-row=eye]").click()
    move_to(reader, 30, 45, 2)
    assert len(set(pixel(reader, 30, 45))) == 1
    reader.locator("[data-do=clear]").click()
    expected = before.copy()
    expected[2][before[2] == C4] = 0
    assert (held(reader) == expected).all()
    reader.keyboard.press("3")
    row(reader, C3).locator("[data-row=eye]").click()
    reader.keyboard.press("b")
    dab(reader, 60, 45, 5)
    expect(reader.locator("[data-say]")).to_contain_text("C3 vertebra is hidden")
    assert (held(reader) == expected).all()


def test_digits_choose_structures_and_zero_the_one_under_the_pointer(reader: Page) -> None:
    reader.keyboard.press("2")
    expect(row(reader, C2).locator("[data-row=choose]")).to_have_attribute("aria-pressed", "true")
    move_to(reader, 60, 45, 2)
    reader.keyboard.press("0")
    expect(row(reader, C4).locator("[data-row=choose]")).to_have_attribute("aria-pressed", "true")
    reader.keyboard.press("Shift+3")
    assert ask(reader, "reader.look.preset") == "lung"
    move_to(reader, 5, 5, 2)
    reader.keyboard.press("0")
    expect(reader.locator("[data-say]")).to_have_text("There is no structure here.")
    assert ask(reader, "reader.structures.active") == C4


def test_a_relabelled_part_is_a_colour_of_its_own_in_the_difference(reader: Page, mask: Annotation) -> None:
    ask(reader, "reader.setLook({ radius: 6 })")
    reader.keyboard.press("1")
    reader.keyboard.press("b")
    dab(reader, 30, 45, 2)
    save(reader)
    reader.keyboard.press("c")
    ask(reader, "reader.look.opacity = 1")
    move_to(reader, 30, 45, 3)
    move_to(reader, 30, 45, 2)
    assert pixel(reader, 30, 45) == [240, 228, 66]
    assert pixel(reader, 60, 45) == [60, 200, 120]
    expect(reader.locator("[data-part=relabelled]")).to_be_visible()
    reader.keyboard.press("n")
    assert ask(reader, "reader.voxel[2]") == 2


def test_a_mask_of_one_structure_has_no_list_and_its_digits_are_windows(page: Page, transactional_db: None) -> None:
    volume, truth = spine_phantom(shape=SHAPE, spacing=SPACING)
    mask = factories.annotation(of=factories.series(image=volume), pixels=truth.labels)
    log_in(page, factories.user("clinician", institution=mask.institution))
    open_reading(page, mask.series)
    expect(page.get_by_role("heading", name="Structures")).to_be_hidden()
    page.keyboard.press("2")
    assert ask(page, "reader.look.preset") == "soft"


def test_a_mask_drawn_from_nothing_is_of_the_task_that_was_chosen(page: Page, transactional_db: None) -> None:
    volume, _ = spine_phantom(shape=SHAPE, spacing=SPACING)
    series = factories.series(image=volume)
    log_in(page, factories.user("clinician", institution=series.institution))
    open_reading(page, series)
    expect(page.get_by_role("heading", name="Structures")).to_be_hidden()
    page.get_by_label("Task of the new mask").select_option("vertebrae-ct")
    page.get_by_label("Task of the new mask").blur()
    row(page, 21).locator("[data-row=choose]").click()
    ask(page, "reader.setLook({ radius: 9 })")
    page.keyboard.press("b")
    dab(page, 40, 40, 3)
    expect(page.locator("[data-part=draft]")).to_have_text("Draft saved")
    open_reading(page, series)
    expect(page.get_by_text("Your unsaved correction")).to_be_visible()
    expect(page.get_by_role("heading", name="Structures")).to_be_visible()
    saved = save(page)
    assert saved.task_id == "vertebrae-ct"
    assert (labels(saved) == np.where(disc(3, (40, 40), 9), 21, 0)).all()
