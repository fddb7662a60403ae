"""Work on the whole mask in the reading room: parts, surfaces and cuts through all slices, voxel for voxel."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import Page, Route, expect
from scipy import ndimage

from cases.models import Annotation
from spineml.phantom import spine_phantom
from tests import factories
from tests.browser.reading import all_loaded, ask, click, held, labels, open_reading, save
from tests.browser.test_walk import log_in
from tests.waiting import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHAPE, SPACING = (12, 96, 96), (4.0, 2.0, 1.5)
Labels = npt.NDArray[np.uint8]


def with_crumbs() -> Labels:
    """A phantom's spine, a crumb of 4 voxels (48 mm3) and one of 30 (360 mm3) that nothing joins with it."""
    truth = spine_phantom(shape=SHAPE, spacing=SPACING)[1].labels.copy()
    truth[2, 4, 4:8] = 1
    truth[7:9, 5:8, 80:85] = 1
    return truth


@pytest.fixture
def mask(transactional_db: None) -> Annotation:
    found = factories.series(image=spine_phantom(shape=SHAPE, spacing=SPACING)[0])
    return factories.prediction(of=found, pixels=with_crumbs()).annotation


@pytest.fixture
def reader(page: Page, mask: Annotation) -> Page:
    log_in(page, factories.user("clinician", institution=mask.institution))
    open_reading(page, mask.series)
    page.get_by_text("Regions, on all slices").click()
    return page


def said(page: Page, words: str) -> None:
    expect(page.locator("[data-say]")).to_contain_text(words)


def finished(page: Page) -> None:
    """Wait until the whole mask is not worked on any more."""
    wait_for(lambda: not ask(page, "reader.regions.isBusy"), "The end of the work on the whole mask", page=page)


def ball(radius: float) -> npt.NDArray[np.bool_]:
    """The voxels whose centres are at most ``radius`` mm from the middle one."""
    reach = [int(radius / spacing) for spacing in SPACING]
    away = np.meshgrid(*(np.arange(-n, n + 1) * s for n, s in zip(reach, SPACING, strict=True)), indexing="ij")
    return np.asarray(sum(one**2 for one in away) <= radius**2 + 1e-9)


def test_the_largest_part_is_kept_and_small_ones_go_by_their_size_in_mm3(reader: Page, mask: Annotation) -> None:
    before = labels(mask)
    parts, _ = ndimage.label(before)
    spine = parts == np.bincount(parts[parts > 0]).argmax()
    reader.get_by_role("button", name="Remove small parts").click()
    said(reader, "1 part removed: 0.05 ml (4 voxels).")
    without_crumb = before.copy()
    without_crumb[2, 4, 4:8] = 0
    all_loaded(reader)
    assert (held(reader) == without_crumb).all()
    expect(reader.locator("[data-reading]")).to_have_attribute("data-changed", "1")
    reader.keyboard.press("Alt+l")
    finished(reader)
    said(reader, " removed: ")
    assert (held(reader) == spine).all()
    reader.keyboard.press("Control+z")
    assert (held(reader) == without_crumb).all()
    reader.keyboard.press("Control+y")
    with reader.expect_request("**/corrections/") as sent:
        saved = save(reader)
    changed = {str(z) for z in np.flatnonzero((before != spine).any(axis=(1, 2)))}
    assert set((sent.value.post_data_json or {})["slices"]) == changed
    assert (labels(saved) == spine).all()
    reader.keyboard.press("Alt+l")
    said(reader, "one connected part: nothing to remove")


def test_a_size_in_voxels_and_a_field_that_holds_no_number(reader: Page, mask: Annotation) -> None:
    reader.get_by_label("Unit").select_option("voxels")
    size = reader.get_by_label("Size of the parts to remove")
    size.fill("4")
    reader.keyboard.press("Alt+i")
    said(reader, "No part is smaller than that.")
    size.fill("31")
    reader.get_by_role("button", name="Remove small parts").click()
    said(reader, "2 parts removed")
    for wrong in ("", "0", "-3"):
        size.fill(wrong)
        reader.get_by_role("button", name="Remove small parts").click()
        said(reader, "Size of the parts to remove: enter a number from 1 to 1000000.")
    expect(reader.locator("[data-reading]")).to_have_attribute("data-changed", "3")


def test_smoothing_expanding_and_shrinking_are_exact_in_mm(reader: Page, mask: Annotation) -> None:
    before = labels(mask)
    all_loaded(reader)
    radius = reader.get_by_label("Radius of Smooth, Expand and Shrink")
    radius.fill("4.5")
    median = ndimage.median_filter(before, footprint=ball(4.5), mode="nearest")
    larger = ndimage.distance_transform_edt(before == 0, sampling=SPACING) <= 4.5
    framed = np.pad(before, 3, mode="edge")
    deep = ndimage.distance_transform_edt(framed, sampling=SPACING)[3:-3, 3:-3, 3:-3]
    smaller = deep > 4.5
    for key, expected in (("Alt+m", median), ("Alt+]", larger), ("Alt+[", smaller)):
        reader.locator("[data-view=axial] .view-marks").focus()
        reader.keyboard.press(key)
        finished(reader)
        said(reader, "voxels) changed on")
        assert (held(reader) == expected).all(), key
        reader.keyboard.press("z")
        assert (held(reader) == before).all(), key


def test_a_polygon_in_the_sagittal_view_erases_through_the_whole_depth(reader: Page, mask: Annotation) -> None:
    before = labels(mask)
    all_loaded(reader)
    ask(reader, "reader.setLook({ layout: 'sagittal' })")
    reader.get_by_role("button", name="Sagittal", exact=True).click()
    reader.keyboard.press("Alt+x")
    for corner in ((29.6, 1.6), (80.4, 1.6), (80.4, 4.4), (29.6, 4.4)):
        click(reader, *corner, plane="sagittal")
    reader.keyboard.press("Enter")
    said(reader, "changed on 3 slices")
    expected = before.copy()
    expected[12 - 1 - 4 : 12 - 1 - 2 + 1, 30:81, :] = 0
    assert (held(reader) == expected).all()
    assert (labels(save(reader)) == expected).all()


def test_slices_that_are_not_there_are_loaded_first_and_a_cancelled_wait_changes_nothing(
    page: Page, mask: Annotation
) -> None:
    log_in(page, factories.user("clinician", institution=mask.institution))
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    pattern = re.compile(r"/masks/.*/slices/\?first=8")
    page.route(pattern, hold)
    open_reading(page, mask.series, "?slice=3")
    page.keyboard.press("Alt+l")
    expect(page.get_by_text("Loading the mask…")).to_be_visible()
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    said(page, "The whole mask is being worked on")
    page.get_by_role("button", name="Cancel").click()
    said(page, "Cancelled. Nothing was changed.")
    expect(page.locator("[data-reading]")).to_have_attribute("data-changed", "0")
    page.unroute(pattern)  # lets go what is waiting, too
    parts, count = ndimage.label(with_crumbs())
    page.keyboard.press("Alt+l")
    said(page, f"{count - 1} parts removed")
    all_loaded(page)
    assert (held(page) == (parts == np.bincount(parts[parts > 0]).argmax())).all()


def test_work_that_is_stopped_or_cannot_start_changes_nothing_and_can_be_tried_again(
    reader: Page, mask: Annotation
) -> None:
    before = labels(mask)
    all_loaded(reader)
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    reader.route("**/volumework.js", hold)
    reader.keyboard.press("Alt+m")
    expect(reader.get_by_text("Working on the whole mask…")).to_be_visible()
    reader.keyboard.press("Control+s")
    said(reader, "The whole mask is being worked on")
    reader.keyboard.press("Escape")
    said(reader, "Cancelled. Nothing was changed.")
    expect(reader.get_by_text("Working on the whole mask…")).to_be_hidden()
    reader.unroute("**/volumework.js")
    reader.route("**/volumework.js", lambda route: route.abort(), times=1)
    reader.keyboard.press("Alt+m")
    said(reader, "could not be loaded. Nothing was changed.")
    assert (held(reader) == before).all()
    reader.keyboard.press("Alt+m")
    finished(reader)
    said(reader, "changed on")
    assert (held(reader) != before).any()
