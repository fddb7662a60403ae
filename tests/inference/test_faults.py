"""What must not lose or double a result: killed workers, a killed broker, a restarted database, a full disk."""

from __future__ import annotations

import errno
import time
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction

from cases.models import Annotation, Series
from inference.models import InferenceRun, Prediction
from inference.services import inference_start
from registry.services import default_version_ensure
from spineplatform.processes import Processes
from spineplatform.shared.lease import execute
from spineplatform.shared.runs import RunState, run_retry
from tests import factories
from tests.plugins.services import TestServices
from tests.waiting import wait_for

BROKER_AWAY_SECONDS = 2  # the worker notices it and closes the connection while the run goes on

pytestmark = [pytest.mark.worker, pytest.mark.tensorflow, pytest.mark.slow]


def state(run: InferenceRun) -> str:
    run.refresh_from_db()
    return run.state


@pytest.fixture
def clinician(worker: Processes) -> Any:
    default_version_ensure(folder=settings.MODEL_DIR)
    return factories.user("clinician")


def series_for(user: Any, depth: int) -> Series:
    image = factories.volume(factories.geometry(depth=depth, height=300, width=300))
    return factories.series(institution=user.memberships.get().institution, image=image)


def start(user: Any, depth: int) -> InferenceRun:
    run = inference_start(series=series_for(user, depth), actor=user)
    wait_for(lambda: state(run) == RunState.RUNNING and run.progress_done > 0, "the start of the run")
    return run


def assert_recorded_once(run: InferenceRun) -> None:
    wait_for(lambda: run_ended(run), "the end of the run")
    assert run.state == RunState.SUCCEEDED, run.error_message
    assert Prediction.objects.filter(run=run).count() == 1
    assert Annotation.objects.filter(series=run.series).count() == 1


def run_ended(run: InferenceRun) -> bool:
    run.refresh_from_db()
    return run.is_finished


def test_a_worker_killed_in_the_middle_leaves_a_run_that_is_redone_and_recorded_once(
    clinician: Any, worker: Processes
) -> None:
    run = start(clinician, depth=80)
    worker.kill("worker-inference")
    worker.start_worker("inference")
    assert_recorded_once(run)
    assert run.attempt == 2


def test_a_killed_broker_without_its_data_loses_no_run(
    clinician: Any, worker: Processes, services: TestServices
) -> None:
    if not services.is_embedded:
        pytest.skip("the broker is not ours to kill: VALKEY_URL names a server of somebody else")
    services.embedded.kill("valkey")
    run = inference_start(series=series_for(clinician, 3), actor=clinician)
    assert state(run) == RunState.QUEUED
    services.embedded.start()
    assert_recorded_once(run)


def test_a_broker_killed_in_the_middle_is_survived_without_restarting_the_worker(
    clinician: Any, worker: Processes, services: TestServices
) -> None:
    if not services.is_embedded:
        pytest.skip("the broker is not ours to kill: VALKEY_URL names a server of somebody else")
    before = worker.pid("worker-inference")
    run = start(clinician, depth=120)
    with transaction.atomic():
        held = InferenceRun.objects.select_for_update().get(pk=run.pk)  # it cannot end before we let it
        assert held.state == RunState.RUNNING
        services.embedded.kill("valkey")
        time.sleep(BROKER_AWAY_SECONDS)
    services.embedded.start()
    assert_recorded_once(run)
    assert_recorded_once(inference_start(series=series_for(clinician, 3), actor=clinician))
    assert worker.pid("worker-inference") == before


def test_a_restarted_database_is_survived_without_restarting_the_worker(
    clinician: Any, worker: Processes, services: TestServices
) -> None:
    if not services.is_embedded:
        pytest.skip("the database is not ours to restart: DATABASE_URL names a server of somebody else")
    before = worker.pid("worker-inference")
    run = start(clinician, depth=60)
    services.embedded.kill("postgres")
    connection.close()
    services.embedded.start()
    wait_for(lambda: run_ended(run), "the end of the run")
    assert_recorded_once(run)
    assert worker.pid("worker-inference") == before


def test_cancelling_stops_a_running_segmentation_and_keeps_nothing(clinician: Any, worker: Processes) -> None:
    from spineplatform.shared.runs import run_cancel

    run = start(clinician, depth=200)
    run_cancel(run=run, actor=None)
    wait_for(lambda: run_ended(run), "the end of the run")
    assert run.state == RunState.CANCELLED
    assert run.progress_done < 200
    assert not Annotation.objects.filter(series=run.series).exists()


@pytest.mark.django_db(transaction=True)
def test_a_full_disk_fails_the_run_with_a_clear_error_and_it_can_be_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    from inference.worker import run_inference
    from spineplatform.shared import storage

    default_version_ensure(folder=settings.MODEL_DIR)
    user = factories.user("clinician")
    run = inference_start(series=series_for(user, 2), actor=user)

    def full(path: object, name: str) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(storage, "store", full)
        execute(InferenceRun, run.pk, run_inference)
    run.refresh_from_db()
    assert (run.state, run.error_code) == (RunState.FAILED, "storage-unavailable")
    assert "free space" in run.error_message
    assert not Annotation.objects.exists()

    run_retry(run=run, actor=None)
    execute(InferenceRun, run.pk, run_inference)
    assert_recorded_once(run)


@pytest.mark.django_db(transaction=True)
def test_delivering_the_same_run_twice_segments_once() -> None:
    from inference.worker import run_inference

    default_version_ensure(folder=settings.MODEL_DIR)
    user = factories.user("clinician")
    run = inference_start(series=series_for(user, 2), actor=user)
    for _ in range(2):
        execute(InferenceRun, run.pk, run_inference)
    assert_recorded_once(run)
    assert run.attempt == 1
