"""Comparing two masks of a series through the REST API."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from accounts.models import Role, User
from cases.models import Annotation
from inference.comparison_worker import run_comparison
from inference.models import ComparisonRun, Prediction
from spineml.volumes.render import FALSE_NEGATIVE, FALSE_POSITIVE, TRUE_POSITIVE
from spineplatform.shared.lease import execute
from spineplatform.shared.runs import RunState
from tests import factories
from tests.api_client import api, problem

pytestmark = pytest.mark.django_db
SHIFT = 2


@pytest.fixture
def reference() -> Annotation:
    return factories.annotation()


@pytest.fixture
def prediction(reference: Annotation) -> Prediction:
    return factories.prediction(of=reference.series, pixels=factories.labels(shift=SHIFT))


@pytest.fixture
def clinician(reference: Annotation) -> User:
    return factories.user(Role.CLINICIAN, institution=reference.institution)


def compare(user: User, series: Any, reference: Any, predicted: Any) -> Any:
    body = {"reference": str(reference), "predicted": str(predicted)}
    return api(user).post(f"/api/v1/series/{series}/comparisons/", body)


def test_two_masks_of_a_series_are_compared_once(
    reference: Annotation, prediction: Prediction, clinician: User
) -> None:
    masks = reference.series_id, reference.pk, prediction.annotation_id
    first, again = compare(clinician, *masks), compare(clinician, *masks)
    assert (first.status_code, first.json()["state"]) == (202, "queued")
    assert first.json()["id"] == again.json()["id"]
    assert first.json()["result"] is None
    assert ComparisonRun.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_result_holds_each_image_their_mean_and_the_pool(
    reference: Annotation, prediction: Prediction, clinician: User
) -> None:
    started = compare(clinician, reference.series_id, reference.pk, prediction.annotation_id).json()
    execute(ComparisonRun, started["id"], run_comparison)
    body = api(clinician).get(started["url"]).json()
    assert body["state"] == "succeeded"
    truth, guess = factories.labels() > 0, factories.labels(shift=SHIFT) > 0
    pooled = body["result"]["pooled"]
    assert pooled["tp"] == int((truth & guess).sum())
    assert pooled["dice"] == pytest.approx(2 * (truth & guess).sum() / (truth.sum() + guess.sum()))
    assert body["result"]["unit"] == "mm"
    assert [image["z"] for image in body["result"]["images"]] == list(range(factories.DEPTH))
    assert body["result"]["mean_of_images"]["dice"] == pytest.approx(0.8)
    assert compare(clinician, reference.series_id, reference.pk, prediction.annotation_id).status_code == 200


@pytest.mark.parametrize("learned", [True, False])
def test_a_comparison_says_whether_the_model_learned_from_these_images(
    reference: Annotation, clinician: User, learned: bool
) -> None:
    hashes = [reference.series.pixel_hash] if learned else ["0" * 64]
    version = factories.model_version(spec={"data": {"pixel_hashes": hashes}})
    predicted = factories.prediction(of=reference.series, model_version=version, pixels=factories.labels(shift=1))
    run = factories.comparison_run(reference=reference, predicted=predicted.annotation)
    body = api(clinician).get(f"/api/v1/comparisons/{run.pk}/").json()
    assert body["trained_on_these_images"] is learned


def test_masks_of_two_series_cannot_be_compared(reference: Annotation, clinician: User) -> None:
    other = factories.annotation(of=factories.series(of=reference.series.case))
    assert problem(compare(clinician, reference.series_id, reference.pk, other.pk)) == (400, "not-comparable")
    assert problem(compare(clinician, other.series_id, reference.pk, other.pk)) == (400, "not-comparable")


def test_a_mask_cannot_be_compared_with_itself(reference: Annotation, clinician: User) -> None:
    assert problem(compare(clinician, reference.series_id, reference.pk, reference.pk)) == (400, "not-comparable")


def test_a_mask_of_another_institution_is_not_found(reference: Annotation, clinician: User) -> None:
    foreign = factories.annotation()
    assert problem(compare(clinician, reference.series_id, reference.pk, foreign.pk)) == (404, "not-found")


def test_a_comparison_names_what_is_missing(reference: Annotation, clinician: User) -> None:
    response = api(clinician).post(f"/api/v1/series/{reference.series_id}/comparisons/", {"reference": "x"})
    assert problem(response) == (400, "invalid")
    assert set(response.json()["errors"]) == {"reference", "predicted"}


def test_the_csv_has_a_row_for_each_image_and_the_pool(clinician: User, reference: Annotation) -> None:
    run = factories.comparison_run(reference=reference)
    response = api(clinician).get(f"/api/v1/comparisons/{run.pk}/csv/")
    assert response["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert [row["scope"] for row in rows] == ["per image"] * factories.DEPTH + ["mean of images", "pooled"]
    assert float(rows[-1]["dice"]) == pytest.approx(run.result["pooled"]["dice"], rel=1e-4)


def test_a_comparison_that_is_not_ready_has_no_csv_yet(clinician: User, reference: Annotation) -> None:
    run = factories.comparison_run(reference=reference, state=RunState.QUEUED)
    assert problem(api(clinician).get(f"/api/v1/comparisons/{run.pk}/csv/")) == (409, "conflict")


def test_the_picture_shows_hits_false_alarms_and_misses(clinician: User, reference: Annotation) -> None:
    run = factories.comparison_run(reference=reference)  # the prediction lies 2 columns to the right
    response = api(clinician).get(f"/api/v1/comparisons/{run.pk}/slices/1.png")
    assert response["Content-Type"] == "image/png"
    picture = np.array(Image.open(io.BytesIO(response.content))).astype(int)
    row = picture[picture.shape[0] // 2]
    scale = picture.shape[1] // factories.WIDTH
    for column, colour in ((10, FALSE_NEGATIVE), (15, TRUE_POSITIVE), (21, FALSE_POSITIVE)):
        pixel = row[column * scale]
        assert int(np.argmax(pixel)) == int(np.argmax(colour)), f"column {column} is {pixel}"


def test_a_picture_beyond_the_last_slice_is_not_found(clinician: User, reference: Annotation) -> None:
    run = factories.comparison_run(reference=reference)
    address = f"/api/v1/comparisons/{run.pk}/slices/{factories.DEPTH}.png"
    assert problem(api(clinician).get(address)) == (404, "not-found")
