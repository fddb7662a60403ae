"""Trainings through REST and a real worker in its own process: killed, stopped, two at once."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from accounts.models import Role
from registry.models import ModelVersion
from registry.selectors import version_active
from registry.services import default_version_ensure
from spineplatform.processes import Processes
from spineplatform.shared.runs import RunState
from tests import factories
from tests.api_client import api
from tests.training import learnable
from tests.waiting import wait_for
from training.models import TrainingRun
from training.promotions.services import version_promote

pytestmark = [pytest.mark.worker, pytest.mark.tensorflow, pytest.mark.slow]


@pytest.fixture
def home(worker: Processes) -> Any:
    return factories.institution("Home")


@pytest.fixture
def client(home: Any) -> Any:
    return api(factories.user(Role.MODEL_ADMIN, institution=home))


def begin(client: Any, home: Any, **changes: Any) -> TrainingRun:
    data = learnable.dataset(home)
    body = {"dataset": str(data.pk), "settings": {**learnable.SETTINGS, **changes}}
    answer = client.post("/api/v1/trainings/", body)
    assert answer.status_code == 202, answer.json()
    return TrainingRun.objects.get(pk=answer.json()["id"])


def ended(run: TrainingRun) -> bool:
    run.refresh_from_db()
    return run.is_finished


def test_a_worker_killed_in_the_middle_goes_on_from_its_last_epoch(client: Any, home: Any, worker: Processes) -> None:
    run = begin(client, home, epochs=60)
    wait_for(lambda: run.epochs.count() >= 3, "the third epoch")
    worker.kill("worker-training")
    told = {epoch.epoch: epoch.created_at for epoch in run.epochs.all()}
    worker.start_worker("training")
    wait_for(lambda: ended(run), "the end of the training")
    assert (run.state, run.error_message) == (RunState.SUCCEEDED, "")
    epochs = list(run.epochs.all())
    assert [epoch.epoch for epoch in epochs] == list(range(1, 61))
    # The last one told may have missed its checkpoint by a moment; none before it ran again.
    first = [epoch for epoch in epochs if epoch.attempt == 1]
    assert len(first) >= len(told) - 1
    assert all(epoch.created_at == told[epoch.epoch] for epoch in first if epoch.epoch in told)
    assert ModelVersion.objects.filter(training_run=run).count() == 1


def test_two_trainings_at_once_are_done_one_after_the_other(client: Any, home: Any) -> None:
    first, second = begin(client, home), begin(client, home)
    wait_for(lambda: ended(first) and ended(second), "the end of both")
    assert {first.state, second.state} == {RunState.SUCCEEDED}
    early, late = sorted((first, second), key=lambda run: run.started_at)
    assert late.started_at >= early.finished_at


def test_a_version_may_be_promoted_while_a_training_runs_and_the_training_is_not_disturbed(
    client: Any, home: Any
) -> None:
    shipped = default_version_ensure(folder=settings.MODEL_DIR)
    other = factories.model_version()
    run = begin(client, home, epochs=40)
    wait_for(run.epochs.exists, "the first epoch")
    admin = factories.user(Role.MODEL_ADMIN, institution=home)
    version_promote(version=other, actor=admin, institution=home, reason="A test of promoting meanwhile.")
    assert version_active(home.pk) == other
    assert version_active(None) == shipped
    wait_for(lambda: ended(run), "the end of the training")
    assert run.state == RunState.SUCCEEDED


def test_the_whole_curve_the_pictures_and_the_new_version_come_back_by_rest(client: Any, home: Any) -> None:
    run = begin(client, home)
    wait_for(lambda: ended(run), "the end of the training")
    body = client.get(f"/api/v1/trainings/{run.pk}/").json()
    assert [epoch["epoch"] for epoch in body["epochs"]] == [1, 2, 3]
    assert client.get(body["samples"][0]["picture"])["Content-Type"] == "image/png"
    assert body["version"] == str(run.version_id)
    assert client.get("/api/v1/trainings/").json()["results"][0]["id"] == str(run.pk)
    assert client.get(f"/api/v1/runs/training/{run.pk}/").json()["state"] == "succeeded"
    again = client.post(f"/api/v1/trainings/{run.pk}/cancel/", {"keep_best": True})
    assert again.status_code == 409
