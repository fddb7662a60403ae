"""The reading room under fingers."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from cases.models import Annotation
from spineml.phantom import spine_phantom
from tests import factories
from tests.browser.reading import all_loaded, ask, held, labels, move_to, on_screen, open_reading
from tests.browser.test_walk import log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHAPE = (24, 96, 96)


@pytest.fixture
def mask(transactional_db: None) -> Annotation:
    volume, truth = spine_phantom(shape=SHAPE, spacing=(3.0, 2.0, 2.0))
    return factories.prediction(of=factories.series(image=volume), pixels=truth.labels).annotation


@pytest.fixture
def reader(phone: Page, mask: Annotation) -> Page:
    log_in(phone, factories.user("clinician", institution=mask.institution))
    open_reading(phone, mask.series)
    all_loaded(phone)
    move_to(phone, 48, 48, 10)
    return phone


class Fingers:
    """Touches of a page, by Chromium's own input."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._devtools: Any = page.context.new_cdp_session(page)

    def send(self, kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        self._devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def drag(self, *paths: tuple[tuple[float, float], tuple[float, float]], steps: int = 6) -> None:
        """Each path is one finger's way from its start to its end; they move together."""
        for count in range(1, len(paths) + 1):
            self.send("touchStart", *(start for start, _ in paths[:count]))
        for step in range(1, steps + 1):
            part = step / steps
            self.send("touchMove", *((x + (u - x) * part, y + (v - y) * part) for (x, y), (u, v) in paths))
        self.send("touchEnd")


def test_a_swipe_scrolls_the_slices_and_marks_nothing(reader: Page, mask: Annotation) -> None:
    x, y = on_screen(reader, 48, 48)
    Fingers(reader).drag(((x, y), (x, y - 70)))
    expect(reader.locator("[data-part=position]")).to_have_text("16 / 24")
    assert ask(reader, "reader.voxel") == [48, 48, 15]
    reader.touchscreen.tap(*on_screen(reader, 30, 20))
    assert ask(reader, "reader.voxel") == [30, 20, 15]
    assert (held(reader) == labels(mask)).all()


def test_two_fingers_zoom_where_they_are(reader: Page) -> None:
    x, y = on_screen(reader, 30, 60)
    Fingers(reader).drag(((x - 20, y), (x - 60, y)), ((x + 20, y), (x + 60, y)))
    assert ask(reader, "reader.views[0].place.zoom") == pytest.approx(3, rel=0.05)
    near_x, near_y = on_screen(reader, 30, 60)
    assert (near_x, near_y) == (pytest.approx(x, abs=3), pytest.approx(y, abs=3))
    assert ask(reader, "reader.voxel") == [48, 48, 10]


def test_one_finger_draws_with_the_brush_and_a_second_one_takes_the_stroke_back(reader: Page, mask: Annotation) -> None:
    before = labels(mask)
    reader.get_by_role("button", name="Brush").tap()
    reader.evaluate("window.scrollTo(0, 0)")
    fingers = Fingers(reader)
    fingers.drag((on_screen(reader, 20, 20), on_screen(reader, 60, 20)))
    drawn = held(reader)
    assert drawn[10, 20, 20:61].all()
    assert (drawn != before).any()
    start, end = on_screen(reader, 20, 70), on_screen(reader, 50, 70)
    fingers.send("touchStart", start)
    fingers.send("touchMove", end)
    fingers.drag((end, end), (start, start), steps=1)
    assert (held(reader) == drawn).all()
