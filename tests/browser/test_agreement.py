"""Two readers with different masks, what they agree upon, and the mask that an adjudicator sends on to training."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Role
from cases.models import ReadingItem
from cases.projects.reading_services import item_decide
from cases.projects.services import project_add_series
from spineplatform.processes import Processes
from tests import factories
from tests.browser.listening import goto_and_hear
from tests.browser.test_walk import log_in
from tests.cases import projects
from tests.cases.projects import Group
from training.datasets.selectors import Choice, masks_chosen

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def group(transactional_db: None) -> Group:
    return projects.group()


@pytest.fixture
def item(group: Group) -> ReadingItem:
    """A series that each reader has drawn a mask on, and finished with none."""
    row = projects.item(group.project)
    projects.mask(row, group.first, shift=1, label="As the first draws")
    projects.mask(row, group.second, shift=4, label="As the second draws")
    return row


def become(page: Page, person: Any) -> None:
    page.context.clear_cookies()
    log_in(page, person)


def finish(page: Page, item: ReadingItem, label: str) -> None:
    page.goto(item.get_absolute_url())
    page.get_by_label(label).check()
    page.get_by_role("button", name="Finish with this mask").click()
    expect(page.get_by_text("Your reading was finished.")).to_be_visible()


def test_a_project_gets_another_reader(page: Page, group: Group) -> None:
    place = group.project.institution
    newcomer = factories.user("annotator", institution=place)
    become(page, factories.user("model_admin", institution=place))
    page.goto(group.project.get_absolute_url())
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_role("group", name="Readers").get_by_label(newcomer.display_name()).check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The project was changed.")).to_be_visible()
    expect(page.get_by_label("Reading mode")).to_contain_text(newcomer.display_name())


def test_two_readers_disagree_and_a_third_settles_it(
    page: Page, group: Group, item: ReadingItem, worker: Processes
) -> None:
    become(page, group.first)
    finish(page, item, "As the first draws")
    become(page, group.second)
    page.goto(item.get_absolute_url())
    expect(page.get_by_text("You are reading this series blinded")).to_be_visible()
    expect(page.get_by_text("As the first draws")).to_have_count(0)
    finish(page, item, "As the second draws")

    become(page, group.third)
    page.goto(item.get_absolute_url())
    pair = f"{group.first.display_name()} – {group.second.display_name()}"  # noqa: RUF001 - as the page has it
    expect(page.get_by_role("row", name=pair)).to_be_visible()
    page.get_by_role("button", name="Union of the readers").click()
    proposal = page.get_by_label("Proposal · Union of the readers")
    expect(proposal).to_be_visible()
    proposal.check()
    page.get_by_label("Note").fill("The consensus shows both pedicles.")
    page.get_by_role("button", name="Approve for training").click()
    expect(page.get_by_text("The series is decided.")).to_be_visible()
    (mask,) = masks_chosen([item.institution], Choice())
    assert (mask.author, mask.label) == (group.third, "Union of the readers")

    page.goto(group.project.get_absolute_url())
    expect(page.get_by_role("heading", name="Readers with each other")).to_be_visible()
    page.get_by_role("link", name="Is the model within inter-reader variability?").click()
    expect(page.get_by_text("Too few patients: 1")).to_be_visible()


def settle(item: ReadingItem, group: Group) -> None:
    mask = item.readings.order_by("pk")[0].annotation
    item_decide(item=item, annotation=mask, actor=group.third)


def follow_notice(page: Page, group: Group, kind: str, words: str = "") -> None:
    """Open the notice of the project from the list, after which it counts as read."""
    page.goto("/notices/")
    row = page.get_by_role("row", name=group.project.name)
    expect(row).to_contain_text(kind)
    expect(row).to_contain_text(words)
    row.get_by_role("link", name=group.project.name).click()
    expect(page.get_by_role("heading", name=group.project.name)).to_be_visible()
    expect(page.locator("[data-unread-number]")).to_be_hidden()


def test_people_of_a_project_hear_what_there_is_to_read_and_to_settle_and_that_it_is_done(
    page: Page, group: Group
) -> None:
    place = group.project.institution
    lead = factories.user(Role.MODEL_ADMIN, institution=place)
    group.project.created_by = lead
    group.project.save()
    series = [factories.series(institution=place) for _ in range(3)]
    become(page, group.first)
    goto_and_hear(page, "/cases/", live="/ws/notices/")
    expect(page.locator("[data-unread-number]")).to_be_hidden()
    (one,) = project_add_series(project=group.project, series=series[:1], actor=lead)
    toast = page.locator(".toast-notice")
    expect(toast).to_contain_text("1 series")
    (other, last) = project_add_series(project=group.project, series=series[1:], actor=lead)
    expect(toast).to_contain_text("3 series")
    toast.hover()  # it stays as long as somebody reads it
    expect(toast).to_have_count(1)
    expect(toast).to_contain_text(f"Series to read · {lead.display_name()}")
    expect(page.locator("[data-unread-number]")).to_have_text("1")
    toast.get_by_role("link", name=group.project.name).click()
    expect(page.get_by_role("link", name="Read next series")).to_be_visible()
    expect(page.locator("[data-unread-number]")).to_be_hidden()

    for item in (one, other, last):
        projects.finish(item, group.first)
        projects.finish(item, group.second, shift=2)
    become(page, group.third)
    follow_notice(page, group, "Ready to adjudicate", "3 series")
    page.get_by_role("link", name="Adjudicate next series").click()
    page.get_by_label(group.first.display_name()).first.check()
    page.get_by_role("button", name="Approve for training").click()
    expect(page.get_by_text("The series is decided.")).to_be_visible()
    for item in (other, last):
        settle(item, group)

    become(page, lead)
    follow_notice(page, group, "All series are decided")
