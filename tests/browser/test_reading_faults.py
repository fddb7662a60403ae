"""Nothing that was drawn is lost: a closed tab, a lost network, an ended session, two windows, two people."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import BrowserContext, Page, Route, expect

from accounts.models import User
from cases.models import Annotation, Draft
from cases.viewer.services import Correction, annotation_correct
from spineml.phantom import spine_phantom
from spineplatform.processes import Processes
from tests import factories
from tests.browser.reading import READER, all_loaded, ask, drag, held, labels, move_to, open_reading, save
from tests.browser.test_walk import log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHAPE = (8, 96, 96)


@pytest.fixture
def mask(transactional_db: None) -> Annotation:
    volume, truth = spine_phantom(shape=SHAPE, spacing=(3.0, 2.0, 2.0))
    return factories.prediction(of=factories.series(image=volume), pixels=truth.labels).annotation


@pytest.fixture
def user(mask: Annotation) -> User:
    return factories.user("clinician", institution=mask.institution)


@pytest.fixture
def reader(page: Page, mask: Annotation, user: User) -> Page:
    log_in(page, user)
    open_reading(page, mask.series)
    all_loaded(page)
    return page


def dab(page: Page, z: int) -> np.ndarray:
    """Draw on slice ``z`` and return the mask as it is held then."""
    page.keyboard.press("b")
    move_to(page, 20 + 5 * z, 20, z)
    page.keyboard.press("Enter")
    return held(page)


def draft_is(page: Page, words: str) -> None:
    expect(page.locator("[data-part=draft]")).to_contain_text(words)


def notice(page: Page, name: str) -> Any:
    return page.locator(f"[data-notice={name}]")


def test_a_closed_tab_loses_nothing(reader: Page, mask: Annotation) -> None:
    drawn = dab(reader, 3)
    draft_is(reader, "Draft saved")
    context: BrowserContext = reader.context
    reader.close()
    page = context.new_page()
    open_reading(page, mask.series)
    expect(notice(page, "restored")).to_contain_text("1 slice")
    all_loaded(page)
    assert (held(page) == drawn).all()
    assert (labels(save(page)) == drawn).all()
    assert not Draft.objects.exists()


def test_a_tab_that_closes_before_the_server_heard_of_the_draft_loses_nothing(reader: Page, mask: Annotation) -> None:
    reader.route("**/draft/", lambda route: route.abort())
    drawn = dab(reader, 3)
    draft_is(reader, "No connection")
    reader.problems.clear()
    reader.unroute("**/draft/")
    reader.on("dialog", lambda dialog: dialog.accept())
    reader.reload()
    expect(notice(reader, "restored")).to_be_visible()
    all_loaded(reader)
    assert (held(reader) == drawn).all()


def test_another_computer_goes_on_with_the_draft(reader: Page, mask: Annotation, browser: Any, user: User) -> None:
    drawn = dab(reader, 4)
    draft_is(reader, "Draft saved")
    address = urlsplit(reader.url)
    with browser.new_context(base_url=f"{address.scheme}://{address.netloc}") as other:
        page = other.new_page()
        log_in(page, user)
        open_reading(page, mask.series)
        expect(notice(page, "restored")).to_be_visible()
        all_loaded(page)
        assert (held(page) == drawn).all()


def test_a_draft_is_thrown_away_only_when_asked_to(reader: Page, mask: Annotation) -> None:
    dab(reader, 3)
    draft_is(reader, "Draft saved")
    reader.on("dialog", lambda dialog: dialog.accept())
    with reader.expect_response(lambda answer: answer.request.method == "DELETE"):
        reader.get_by_role("button", name="Discard").click()
    assert (held(reader) == labels(mask)).all()
    assert not Draft.objects.exists()
    open_reading(reader, mask.series)
    expect(notice(reader, "restored")).to_have_count(0)


def test_the_network_may_go_in_the_middle_of_a_stroke(reader: Page, mask: Annotation) -> None:
    reader.keyboard.press("b")
    move_to(reader, 48, 48, 3)
    x, y = reader.evaluate(f"{READER}.views[0].screenAt(30, 30)")
    box = reader.locator("[data-view=axial]").bounding_box()
    assert box is not None
    reader.mouse.move(box["x"] + x, box["y"] + y)
    reader.mouse.down()
    reader.mouse.move(box["x"] + x + 30, box["y"] + y, steps=3)
    reader.context.set_offline(True)
    reader.mouse.move(box["x"] + x + 60, box["y"] + y + 40, steps=3)
    reader.mouse.up()
    drawn = held(reader)
    assert (drawn != labels(mask)).any()
    draft_is(reader, "No connection")
    reader.context.set_offline(False)
    draft_is(reader, "Draft saved")
    reader.problems.clear()
    assert (labels(save(reader)) == drawn).all()


def test_a_save_that_the_network_swallows_is_sent_again(reader: Page, mask: Annotation) -> None:
    drawn = dab(reader, 3)
    reader.context.set_offline(True)
    reader.keyboard.press("Control+s")
    expect(notice(reader, "network")).to_contain_text("saved in this browser")
    reader.context.set_offline(False)
    expect(reader.locator("[data-saved]")).to_be_attached()
    expect(notice(reader, "network")).to_have_count(0)
    reader.problems.clear()
    saved = mask.corrections.get()
    assert (labels(saved) == drawn).all()


def test_a_save_whose_answer_is_lost_is_saved_once(reader: Page, mask: Annotation) -> None:
    drawn = dab(reader, 3)

    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    reader.route("**/corrections/", lose_the_answer, times=1)
    reader.keyboard.press("Control+s")
    expect(notice(reader, "network")).to_be_visible()
    notice(reader, "network").get_by_role("button", name="Retry now").click()
    expect(reader.locator("[data-saved]")).to_be_attached()
    reader.problems.clear()
    assert (labels(mask.corrections.get()) == drawn).all()


def test_the_server_may_restart_while_somebody_draws(reader: Page, mask: Annotation, processes: Processes) -> None:
    port = urlsplit(reader.url).port
    drawn = dab(reader, 3)
    processes.stop("web")
    drawn = dab(reader, 4)
    draft_is(reader, "No connection")
    processes.start_web(port=port or 0)
    processes.wait_until_ready("web")
    draft_is(reader, "Draft saved")
    reader.problems.clear()
    assert (labels(save(reader)) == drawn).all()


def test_the_session_may_end_while_somebody_draws(reader: Page, mask: Annotation, user: User) -> None:
    Session.objects.all().delete()
    drawn = dab(reader, 3)
    expect(notice(reader, "session")).to_contain_text("Your work is not lost")
    reader.keyboard.press("Control+s")
    with reader.context.expect_page() as opened:
        notice(reader, "session").get_by_role("link", name="Log in again").click()
    page = opened.value
    page.get_by_label("Username").fill(user.username)
    page.get_by_label("Password", exact=True).fill(factories.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("[data-notice=window]")).to_be_visible()  # the new window looks on
    page.close()
    reader.bring_to_front()
    # The draft is sent again by itself, and after it the save that was asked for.
    expect(reader.locator("[data-saved]")).to_be_attached()
    reader.problems.clear()
    assert (labels(mask.corrections.get()) == drawn).all()


def test_nothing_is_written_in_the_name_of_somebody_who_logged_in_later(reader: Page, mask: Annotation) -> None:
    other = factories.user("clinician", institution=mask.institution)
    page = reader.context.new_page()
    reader.context.clear_cookies()
    log_in(page, other)
    page.close()
    dab(reader, 3)
    expect(notice(reader, "person")).to_contain_text("Another person has logged in")
    assert not Draft.objects.exists()
    reader.problems.clear()


def test_a_second_window_looks_on_until_it_takes_over(reader: Page, mask: Annotation) -> None:
    drawn = dab(reader, 3)
    second = reader.context.new_page()
    open_reading(second, mask.series)
    expect(notice(second, "window")).to_contain_text("another window")
    second.keyboard.press("b")
    second.keyboard.press("Enter")
    expect(second.locator("[data-say]")).to_contain_text("in another window")
    with second.expect_navigation():
        notice(second, "window").get_by_role("button", name="Correct here").click()
    expect(notice(second, "restored")).to_be_visible()
    all_loaded(second)
    assert (held(second) == drawn).all()
    expect(notice(reader, "window")).to_contain_text("is read-only")
    assert (labels(save(second)) == drawn).all()
    second.close()


def test_who_saves_second_keeps_both(reader: Page, mask: Annotation) -> None:
    other = factories.user("annotator", institution=mask.institution, first_name="Mina", last_name="Park")
    drawn = dab(reader, 3)
    stream = reader.evaluate(
        f"(async () => {{ const out = new Uint8Array({SHAPE[1] * SHAPE[2]}).fill(1);"
        " const stream = new Blob([out]).stream().pipeThrough(new CompressionStream('deflate'));"
        " const bytes = new Uint8Array(await new Response(stream).arrayBuffer());"
        " return btoa(String.fromCharCode(...bytes)); })()"
    )
    first, _ = annotation_correct(series=mask.series, actor=other, correction=Correction(mask, {5: stream}))
    reader.keyboard.press("Control+s")
    expect(notice(reader, "conflict")).to_contain_text("Mina Park")
    assert (held(reader) == drawn).all()
    notice(reader, "conflict").get_by_role("button", name="Save mine as a separate mask").click()
    expect(reader.locator("[data-saved]")).to_be_attached()
    reader.problems.clear()
    assert set(mask.corrections.all()) == {
        first,
        Annotation.objects.get(pk=reader.get_attribute("[data-reading]", "data-saved")),
    }
    assert (labels(first)[5] == 1).all()


def test_a_stroke_that_is_cancelled_leaves_no_trace(reader: Page, mask: Annotation) -> None:
    reader.keyboard.press("b")
    move_to(reader, 48, 48, 3)
    drag(reader, (20, 20), (21, 20))
    reader.keyboard.press("z")
    x, y = ask(reader, "reader.views[0].screenAt(30, 30)")
    box = reader.locator("[data-view=axial]").bounding_box()
    assert box is not None
    reader.mouse.move(box["x"] + x, box["y"] + y)
    reader.mouse.down()
    reader.mouse.move(box["x"] + x + 80, box["y"] + y, steps=3)
    reader.keyboard.press("Escape")
    reader.mouse.up()
    assert (held(reader) == labels(mask)).all()
