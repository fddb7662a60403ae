"""Regions of label maps in the reading room: renamed, split and cut as they are saved; locked structures stay."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import Page, expect
from scipy import ndimage

from cases.models import Annotation
from registry.models import Task
from spineml.phantom import spine_phantom
from tests import factories
from tests.browser.reading import all_loaded, ask, click, held, labels, move_to, open_reading, save
from tests.browser.test_reading_regions import finished, said
from tests.browser.test_walk import log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHAPE, SPACING = (26, 96, 96), (4.0, 2.0, 1.5)
L1, L2, L3, L4 = 20, 21, 22, 23


def grown_together() -> npt.NDArray[np.uint8]:
    """From the feet: L4; L3 and L2 as one region called L3; L1 under the name of L4, with a crumb of its own."""
    found = np.zeros(SHAPE, np.uint8)
    found[2:6, 30:60, 30:60] = L4
    found[6:16, 30:60, 30:60] = L3
    found[18:22, 30:60, 30:60] = L4
    found[24, 10:12, 10:12] = L3
    return found


@pytest.fixture
def mask(transactional_db: None) -> Annotation:
    series = factories.series(image=spine_phantom(shape=SHAPE, spacing=SPACING)[0])
    return factories.annotation(of=series, pixels=grown_together(), task=Task.objects.get(pk="vertebrae-ct"))


@pytest.fixture
def reader(page: Page, mask: Annotation) -> Page:
    log_in(page, factories.user("clinician", institution=mask.institution))
    open_reading(page, mask.series)
    all_loaded(page)
    page.get_by_text("Regions, on all slices").click()
    return page


def active(page: Page, value: int) -> None:
    page.locator(f"[data-part=structure-list] [data-value='{value}'] [data-row=choose]").click()


def lock(page: Page, value: int) -> None:
    page.locator(f"[data-part=structure-list] [data-value='{value}'] [data-row=lock]").click()


def test_two_vertebrae_grown_together_are_split_and_a_wrong_name_is_mended(reader: Page, mask: Annotation) -> None:
    before = grown_together()
    move_to(reader, 45, 45, 10)
    active(reader, L2)
    reader.get_by_role("button", name="Split").click()
    # A tilted plane: from (y 30, z 9.5) to (y 60, z 12.5) of the sagittal picture, whose top is the head.
    last = SHAPE[0] - 1
    for u, v in ((30, last - 9.5), (60, last - 12.5), (45, last - 15)):
        click(reader, u, v, plane="sagittal")
    finished(reader)
    z, y, _ = np.indices(SHAPE)
    above = z > 9.5 + (y - 30) * 0.1
    split = np.where((before == L3) & above & (z < 20), L2, before)
    close = (np.abs(z - 9.5 - (y - 30) * 0.1) > 0.2) | (before != L3)  # a click is as exact as a pixel of the screen
    assert (held(reader) == split)[close].all()
    said(reader, "L2 vertebra: ")
    split = held(reader)
    active(reader, L1)
    reader.keyboard.press("Alt+a")
    move_to(reader, 45, 45, 20)
    click(reader, 45, 45)
    finished(reader)
    renamed = np.where((split == L4) & (z >= 18), L1, split)
    assert (held(reader) == renamed).all()
    reader.keyboard.press("Control+z")
    assert (held(reader) == split).all()
    reader.keyboard.press("Control+z")
    assert (held(reader) == before).all()
    reader.keyboard.press("Control+y")
    reader.keyboard.press("Control+y")
    saved = save(reader)
    assert (labels(saved) == renamed).all()
    assert {one["value"]: one["voxels"] for one in saved.labels} == {
        value: int((renamed == value).sum()) for value in (L1, L2, L3, L4)
    }


def test_what_is_locked_is_not_changed_by_expanding_renaming_splitting_and_cutting(
    reader: Page, mask: Annotation
) -> None:
    before = grown_together()
    lock(reader, L4)
    active(reader, L3)
    reader.get_by_label("Radius of Smooth, Expand and Shrink").fill("8")
    reader.get_by_role("button", name="Expand").click()
    finished(reader)
    near = ndimage.distance_transform_edt(before != L3, sampling=SPACING) <= 8
    expected = np.where(near & (before != L4), L3, before)
    assert (held(reader) == expected).all()
    reader.keyboard.press("z")
    active(reader, L2)
    reader.keyboard.press("Alt+a")
    move_to(reader, 45, 45, 3)
    click(reader, 45, 45)
    said(reader, "L4 vertebra is locked or hidden")
    reader.keyboard.press("Alt+k")
    for u, v in ((25, 22), (65, 22), (45, 20)):
        click(reader, u, v, plane="sagittal")
    said(reader, "L4 vertebra is locked or hidden")
    reader.keyboard.press("Alt+x")
    for corner in ((39.6, 39.6), (49.4, 39.6), (49.4, 49.4), (39.6, 49.4)):
        click(reader, *corner)
    reader.keyboard.press("Enter")
    finished(reader)
    cut = before.copy()
    cut[:, 40:50, 40:50][before[:, 40:50, 40:50] == L3] = 0
    assert (held(reader) == cut).all()
    active(reader, L4)
    for name in ("Keep largest part", "Remove small parts", "Smooth", "Expand", "Shrink"):
        reader.get_by_role("button", name=name).click()
        said(reader, "L4 vertebra is locked")
    assert (held(reader) == cut).all()


def test_relabelling_through_all_slices_obeys_only_over_and_the_largest_part_is_that_of_one_structure(
    reader: Page, mask: Annotation
) -> None:
    before = grown_together()
    active(reader, L2)
    reader.get_by_label("Only over").select_option(str(L3))
    reader.get_by_role("button", name="Relabel through").click()
    move_to(reader, 45, 45, 10)
    for corner in ((4.6, 4.6), (59.4, 4.6), (59.4, 59.4), (4.6, 59.4)):
        click(reader, *corner)
    reader.keyboard.press("Enter")
    finished(reader)
    relabelled = np.where(before == L3, L2, before)
    assert (held(reader) == relabelled).all()
    reader.get_by_role("button", name="Keep largest part").click()
    finished(reader)
    said(reader, "L2 vertebra: 1 part removed")
    relabelled[24] = 0
    assert (held(reader) == relabelled).all()
    active(reader, 1)
    reader.get_by_role("button", name="Smooth").click()
    said(reader, "C1 vertebra: The mask has nothing of this structure yet.")
    expect(reader.locator("[data-reading]")).to_have_attribute("data-changed", "11")
    reader.keyboard.press("Alt+a")
    click(reader, 80, 80)
    said(reader, "There is no structure here.")
    active(reader, L2)
    click(reader, 45, 45)
    said(reader, "This region is the active structure already.")
    reader.keyboard.press("Alt+k")
    for u, v in ((5, 4), (15, 4), (10, 2)):
        click(reader, u, v, plane="sagittal")
    said(reader, "The line crosses no other structure.")
    assert ask(reader, "reader.editor.done.length") == 2
