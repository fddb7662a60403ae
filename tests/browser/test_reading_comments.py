"""Comments beside the picture: written on a slice, naming a colleague by keyboard, and found again."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from cases.comments.services import comment_write
from cases.models import Annotation, Comment, Notice
from spineml.phantom import spine_phantom
from tests import factories
from tests.browser.reading import ask, open_reading
from tests.browser.test_walk import log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def mask(transactional_db: None) -> Annotation:
    volume, truth = spine_phantom(shape=(16, 96, 96), spacing=(3.0, 2.0, 2.0))
    return factories.prediction(of=factories.series(image=volume), pixels=truth.labels).annotation


@pytest.fixture
def anna(mask: Annotation) -> User:
    return factories.user(
        "annotator", institution=mask.institution, username="anna.b", first_name="Anna", last_name="Berg"
    )


@pytest.fixture
def reader(page: Page, mask: Annotation, anna: User) -> Page:
    factories.user("clinician", institution=mask.institution, username="anton")
    comment_write(series=mask.series, actor=anna, text="Where does the sacrum begin?", z=3)
    comment_write(series=mask.series, actor=anna, text="Two series were taken.")
    log_in(page, factories.user("clinician", institution=mask.institution))
    open_reading(page, mask.series)
    return page


def comments(page: Page) -> Locator:
    return page.get_by_role("region", name="Comments").get_by_role("listitem")


def at(page: Page, slice_number: int) -> None:
    expect(page.locator("[data-part=position]")).to_have_text(f"{slice_number} / 16")


def test_comments_lead_to_their_slices_by_hand_and_by_key(reader: Page) -> None:
    expect(comments(reader)).to_have_count(2)
    expect(comments(reader).first).to_contain_text("Anna Berg")
    assert ask(reader, "reader.stripFacts().commented") == [3]
    reader.get_by_role("button", name="Slice 4").press("Enter")
    at(reader, 4)
    expect(comments(reader).nth(1)).to_have_class("comment-row is-here")
    reader.keyboard.press("Home")
    reader.keyboard.press("Shift+:")
    at(reader, 4)
    expect(reader.locator("[data-say]")).to_have_text("Anna Berg: Where does the sacrum begin?")
    ask(reader, "window.location.assign('#z=9')")  # as a link of a notice does
    at(reader, 10)


def test_a_comment_on_the_shown_slice_names_a_colleague_without_a_mouse(
    reader: Page, mask: Annotation, anna: User
) -> None:
    reader.keyboard.press("Home")
    reader.keyboard.press('Shift+"')
    field = reader.get_by_label("Write a comment")
    expect(field).to_be_focused()
    reader.keyboard.type("Brush, @a")
    people = reader.get_by_role("listbox", name="People to mention").get_by_role("option")
    expect(people.filter(has_text="anna.b")).to_have_attribute("aria-selected", "true")
    assert [one["id"] for one in Axe().run(reader).response["violations"]] == []
    reader.keyboard.press("ArrowDown")
    expect(people.filter(has_text="anton")).to_have_attribute("aria-selected", "true")
    reader.keyboard.press("Escape")
    expect(people).to_have_count(0)
    expect(field).to_be_focused()
    reader.keyboard.type("n")
    expect(people.filter(has_text="anna.b")).to_have_attribute("aria-selected", "true")
    reader.keyboard.press("Enter")
    expect(field).to_have_value("Brush, @anna.b ")
    reader.keyboard.type("now?")
    assert ask(reader, "[reader.toolbox.name, reader.voxel[2]]") == ["navigate", 0], "no key of the viewer was used"
    reader.keyboard.press("Control+Enter")
    expect(comments(reader)).to_have_count(3)
    expect(field).to_have_value("")
    written = Comment.objects.first()
    assert written is not None
    assert (written.z, written.text) == (0, "Brush, @anna.b now?")
    assert [notice.recipient for notice in Notice.objects.all()] == [anna]
    field.press("Escape")
    reader.keyboard.press("ArrowUp")
    at(reader, 2)


def test_a_mention_appears_in_the_list_while_the_page_is_open(reader: Page, mask: Annotation, anna: User) -> None:
    expect(comments(reader)).to_have_count(2)
    reader.wait_for_timeout(1000)  # the socket of the notices opens after the picture
    me = User.objects.get(pk=ask(reader, "reader.reading.user.id"))
    comment_write(series=mask.series, actor=anna, text=f"@{me.username} look", z=7)
    expect(comments(reader)).to_have_count(3)
    assert ask(reader, "reader.stripFacts().commented") == [7, 3]


def test_what_was_written_stays_in_its_field_when_it_cannot_be_sent(reader: Page) -> None:
    field = reader.get_by_label("Write a comment")
    field.fill("Do not lose me")
    reader.route("**/comments/", lambda route: route.abort())
    reader.get_by_role("button", name="Comment", exact=True).click()
    expect(reader.locator("[data-notice=comment]")).to_contain_text("could not be sent")
    expect(field).to_have_value("Do not lose me")
    reader.unroute("**/comments/")
    reader.get_by_role("checkbox", name="On slice").uncheck()
    reader.get_by_role("button", name="Comment", exact=True).click()
    expect(comments(reader)).to_have_count(3)
    assert Comment.objects.filter(z=None, text="Do not lose me").exists()
    reader.problems.clear()  # the browser's own notes about the lost connection
