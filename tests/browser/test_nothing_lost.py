"""Nothing typed or drawn is lost by a key, and nothing is signed that was not on the screen."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from cases.models import Annotation, Case, Comment, Review, ViewerSettings
from spineml.phantom import spine_phantom
from tests import factories
from tests.browser.reading import all_loaded, ask, click, move_to, open_reading
from tests.browser.test_walk import log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CORNERS = ((40, 40), (60, 40), (60, 60))


@pytest.fixture
def person(transactional_db: None) -> User:
    return factories.user("clinician", institution=factories.institution())


def waiting(person: User, depth: int = 8) -> Annotation:
    place = person.memberships.get().institution
    image, labels = spine_phantom((depth, 96, 96), seed=depth, spacing=(3.0, 2.0, 2.0))
    series = factories.series(of=factories.case(institution=place), image=image)
    mask = factories.prediction(of=series, pixels=labels.labels).annotation
    Case.objects.update(state="segmented")
    return mask


def answers(page: Page, *accepted: bool) -> list[str]:
    """The kinds of what the page asks from now on, which is answered in this order."""
    asked: list[str] = []

    def answer(dialog: Any) -> None:
        asked.append(dialog.type)
        (dialog.accept if accepted[len(asked) - 1] else dialog.dismiss)()

    page.on("dialog", answer)
    return asked


def write_comment(page: Page, text: str) -> None:
    page.get_by_label("Write a comment; @name notifies a colleague").fill(text)
    page.keyboard.press("Escape")


# --- words ------------------------------------------------------------------------------------------------------------
def test_approving_asks_about_a_comment_that_is_not_sent_and_stays_or_sends_it(page: Page, person: User) -> None:
    mask, following = waiting(person), waiting(person, depth=9)
    log_in(page, person)
    open_reading(page, mask.series)
    all_loaded(page)
    write_comment(page, "L5 is doubtful.")
    asked = answers(page, False, True)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#comment-text")).to_be_focused()
    assert asked == ["confirm"]
    expect(page.locator("#comment-text")).to_have_value("L5 is doubtful.")
    assert not Review.objects.exists()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(f"**/series/{following.series.pk}/read/**")
    assert [one.text for one in Comment.objects.all()] == ["L5 is doubtful."]
    assert [one.verdict for one in Review.objects.all()] == ["approved"]


def test_a_reason_that_was_typed_goes_with_the_approval(page: Page, person: User) -> None:
    mask, following = waiting(person), waiting(person, depth=9)
    log_in(page, person)
    open_reading(page, mask.series)
    all_loaded(page)
    page.get_by_label("Reason; @name notifies a colleague").fill("Good enough.")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(f"**/series/{following.series.pk}/read/**")
    assert [(one.verdict, one.reason) for one in Review.objects.all()] == [("approved", "Good enough.")]


@pytest.mark.parametrize("where", ["reading", "case"])
def test_a_link_asks_before_what_was_typed_is_lost(page: Page, person: User, where: str) -> None:
    mask = waiting(person)
    log_in(page, person)
    if where == "reading":
        open_reading(page, mask.series)
        write_comment(page, "L5 is doubtful.")
    else:
        page.goto(mask.series.case.get_absolute_url())
        page.get_by_label("Write a comment; @name notifies a colleague").fill("L5 is doubtful.")
    asked = answers(page, False)
    page.get_by_role("link", name="Cases", exact=True).first.click()
    page.wait_for_function("true")
    assert asked == ["beforeunload"]
    assert str(mask.series.case_id if where == "case" else mask.series.pk) in page.url


# --- shapes -----------------------------------------------------------------------------------------------------------
def test_a_polygon_in_progress_has_its_own_undo_and_strokes_elsewhere_stay(page: Page, person: User) -> None:
    mask = waiting(person)
    log_in(page, person)
    open_reading(page, mask.series)
    all_loaded(page)
    move_to(page, 20, 20, 1)
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    strokes = ask(page, "reader.editor.done.length")
    assert strokes == 1
    move_to(page, 48, 48, 4)
    page.keyboard.press("p")
    for corner in CORNERS:
        click(page, *corner)
    corners = "reader.toolbox.corners.length"
    assert ask(page, corners) == 3
    page.keyboard.press("Control+z")
    page.keyboard.press("Backspace")
    assert ask(page, corners) == 1
    page.keyboard.press("Control+y")
    assert ask(page, corners) == 2
    move_to(page, 48, 48, 6)
    page.keyboard.press("Control+z")  # leads back to where the shape is
    assert ask(page, "[reader.toolbox.corners.length, reader.voxel[2]]") == [1, 4]
    assert ask(page, "reader.editor.done.length") == 1
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")  # the shape is gone: now the stroke
    assert ask(page, "[reader.toolbox.corners.length, reader.editor.done.length, reader.voxel[2]]") == [0, 0, 1]


def test_points_of_a_measurement_are_taken_back_one_by_one(page: Page, person: User) -> None:
    mask = waiting(person)
    log_in(page, person)
    open_reading(page, mask.series)
    all_loaded(page)
    page.keyboard.press("q")
    for point in CORNERS:
        click(page, *point)
    assert ask(page, "reader.toolbox.points.length") == 3
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    assert ask(page, "reader.toolbox.points.length") == 1
    page.get_by_role("button", name="Redo", exact=True).click()
    assert ask(page, "reader.toolbox.points.length") == 2


# --- what was seen ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("last", ["sagittal", "coronal", "three"])
def test_a_single_slice_opens_axially_whatever_was_looked_at_before(page: Page, person: User, last: str) -> None:
    mask = waiting(person, depth=1)
    ViewerSettings.objects.create(user=person, values={"layout": last})
    log_in(page, person)
    root = open_reading(page, mask.series)
    expect(root).to_have_attribute("data-layout", "axial")
    box = page.locator("[data-view=axial]").bounding_box()
    assert box is not None
    assert box["height"] > 300
    expect(page.get_by_role("button", name="Sagittal")).to_be_hidden()
    page.keyboard.press("j")
    expect(root).to_have_attribute("data-layout", "axial")
    following = waiting(person, depth=40)
    page.keyboard.press("Control+Enter")
    page.wait_for_url(f"**/series/{following.series.pk}/read/**")
    expect(page.locator("[data-reading]")).to_have_attribute("data-layout", last)  # the wish is kept


def test_a_few_slices_open_with_all_views_not_as_a_bar(page: Page, person: User) -> None:
    mask = waiting(person, depth=3)
    ViewerSettings.objects.create(user=person, values={"layout": "sagittal"})
    log_in(page, person)
    expect(open_reading(page, mask.series)).to_have_attribute("data-layout", "three")


@pytest.mark.parametrize("missing", ["series", "masks"])
def test_what_is_not_on_the_screen_is_not_signed(page: Page, person: User, missing: str) -> None:
    mask = waiting(person)
    log_in(page, person)
    page.route(f"**/api/v1/{missing}/*/slices/**", lambda route: route.abort())
    page.goto(f"/series/{mask.series.pk}/read/")
    expect(page.locator("[data-part=problem]")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("is not loaded yet")).to_be_visible()
    assert not Review.objects.exists()
    page.goto("about:blank")  # slices are tried again and again
    page.problems.clear()  # type: ignore[attr-defined]  # what was kept from the browser


# --- each says what is ------------------------------------------------------------------------------------------------
def test_a_mask_drawn_from_nothing_is_drawn_and_no_earlier_one_is_spoken_of(page: Page, person: User) -> None:
    place = person.memberships.get().institution
    series = factories.series(of=factories.case(institution=place))
    log_in(page, person)
    open_reading(page, series)
    all_loaded(page)
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Saved as a new mask.", exact=True)).to_be_visible()
    page.goto(series.case.get_absolute_url())
    expect(page.get_by_role("link", name="Drawn", exact=True)).to_be_visible()


def test_looking_at_a_case_changes_nothing_of_it_and_the_models_figure_is_called_the_models(
    page: Page, person: User
) -> None:
    mask = waiting(person)
    Annotation.objects.filter(pk=mask.pk).update(confidence=[0.9] * mask.series.depth)
    log_in(page, person)
    open_reading(page, mask.series)
    all_loaded(page)
    figure = page.locator("dt[data-part=confident]")
    expect(figure).to_have_text("Expected Dice")
    page.keyboard.press("e")
    page.keyboard.press("Enter")
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+s")
    expect(figure).to_have_text("Expected Dice of the model's mask")
    assert Case.objects.get().state == "corrected"


def test_a_case_that_was_only_opened_is_as_it_was(page: Page, person: User) -> None:
    mask = waiting(person)
    log_in(page, person)
    open_reading(page, mask.series)
    all_loaded(page)
    expect(page.locator("[data-part=waiting]")).to_have_text("1 waiting")
    assert Case.objects.get().state == "segmented"
