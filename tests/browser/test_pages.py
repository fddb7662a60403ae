"""Every page at both widths: no accessibility violation, no error in the console, nothing wider than the screen."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route

from accounts.models import Institution, User
from cases.models import Annotation, ReadingItem, ReadingProject
from cases.projects.reading_services import item_decide
from spineplatform.shared.runs import RunState, run_cancel
from tests import factories
from tests.browser.test_walk import log_in
from tests.cases import projects
from tests.inference import reports
from tests.training import chosen, judged, learnable
from tests.waiting import wait_for
from training.datasets.findings import finding
from training.models import Dataset

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def addresses(transactional_db: None) -> dict[str, Any]:
    """One of everything, seen by a person with every role."""
    place = factories.institution(name="Every page")
    user = factories.user("annotator", "clinician", "model_admin", "institution_admin", institution=place)
    series = factories.series(institution=place)
    prediction = factories.prediction(of=series)
    reference = factories.annotation(of=series, author=user)
    comparison = factories.comparison_run(reference=reference, predicted=prediction.annotation)
    upload = factories.upload(institution=place)
    factories.import_run(of=upload, state="failed", error_message="None of the files could be imported.")
    factories.verdict(upload, name="notes.txt", reason="This is a text file.")
    draft, frozen = data_sets(place)
    runs = frozen.evaluations.order_by("created_at")
    learned = learnable.run(learnable.dataset(place), state=RunState.SUCCEEDED, version=factories.model_version())
    learnable.epochs(learned, 6)
    learnable.sample(learned)
    project, items = reading_project(place, user)
    pages = [
        "/cases/",
        "/cases/?q=nothing-like-this",
        "/groups/",
        "/cases/upload/",
        f"/cases/uploads/{upload.pk}/",
        f"/cases/{series.case_id}/",
        f"/series/{series.pk}/view/",
        f"/series/{series.pk}/masks/upload/",
        f"/comparisons/{comparison.pk}/",
        "/projects/",
        project.get_absolute_url(),
        f"{project.get_absolute_url()}variation/",
        f"{project.get_absolute_url()}change/",
        *(item.get_absolute_url() for item in items),
        f"/reports/{reports.written(prediction.annotation).pk}/",
        f"/reports/{reports.written_of_case(report_masks(place), requested_by=user).pk}/",
        "/models/",
        "/models/evaluations/",
        runs[0].get_absolute_url(),
        f"/models/evaluations/compare/?run={runs[0].pk}&run={runs[1].pk}",
        f"/models/{runs[0].version_id}/promote/",
        f"/models/{prediction.annotation.model_version_id}/",
        "/overview/",
        "/notices/",
        f"/series/{series.pk}/read/",
        f"/series/{series.pk}/history/",
        "/models/datasets/",
        draft.get_absolute_url(),
        frozen.get_absolute_url(),
        "/models/splits/",
        "/models/trainings/",
        f"/models/trainings/new/?dataset={learned.dataset_id}",
        learned.get_absolute_url(),
        "/accounts/people/",
        "/accounts/profile/",
        "/accounts/password/change/",
    ]
    return {"user": user, "pages": pages}


def data_sets(place: Institution) -> tuple[Dataset, Dataset]:
    """A draft with a finding of each kind of decision and a patient without a split, and a frozen set that is used."""
    masks = [chosen.mask(place, split=split) for split in ("train", "train", "test", "")]
    kinds = {"empty": {}, "disagreement": {"reader": "Ada", "dice": 0.5}, "test-image": {"slices": 2}}
    found = [finding(code, mask.pk, **values) for mask, (code, values) in zip(masks, kinds.items(), strict=False)]
    decided = {"left_out": {str(masks[0].pk): {"note": "Drawn again.", "by": "Ada", "at": ""}}}
    frozen = judged.dataset(place, patients=1)
    for dice in (0.9, 0.8):
        judged.evaluation(factories.model_version(), frozen, (dice,))
    return chosen.draft(place, findings=found, decisions=decided), frozen


def reading_project(place: Institution, adjudicator: User) -> tuple[ReadingProject, list[ReadingItem]]:
    """A project with figures of two series, one of them settled, and one that waits."""
    readers = [factories.user("annotator", institution=place) for _ in range(2)]
    project = projects.project(readers=readers, adjudicator=adjudicator, institution=place)
    group = projects.Group(*readers, adjudicator, project)
    items = [projects.both_read(group, shift=shift) for shift in (1, 3)]
    first = items[0].readings.first()
    assert first is not None
    item_decide(item=items[0], annotation=first.annotation, actor=adjudicator, note="Both are close.")
    return project, [*items, projects.item(project)]


def report_masks(place: Institution) -> list[Annotation]:
    """Of two series of one case."""
    first = factories.series(institution=place)
    both = [first, factories.series(of=first.case, number=2)]
    return [factories.prediction(of=one).annotation for one in both]


PUBLIC = ["/accounts/login/", "/accounts/password/reset/"]


def look(page: Page, address: str) -> list[str]:
    """What is wrong with the page, in words."""
    page.goto(address)
    page.wait_for_load_state("networkidle")
    found = [f"{address}: {violation['id']}" for violation in Axe().run(page).response["violations"]]
    width = page.viewport_size["width"] if page.viewport_size else 0
    wide = page.evaluate("document.documentElement.scrollWidth")
    return found + ([f"{address}: {wide} px wide on a screen of {width}"] if wide > width else [])


def walk(page: Page, addresses: dict[str, Any]) -> list[str]:
    wrong = [problem for address in PUBLIC for problem in look(page, address)]
    log_in(page, addresses["user"])
    return wrong + [problem for address in addresses["pages"] for problem in look(page, address)]


def test_every_page_is_accessible_on_a_desktop(page: Page, addresses: dict[str, Any]) -> None:
    assert walk(page, addresses) == []


def test_every_page_is_accessible_on_a_phone(phone: Page, addresses: dict[str, Any]) -> None:
    assert walk(phone, addresses) == []


def test_the_work_list_can_be_walked_by_keyboard_alone(page: Page, addresses: dict[str, Any]) -> None:
    log_in(page, addresses["user"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Skip to content"
    page.keyboard.press("Enter")
    for _ in range(20):
        page.keyboard.press("Tab")
        if "/cases/" in (page.evaluate("document.activeElement.getAttribute('href')") or ""):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases/*/")


def test_a_run_that_ends_does_not_take_back_the_link_just_followed(page: Page, addresses: dict[str, Any]) -> None:
    place = addresses["user"].memberships.first().institution
    run = factories.inference_run(of=factories.series(institution=place))
    log_in(page, addresses["user"])
    told: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda text: told.append(str(text))))
    page.goto(run.series.case.get_absolute_url())
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/series/*/", hold)
    page.get_by_role("link", name="Open").click(no_wait_after=True)
    run_cancel(run=run, actor=addresses["user"])
    wait_for(lambda: any("cancelled" in text for text in told), "The message", page=page)
    page.wait_for_timeout(500)  # time for a reload
    held[0].continue_()
    page.wait_for_url("**/view/")
