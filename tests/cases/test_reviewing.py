"""The sign-off: what a reader's word makes of a case, and what waits next."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from cases.models import Annotation, Case, Review, ReviewVerdict
from cases.projects.reading_services import item_decide
from cases.review.services import MaskNeeded, NewReview, ReasonNeeded, SignedInProject, case_start_review, review_sign
from cases.viewer.selectors import reading_of
from cases.worklist.queue import series_next
from spineplatform.shared.errors import Forbidden, NotFound
from spineplatform.shared.models import AuditEvent
from tests import factories
from tests.cases import projects

pytestmark = pytest.mark.django_db
APPROVED, REJECTED, SENT_BACK = ReviewVerdict.APPROVED, ReviewVerdict.REJECTED, ReviewVerdict.SENT_BACK


@pytest.fixture
def mask() -> Annotation:
    return factories.prediction().annotation


@pytest.fixture
def clinician(mask: Annotation) -> User:
    return factories.user("clinician", institution=mask.institution)


def state(mask: Annotation) -> str:
    mask.series.case.refresh_from_db()
    return mask.series.case.state


def sign(mask: Annotation, actor: User, verdict: ReviewVerdict, **fields: Any) -> Review:
    reason = "" if verdict == APPROVED else "Too wide"
    review = NewReview(verdict, mask, **{"reason": reason, **fields})
    return review_sign(series=mask.series, actor=actor, review=review)[0]


def door(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([APPROVED], "approved"),
        ([REJECTED], "rejected"),
        ([SENT_BACK], "in-review"),
        ([REJECTED, APPROVED], "approved"),  # a mistaken sign-off is superseded
        ([APPROVED, SENT_BACK], "in-review"),
    ],
)
def test_the_last_word_on_a_series_decides_the_state_of_its_case(
    mask: Annotation, clinician: User, words: list[ReviewVerdict], expected: str
) -> None:
    for verdict in words:
        sign(mask, clinician, verdict)
    assert state(mask) == expected
    assert AuditEvent.objects.filter(action="review.signed").count() == len(words)


def test_a_case_is_approved_when_every_series_with_a_mask_is(mask: Annotation, clinician: User) -> None:
    other = factories.prediction(of=factories.series(of=mask.series.case, number=2)).annotation
    factories.series(of=mask.series.case, number=3)
    sign(mask, clinician, APPROVED)
    assert state(mask) == "in-review"
    sign(other, clinician, APPROVED)
    assert state(mask) == "approved"


def test_opening_a_segmented_case_takes_it_into_review_and_an_approved_one_stays(
    mask: Annotation, clinician: User
) -> None:
    case = mask.series.case
    type(case).objects.filter(pk=case.pk).update(state="segmented")
    case_start_review(case=case, actor=clinician)
    assert state(mask) == "in-review"
    sign(mask, clinician, APPROVED)
    case_start_review(case=case, actor=clinician)
    assert state(mask) == "approved"


def test_an_approval_needs_a_mask_and_a_refusal_a_reason(mask: Annotation, clinician: User) -> None:
    with pytest.raises(MaskNeeded):
        review_sign(series=mask.series, actor=clinician, review=NewReview(APPROVED))
    with pytest.raises(ReasonNeeded):
        sign(mask, clinician, REJECTED, reason="  ")
    with pytest.raises(NotFound):
        review_sign(
            series=factories.series(of=mask.series.case, number=2), actor=clinician, review=NewReview(APPROVED, mask)
        )
    with pytest.raises(Forbidden):
        sign(mask, factories.user("annotator", institution=mask.institution), APPROVED)
    assert not Review.objects.exists()


def test_a_refused_mask_is_never_for_training(mask: Annotation, clinician: User) -> None:
    assert not sign(mask, clinician, REJECTED, for_training=True).for_training


def test_signing_twice_by_rest_keeps_one_review(mask: Annotation, clinician: User) -> None:
    address = reverse("api:reviews", args=[mask.series.pk])
    body = {"verdict": "approved", "annotation": str(mask.pk), "for_training": False}
    answers = [door(clinician).post(address, body, content_type="application/json") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json()["case_state"] == "approved"
    listed = door(clinician).get(address).json()["results"]
    assert [(one["annotation"], one["for_training"]) for one in listed] == [(str(mask.pk), False)]


def test_the_queue_gives_the_longest_waiting_first_and_goes_round(
    mask: Annotation, clinician: User, django_assert_max_num_queries: Any
) -> None:
    cases = [factories.case(institution=mask.institution) for _ in range(3)]
    masks = [factories.annotation(of=factories.series(of=case)) for case in cases]
    type(cases[0]).objects.filter(pk__in=[case.pk for case in cases]).update(state="segmented")

    def following(after: Annotation | None = None) -> Any:
        return door(clinician).get(reverse("api:queue-next"), {"after": after.series.pk} if after else {}).json()

    assert following()["series"] == str(masks[0].series.pk)
    assert following(masks[0])["series"] == str(masks[1].series.pk)
    assert following(masks[2])["series"] == str(masks[0].series.pk)
    sign(masks[1], clinician, SENT_BACK)
    assert following(masks[0])["series"] == str(masks[2].series.pk)
    assert following()["waiting"] == 2
    client = door(clinician)
    with django_assert_max_num_queries(24):
        client.get(reverse("api:queue-next"))


def test_a_series_sent_back_waits_again_once_it_is_corrected(mask: Annotation, clinician: User) -> None:
    sign(mask, clinician, SENT_BACK)
    client = door(clinician)
    assert client.get(reverse("api:queue-next")).json()["read"] == ""
    factories.annotation(of=mask.series)
    assert client.get(reverse("api:queue-next")).json()["read"] == f"/series/{mask.series.pk}/read/"


def test_a_correction_after_the_approval_keeps_the_case_from_being_approved_by_another_series(
    mask: Annotation, clinician: User
) -> None:
    other = factories.prediction(of=factories.series(of=mask.series.case, number=2)).annotation
    sign(mask, clinician, APPROVED)
    factories.annotation(of=mask.series, source="edit", parent=mask)
    sign(other, clinician, APPROVED)
    assert state(mask) == "corrected"


def test_the_case_page_says_who_signed_and_that_a_newer_mask_is_not_signed(mask: Annotation, clinician: User) -> None:
    sign(mask, clinician, APPROVED)
    page = mask.series.case.get_absolute_url()
    signed = door(clinician).get(page).content.decode()
    assert f"Approved by {clinician.display_name()}" in signed
    assert "is not signed" not in signed
    factories.annotation(of=mask.series, source="edit", parent=mask)
    assert "is not signed" in door(clinician).get(page).content.decode()


@pytest.mark.parametrize("state", ["waiting", "one-read", "all-read", "settled"])
@pytest.mark.parametrize("verdict", ["approved", "rejected", "sent-back"])
def test_a_series_in_a_project_is_signed_by_the_project_alone_whoever_would_and_however_far_it_is(
    state: str, verdict: str
) -> None:
    group = projects.group()
    item = projects.item(group.project)
    place = group.project.institution
    mask = item.series.annotations.get()
    group.first.memberships.create(institution=place, role="clinician")
    outsider = factories.user("clinician", institution=place)
    Case.objects.filter(pk=item.series.case_id).update(state="segmented")
    readers = {"waiting": [], "one-read": [group.first]}.get(state, [group.first, group.second])
    for reader in readers:
        projects.finish(item, reader)
    if state == "settled":
        projects.work(item)
        item_decide(item=item, annotation=mask, actor=group.third)
    words = item.series.reviews.count()
    for person in (group.first, group.third, outsider):
        answer = door(person).post(
            f"/api/v1/series/{item.series.pk}/reviews/",
            {"verdict": verdict, "annotation": str(mask.pk), "reason": "Other."},
            content_type="application/json",
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "signed-in-project")
        with pytest.raises(SignedInProject):
            review_sign(series=item.series, actor=person, review=NewReview(ReviewVerdict(verdict), mask, "Other."))
        assert series_next(person) is None
        reading = reading_of(item.series, person)
        assert (reading["may_review"], reading["signed_in"]) == (False, group.project.name)
    assert item.series.reviews.count() == words


def test_a_series_that_left_its_project_is_signed_as_any_other() -> None:
    group = projects.group(blind=False)
    item = projects.item(group.project)
    Case.objects.filter(pk=item.series.case_id).update(state="segmented")
    mask = item.series.annotations.get()
    item.delete()
    assert series_next(group.third) == mask.series
    review_sign(series=mask.series, actor=group.third, review=NewReview(ReviewVerdict.APPROVED, mask))
