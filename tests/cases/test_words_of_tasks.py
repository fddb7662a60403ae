"""A review is about the mask of one task: a series may have an approved mask of each."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Role, User
from cases.approved import approved_masks, is_approved, mask_handed_out
from cases.models import Annotation, CaseState, Review, ReviewVerdict
from cases.projects.reading_services import NotOfTheTask, reading_finish
from cases.projects.services import NewProject, project_add_series, project_create
from cases.review.services import MaskOfAnotherTask, review_sign
from cases.signatures import NewReview
from cases.worklist.queue import series_waiting
from registry.structures import UnknownTask
from tests import factories

pytestmark = pytest.mark.django_db
APPROVED, REJECTED, SENT_BACK = ReviewVerdict.APPROVED, ReviewVerdict.REJECTED, ReviewVerdict.SENT_BACK


@pytest.fixture
def masks() -> tuple[Annotation, Annotation]:
    """Of one series: a mask of the spine, and one of two other structures."""
    lungs = factories.task("lungs", values=(1, 2))
    spine = factories.annotation()
    return spine, factories.annotation(of=spine.series, task=lungs)


@pytest.fixture
def reader(masks: tuple[Annotation, Annotation]) -> User:
    return factories.user(Role.CLINICIAN, institution=masks[0].institution)


def sign(reader: User, mask: Annotation, verdict: ReviewVerdict = APPROVED, reason: str = "") -> Review:
    return review_sign(series=mask.series, actor=reader, review=NewReview(verdict, mask, reason))[0]


def test_an_approval_of_one_task_leaves_that_of_another(masks: tuple[Annotation, Annotation], reader: User) -> None:
    spine, lungs = masks
    for mask in masks:
        sign(reader, mask)
    place = spine.series_id
    assert approved_masks([place], reader) == {(place, "spine-ct"): spine.pk, (place, "lungs"): lungs.pk}
    assert is_approved(spine, reader)
    assert mask_handed_out(Annotation.objects.all(), place, reader) == lungs, "the one that was approved last"
    sign(reader, lungs, REJECTED, "The left one is missing.")
    assert approved_masks([place], reader) == {(place, "spine-ct"): spine.pk}


def test_a_case_is_approved_when_each_task_is(masks: tuple[Annotation, Annotation], reader: User) -> None:
    spine, lungs = masks
    case = spine.series.case
    states = []
    for mask, verdict in ((spine, APPROVED), (lungs, APPROVED), (lungs, REJECTED)):
        sign(reader, mask, verdict, "" if verdict == APPROVED else "Motion.")
        case.refresh_from_db()
        states.append(case.state)
    assert states == [CaseState.IN_REVIEW, CaseState.APPROVED, CaseState.REJECTED]


def test_a_series_waits_until_somebody_has_spoken_on_each_task(
    masks: tuple[Annotation, Annotation], reader: User
) -> None:
    spine, lungs = masks
    spine.series.case.state = CaseState.IN_REVIEW
    spine.series.case.save()
    sign(reader, spine, SENT_BACK, "L5 is cut.")
    assert list(series_waiting(reader)) == [spine.series]
    sign(reader, lungs)
    assert list(series_waiting(reader)) == []


def test_only_a_mask_of_its_task_answers_what_was_sent_back(masks: tuple[Annotation, Annotation], reader: User) -> None:
    spine, lungs = masks
    said = sign(reader, spine, SENT_BACK, "L5 is cut.")
    factories.annotation(of=spine.series, task=lungs.task, parent=lungs, source="edit")
    assert list(Review.objects.sent_back(reader)) == [said]
    factories.annotation(of=spine.series, parent=spine, source="edit")
    assert list(Review.objects.sent_back(reader)) == []


def test_a_word_without_a_mask_is_about_the_named_task_or_the_newest_mask(
    masks: tuple[Annotation, Annotation], reader: User
) -> None:
    spine, lungs = masks

    def refuse(**about: object) -> Review:
        review = NewReview(REJECTED, reason="Motion.", **about)  # type: ignore[arg-type]
        return review_sign(series=spine.series, actor=reader, review=review)[0]

    assert refuse().task_id == "lungs"
    assert refuse(task="spine-ct").task_id == "spine-ct"
    with pytest.raises(UnknownTask):
        refuse(task="kidneys")
    with pytest.raises(MaskOfAnotherTask):
        refuse(task="spine-ct", annotation=lungs)


def test_reviews_by_rest_name_their_task(masks: tuple[Annotation, Annotation], reader: User, client: Client) -> None:
    spine, lungs = masks
    client.force_login(reader)
    for mask in masks:
        sign(reader, mask)
    found = client.get(f"/api/v1/series/{spine.series_id}/reviews/").json()["results"]
    assert [(one["task"], one["annotation"]) for one in found] == [
        ("lungs", str(lungs.pk)),
        ("spine-ct", str(spine.pk)),
    ]
    page = client.get(spine.series.case.get_absolute_url()).content.decode()
    assert "Lungs: Approved by" in page
    reviews = client.get(f"/api/v1/series/{spine.series_id}/reading/").json()["reviews"]
    assert {task: word["annotation"] for task, word in reviews.items()} == {
        "spine-ct": str(spine.pk),
        "lungs": str(lungs.pk),
    }


def test_a_project_takes_masks_of_its_task_only(masks: tuple[Annotation, Annotation]) -> None:
    spine, lungs = masks
    place = spine.institution
    readers = [factories.user(Role.ANNOTATOR, institution=place) for _ in range(2)]
    judge, lead = (factories.user(role, institution=place) for role in (Role.CLINICIAN, Role.MODEL_ADMIN))
    new = NewProject("Lungs twice", readers, [judge], blind=False, task="lungs")
    project = project_create(institution=place, actor=lead, project=new)
    (item,) = project_add_series(project=project, series=[spine.series], actor=lead)
    own = [
        factories.annotation(of=spine.series, task=task, author=readers[0], label="Own")
        for task in (spine.task, lungs.task)
    ]
    with pytest.raises(NotOfTheTask) as caught:
        reading_finish(item=item, annotation=own[0], actor=readers[0])
    assert "about “Lungs”" in str(caught.value.message)
    assert reading_finish(item=item, annotation=own[1], actor=readers[0]).annotation == own[1]
    with pytest.raises(UnknownTask):
        project_create(institution=place, actor=lead, project=NewProject("X", readers, [judge], task="kidneys"))
