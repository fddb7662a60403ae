"""What a lead sees: counted from what happened, and what readers made of the model's masks."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Institution, Role, User
from cases.models import Annotation, AnnotationSource, Case, Review, ReviewVerdict, Series
from cases.signatures import NewReview, review_record
from inference.models import Acceptance, ComparisonRun, Prediction
from inference.overview.selectors import (
    Scope,
    accepted_by,
    accepted_by_month,
    open_work,
    scope_for,
    throughput,
    waiting_times,
    weeks,
)
from spineplatform.shared.runs import RunState
from tests import factories
from tests.api_client import api

pytestmark = pytest.mark.django_db
MONDAY = date(2026, 11, 2)


@pytest.fixture
def place() -> Institution:
    return factories.institution("Home")


@pytest.fixture
def lead(place: Institution) -> User:
    return factories.user(Role.INSTITUTION_ADMIN, institution=place)


@pytest.fixture
def reader(place: Institution) -> User:
    return factories.user(Role.CLINICIAN, institution=place, username="reader")


def at(day: date, hour: int = 9) -> datetime:
    return timezone.make_aware(datetime.combine(day, time(hour)))


def segmented(place: Institution, *, imported: datetime, masked: datetime) -> Prediction:
    series = factories.series(institution=place, meta={"manufacturer": "SIEMENS"})
    Series.objects.filter(pk=series.pk).update(created_at=imported)
    Case.objects.filter(pk=series.case_id).update(created_at=imported)
    prediction = factories.prediction(of=series)
    Prediction.objects.filter(pk=prediction.pk).update(created_at=masked)
    return prediction


def signed(mask: Annotation, reader: User, when: datetime) -> Review:
    review = review_record(series=mask.series, reader=reader, review=NewReview(ReviewVerdict.APPROVED, mask))
    Review.objects.filter(pk=review.pk).update(created_at=when)
    review.refresh_from_db()
    return review


def corrected(prediction: Prediction, author: User) -> Annotation:
    mask = prediction.annotation
    pixels = np.zeros(mask.series.geometry.shape, np.uint8)
    pixels[1:, 4:9, 4:9] = 1
    return factories.annotation(of=mask.series, pixels=pixels, source=AnnotationSource.EDIT, author=author, parent=mask)


def scope(place: Institution, **changes: Any) -> Scope:
    return Scope((place.pk,), **{"first": MONDAY, "last": MONDAY + timedelta(days=13), **changes})


def test_series_are_counted_in_the_week_in_which_each_step_happened(place: Institution, reader: User) -> None:
    prediction = segmented(place, imported=at(MONDAY), masked=at(MONDAY + timedelta(days=7)))
    signed(prediction.annotation, reader, at(MONDAY + timedelta(days=8)))
    segmented(factories.institution("Other"), imported=at(MONDAY), masked=at(MONDAY))
    assert throughput(scope(place)) == [
        {"week": MONDAY, "imported": 1, "segmented": 0, "signed": 0},
        {"week": MONDAY + timedelta(days=7), "imported": 0, "segmented": 1, "signed": 1},
    ]


def test_weeks_without_work_are_there_too() -> None:
    assert len(weeks(Scope((), date(2026, 9, 5), date(2026, 11, 27)))) == 13


def test_waiting_is_told_by_median_and_ninetieth_percentile(place: Institution, reader: User) -> None:
    for hours in (1, 2, 9):
        prediction = segmented(place, imported=at(MONDAY, 0), masked=at(MONDAY, hours))
        signed(prediction.annotation, reader, at(MONDAY, hours) + timedelta(hours=10))
    waited = waiting_times(scope(place))
    assert waited["segmented"]["median_hours"] == pytest.approx(2.0)
    assert waited["segmented"]["p90_hours"] == pytest.approx(7.6)
    assert waited["signed"] == {"median_hours": pytest.approx(10), "p90_hours": pytest.approx(10), "series": 3}


def test_nothing_that_happened_has_no_waiting_time(place: Institution) -> None:
    assert waiting_times(scope(place))["signed"] == {"median_hours": None, "p90_hours": None, "series": 0}


def test_open_cases_are_told_by_state_and_age(place: Institution) -> None:
    for days in (0, 3, 30):
        case = factories.case(institution=place)
        Case.objects.filter(pk=case.pk).update(created_at=timezone.now() - timedelta(days=days))
    factories.case(institution=place, state="approved")
    assert open_work(scope(place))[0] == {"state": "imported", "day": 1, "week": 1, "older": 1}
    assert sum(row["day"] for row in open_work(scope(place))) == 1


def test_an_approval_as_it_was_needs_no_comparison(place: Institution, reader: User) -> None:
    prediction = segmented(place, imported=at(MONDAY), masked=at(MONDAY))
    review = signed(prediction.annotation, reader, at(MONDAY))
    accepted = Acceptance.objects.get(review=review)
    assert (accepted.unchanged, accepted.comparison, accepted.prediction) == (True, None, prediction)
    assert accepted_by(scope(place), "reader") == [
        {"name": "reader", "approvals": 1, "unchanged_share": 1.0, "mean_dice": 1.0, "lowest_dice": 1.0}
    ]


def test_an_approval_with_corrections_is_compared_with_the_models_mask(place: Institution, reader: User) -> None:
    prediction = segmented(place, imported=at(MONDAY), masked=at(MONDAY))
    final = corrected(prediction, reader)
    signed(final, reader, at(MONDAY))
    run = ComparisonRun.objects.get(reference=final, predicted=prediction.annotation)
    assert accepted_by(scope(place), "scanner")[0]["mean_dice"] is None  # not computed yet
    result = {"pooled": {"dice": 0.75}}
    ComparisonRun.objects.filter(pk=run.pk).update(state=RunState.SUCCEEDED, result=result, finished_at=timezone.now())
    other = segmented(place, imported=at(MONDAY), masked=at(MONDAY))
    signed(other.annotation, reader, at(MONDAY))
    by_scanner = accepted_by(scope(place), "scanner")
    assert by_scanner == [
        {"name": "SIEMENS", "approvals": 2, "unchanged_share": 0.5, "mean_dice": 0.875, "lowest_dice": 0.75}
    ]
    assert {row["month"].month for row in accepted_by_month(scope(place))} == {11}


def test_a_mask_of_a_persons_own_and_a_refusal_say_nothing_of_a_model(place: Institution, reader: User) -> None:
    series = factories.series(institution=place)
    signed(factories.annotation(of=series), reader, at(MONDAY))
    review_record(
        series=series,
        reader=reader,
        review=NewReview(ReviewVerdict.REJECTED, reason="Motion."),
    )
    assert not Acceptance.objects.exists()


def test_a_reader_sees_only_their_own_figures_and_a_lead_those_of_all(
    place: Institution, lead: User, reader: User
) -> None:
    other = factories.user(Role.CLINICIAN, institution=place, username="other")
    for person in (reader, other):
        signed(segmented(place, imported=at(MONDAY), masked=at(MONDAY)).annotation, person, at(MONDAY))
    address = f"/api/v1/overview/?first={MONDAY}&last={MONDAY}"
    names = [[row["name"] for row in api(user).get(address).json()["by_reader"]] for user in (lead, reader)]
    assert names == [["other", "reader"], ["reader"]]


def test_the_number_of_queries_does_not_grow_with_the_work(place: Institution, lead: User, reader: User) -> None:
    counts = []
    for _ in range(2):
        for _ in range(3):
            signed(segmented(place, imported=at(MONDAY), masked=at(MONDAY)).annotation, reader, at(MONDAY))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            api(lead).get("/api/v1/overview/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_days_in_the_wrong_order_are_refused_by_rest_and_said_on_the_page(lead: User, client: Any) -> None:
    wrong = {"first": "2026-11-09", "last": "2026-11-02"}
    assert api(lead).get("/api/v1/overview/", wrong).status_code == 400
    client.force_login(lead, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get("/overview/", wrong)
    assert page.status_code == 200
    assert "are not valid" in page.content.decode()


def test_the_page_calls_readers_by_their_names(place: Institution, lead: User, reader: User, client: Any) -> None:
    User.objects.filter(pk=reader.pk).update(first_name="Minji", last_name="Kim")
    signed(segmented(place, imported=at(MONDAY), masked=at(MONDAY)).annotation, reader, at(MONDAY))
    client.force_login(lead, backend="django.contrib.auth.backends.ModelBackend")
    text = client.get("/overview/", {"first": MONDAY, "last": MONDAY}).content.decode()
    assert "Minji Kim" in text


def test_the_usual_scope_is_the_last_twelve_weeks_at_all_of_ones_institutions(lead: User, place: Institution) -> None:
    found = scope_for(lead, first=None, last=date(2026, 11, 27), institution=None)
    assert (found.institutions, found.first, found.reader) == ((place.pk,), date(2026, 9, 5), None)


def test_the_csv_has_a_row_for_each_group(place: Institution, lead: User, reader: User) -> None:
    signed(segmented(place, imported=at(MONDAY), masked=at(MONDAY)).annotation, reader, at(MONDAY))
    lines = api(lead).get(f"/api/v1/overview/csv/?first={MONDAY}&last={MONDAY}").content.decode().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == [
        "version",
        "institution",
        "scanner",
        "reader",
        "version and month",
    ]
