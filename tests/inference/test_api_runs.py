"""Starting, watching, cancelling and retrying runs through the REST API."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Role, User
from cases.models import Series
from inference.models import InferenceRun
from registry.models import ModelVersion
from spineplatform.shared.runs import RunState
from tests import factories
from tests.api_client import api, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def series() -> Series:
    return factories.series()


@pytest.fixture
def clinician(series: Series) -> User:
    return factories.user(Role.CLINICIAN, institution=series.institution)


@pytest.fixture
def active() -> ModelVersion:
    return factories.active_version()


def segment(user: User, series: Series, **body: Any) -> Any:
    return api(user).post(f"/api/v1/series/{series.pk}/segment/", body)


def act(user: User, run: Any, action: str = "") -> Any:
    address = f"/api/v1/runs/{run.kind}/{run.pk}/"
    return api(user).post(f"{address}{action}/") if action else api(user).get(address)


# --- segmentations ----------------------------------------------------------------------------------------------------
def test_a_segmentation_is_queued_with_the_active_version(
    series: Series, clinician: User, active: ModelVersion
) -> None:
    response = segment(clinician, series)
    assert response.status_code == 202
    body = response.json()
    assert (body["kind"], body["state"], body["total"]) == ("inference", "queued", factories.DEPTH)
    assert body["model_version"] == {
        "id": str(active.pk),
        "number": active.number,
        "name": str(active),
        "owner": None,
    }
    assert body["mask"] is None
    assert api(clinician).get(response["Location"]).json()["id"] == body["id"]


def test_a_named_version_is_used(series: Series, clinician: User, active: ModelVersion) -> None:
    candidate = factories.model_version()
    body = segment(clinician, series, model_version=str(candidate.pk)).json()
    assert body["model_version"]["id"] == str(candidate.pk)


def test_asking_twice_starts_one_run(series: Series, clinician: User, active: ModelVersion) -> None:
    first, again = segment(clinician, series), segment(clinician, series)
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["id"] == again.json()["id"]
    assert InferenceRun.objects.count() == 1


def test_without_an_active_version_nothing_starts(series: Series, clinician: User) -> None:
    assert problem(segment(clinician, series)) == (409, "no-active-model")


def test_a_retired_version_is_refused(series: Series, clinician: User, active: ModelVersion) -> None:
    retired = factories.model_version(retired=True)
    assert problem(segment(clinician, series, model_version=str(retired.pk))) == (409, "version-retired")


def test_an_unknown_version_is_not_found(series: Series, clinician: User, active: ModelVersion) -> None:
    assert problem(segment(clinician, series, model_version=str(series.pk))) == (404, "not-found")
    assert problem(segment(clinician, series, model_version="newest")) == (400, "invalid")


def test_the_list_shows_my_runs_and_can_be_narrowed(series: Series, clinician: User) -> None:
    done = factories.prediction(of=series).run
    waiting = factories.inference_run(of=series)
    factories.inference_run()
    client, address = api(clinician), "/api/v1/runs/inference/"
    assert [one["id"] for one in client.get(address).json()["results"]] == [str(waiting.pk), str(done.pk)]
    assert [one["id"] for one in client.get(f"{address}?state=succeeded").json()["results"]] == [str(done.pk)]
    assert client.get(f"{address}?series={waiting.pk}").json()["results"] == []
    assert problem(client.get(f"{address}?state=resting")) == (400, "invalid")


def test_a_run_that_succeeded_names_its_mask_and_its_page(series: Series, clinician: User) -> None:
    prediction = factories.prediction(of=series)
    body = act(clinician, prediction.run).json()
    assert body["mask"] == str(prediction.annotation_id)
    assert body["result_url"] == f"/series/{series.pk}/view/"


# --- any run ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["training", "slices", "Import"])
def test_an_unknown_kind_of_run_is_not_found(series: Series, clinician: User, kind: str) -> None:
    run = factories.inference_run(of=series)
    assert problem(api(clinician).get(f"/api/v1/runs/{kind}/{run.pk}/")) == (404, "not-found")


def test_a_run_is_found_under_its_own_kind_only(series: Series, clinician: User) -> None:
    run = factories.inference_run(of=series)
    assert problem(api(clinician).get(f"/api/v1/runs/import/{run.pk}/")) == (404, "not-found")


def test_a_waiting_run_is_cancelled_at_once(series: Series, clinician: User) -> None:
    body = act(clinician, factories.inference_run(of=series), "cancel").json()
    assert (body["state"], body["cancel_requested"]) == ("cancelled", True)


def test_a_running_run_is_asked_to_stop(series: Series, clinician: User) -> None:
    body = act(clinician, factories.inference_run(of=series, state=RunState.RUNNING), "cancel").json()
    assert (body["state"], body["cancel_requested"]) == ("running", True)


def test_a_run_that_has_ended_cannot_be_cancelled(series: Series, clinician: User) -> None:
    run = factories.inference_run(of=series, state=RunState.SUCCEEDED)
    assert problem(act(clinician, run, "cancel")) == (409, "conflict")


def test_a_failed_run_starts_again_without_its_error(series: Series, clinician: User) -> None:
    run = factories.inference_run(
        of=series, state=RunState.FAILED, error_code="lost", error_message="The worker was lost.", progress_done=3
    )
    assert act(clinician, run).json()["error"] == "The worker was lost."
    body = act(clinician, run, "retry").json()
    assert (body["state"], body["error"], body["error_code"], body["done"]) == ("queued", "", "", 0)


def test_a_failed_run_cannot_be_retried_beside_one_that_is_going(series: Series, clinician: User) -> None:
    version = factories.model_version()
    failed = factories.inference_run(of=series, model_version=version, state=RunState.FAILED)
    factories.inference_run(of=series, model_version=version)
    assert problem(act(clinician, failed, "retry")) == (409, "conflict")
    failed.refresh_from_db()
    assert failed.state == RunState.FAILED


def test_get_starts_nothing(series: Series, clinician: User, active: ModelVersion) -> None:
    assert problem(api(clinician).get(f"/api/v1/series/{series.pk}/segment/")) == (405, "method-not-allowed")
    run = factories.inference_run(of=series)
    assert problem(api(clinician).get(f"/api/v1/runs/inference/{run.pk}/cancel/"))[0] == 405
