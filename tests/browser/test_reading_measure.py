"""Measuring in the reading room, on phantoms whose angles and lengths are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from cases.models import Measurement, Series
from spineml.volumes.volume import Geometry, Volume
from tests import factories
from tests.browser.reading import all_loaded, ask, click, move_to, open_reading
from tests.browser.test_walk import log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHAPE, SPACING = (160, 40, 200), (1.5, 1.0, 0.8)
UPPER_DEGREES, LOWER_DEGREES = 17.0, -24.0
MIDDLE_X = 80.0


def plates() -> Volume:
    """Two end plates in the coronal plane that are tilted by known angles: bright above each, dark below."""
    z, _, x = np.indices(SHAPE)
    along, up = x * SPACING[2] - MIDDLE_X, z * SPACING[0]
    hu = np.full(SHAPE, 40, np.int16)
    for level, degrees in ((170.0, UPPER_DEGREES), (60.0, LOWER_DEGREES)):
        height = up - level - along * math.tan(math.radians(degrees))
        hu[(height >= 0) & (height < 12)] = 900
    return Volume(hu, Geometry(SHAPE, SPACING, origin=(-80.0, -20.0, -500.0)))


@pytest.fixture
def series(transactional_db: None) -> Series:
    return factories.series(image=plates())


@pytest.fixture
def user(series: Series) -> User:
    return factories.user("clinician", institution=series.institution)


@pytest.fixture
def reader(page: Page, series: Series, user: User) -> Page:
    log_in(page, user)
    open_reading(page, series)
    all_loaded(page)
    return page


def edge(reader: Page, x: int, level: float) -> tuple[float, float]:
    """The point of the plate near ``level`` mm in column ``x``, found in the picture as a reader finds it."""
    column = ask(reader, f"reader.views[2].plane.height && [...reader.views[2].hu].filter((_, i) => i % 200 === {x})")
    rows = [v for v in range(1, SHAPE[0]) if column[v - 1] > 400 > column[v]]
    v = min(rows, key=lambda row: abs((SHAPE[0] - 1 - row) * SPACING[0] - level))
    return float(x), v - 0.5


def measured(reader: Page, count: int) -> Measurement:
    expect(reader.locator("[data-reading]")).to_have_attribute("data-measured", str(count))
    return Measurement.objects.latest("created_at")


def test_a_cobb_angle_is_right_within_half_a_degree_and_saved_with_who_and_when(reader: Page, user: User) -> None:
    reader.get_by_role("button", name="Coronal").click()
    reader.wait_for_timeout(500)  # the view is painted with every row
    reader.keyboard.press("q")
    tilt = math.tan(math.radians(UPPER_DEGREES)), math.tan(math.radians(LOWER_DEGREES))
    for x in (150, 40):  # the first line from right to left, the second from left to right
        click(reader, *edge(reader, x, 170 + (x * SPACING[2] - MIDDLE_X) * tilt[0]), plane="coronal")
    for x in (40, 150):
        click(reader, *edge(reader, x, 60 + (x * SPACING[2] - MIDDLE_X) * tilt[1]), plane="coronal")
    found = measured(reader, 1)
    assert found.values["degrees"] == pytest.approx(UPPER_DEGREES - LOWER_DEGREES, abs=0.5)
    assert (found.author, found.plane) == (user, "coronal")
    shown = reader.locator("[data-part=measurements]")
    expect(shown).to_contain_text(f"Cobb angle {found.values['degrees']:.1f}°")
    expect(shown).to_contain_text(user.display_name())


def test_lengths_angles_and_ratios_are_in_millimetres_whatever_the_voxels(reader: Page) -> None:
    reader.keyboard.press("a")
    click(reader, 50, 10)
    click(reader, 100, 10)
    assert measured(reader, 1).values["length_mm"] == pytest.approx(40, abs=0.5)
    reader.keyboard.press("s")
    for point in ((100, 10), (50, 10), (50, 30)):
        click(reader, *point)
    assert measured(reader, 2).values["degrees"] == pytest.approx(90, abs=1)
    reader.get_by_role("button", name="Sagittal").click()
    reader.keyboard.press("v")
    for point in ((10, 40), (10, 60), (30, 40), (30, 80)):
        click(reader, *point, plane="sagittal")
    ratio = measured(reader, 3).values
    assert ratio["ratio"] == pytest.approx(0.5, abs=0.02)
    assert ratio["posterior_mm"] == pytest.approx(60, abs=0.7)


def test_regions_measure_the_hu_below_them_and_can_be_drawn_without_a_mouse(reader: Page) -> None:
    volume = plates().hu
    reader.keyboard.press("r")
    move_to(reader, 60, 5, 110)
    reader.keyboard.press("Enter")
    move_to(reader, 120, 30, 110)
    reader.keyboard.press("Enter")
    found = measured(reader, 1)
    inside = volume[110, 5:31, 60:121].astype(float)
    assert found.values["mean_hu"] == pytest.approx(inside.mean(), abs=0.01)
    assert found.values["sd_hu"] == pytest.approx(inside.std(ddof=1), abs=0.01)
    assert found.values["area_mm2"] == pytest.approx(inside.size * 0.8, abs=0.01)


def test_a_measurement_comes_back_with_the_series_and_its_author_may_remove_it(reader: Page, series: Series) -> None:
    reader.keyboard.press("a")
    click(reader, 50, 10)
    click(reader, 100, 10)
    measured(reader, 1)
    open_reading(reader, series)
    row = reader.locator("[data-part=measurements] li")
    expect(row).to_have_count(1)
    reader.keyboard.press("Home")
    row.get_by_role("button", name="Length").first.click()
    expect(reader.locator("[data-part=position]")).to_have_text("81 / 160")
    row.get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)
    assert not Measurement.objects.exists()


def test_a_measurement_that_could_not_be_sent_waits_for_the_network(reader: Page) -> None:
    reader.context.set_offline(True)
    reader.keyboard.press("a")
    click(reader, 50, 10)
    click(reader, 100, 10)
    expect(reader.locator("[data-notice=measurement]")).to_contain_text("not saved yet")
    reader.context.set_offline(False)
    measured(reader, 1)
    expect(reader.locator("[data-notice=measurement]")).to_have_count(0)
    reader.problems.clear()


def test_a_measurement_that_could_not_be_sent_survives_a_closed_tab(reader: Page, series: Series) -> None:
    reader.route("**/measurements/", lambda route: route.abort())
    reader.keyboard.press("a")
    click(reader, 50, 10)
    click(reader, 100, 10)
    expect(reader.locator("[data-notice=measurement]")).to_contain_text("not saved yet")
    reader.problems.clear()
    again = reader.context.new_page()
    reader.close()
    open_reading(again, series)
    measured(again, 1)
    assert Measurement.objects.count() == 1
    again.reload()
    measured(again, 1)
    assert Measurement.objects.count() == 1
