"""Runs end exactly once, whatever happens to messages and workers."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from cases.models import Case, ImportRun
from spineplatform.shared import lease as lease_module
from spineplatform.shared import runs as runs_module
from spineplatform.shared.errors import Conflict, UserError
from spineplatform.shared.lease import Lease, LeaseLost, RunCancelled, execute
from spineplatform.shared.models import AuditEvent
from spineplatform.shared.runs import RunState, claim, run_cancel, run_retry, sweep
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run() -> ImportRun:
    return factories.import_run()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A heartbeat that beats often enough for a test."""
    monkeypatch.setattr(lease_module, "TICK_SECONDS", 0.02)


def expire(run: ImportRun) -> None:
    ImportRun.objects.filter(pk=run.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def test_a_queued_run_can_be_claimed_once(run: ImportRun) -> None:
    first = claim(ImportRun, run.pk)
    assert first is not None
    assert (first.state, first.attempt) == (RunState.RUNNING, 1)
    assert claim(ImportRun, run.pk) is None


def test_two_workers_that_claim_at_the_same_moment_get_one_run(run: ImportRun) -> None:
    barrier, claimed = threading.Barrier(4), []

    def worker() -> None:
        barrier.wait()
        claimed.append(claim(ImportRun, run.pk))
        connection.close()

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one is not None for one in claimed) == 1


def test_a_run_that_does_not_exist_is_passed_over() -> None:
    assert claim(ImportRun, uuid.uuid4()) is None


def test_delivering_the_same_run_twice_works_once(run: ImportRun) -> None:
    worked = []
    for _ in range(2):
        execute(ImportRun, run.pk, lambda lease: worked.append(lease.run.pk))
    run.refresh_from_db()
    assert worked == [run.pk]
    assert run.state == RunState.SUCCEEDED


def test_an_expired_lease_is_claimed_by_another_and_the_first_can_write_nothing(run: ImportRun) -> None:
    def work(held: Lease[ImportRun]) -> None:
        expire(run)
        second = claim(ImportRun, run.pk)
        assert second is not None
        assert second.attempt == 2
        with pytest.raises(LeaseLost), held.finishing() as row:
            factories.case(institution=row.institution, title="must not be kept")
        raise LeaseLost

    execute(ImportRun, run.pk, work)
    run.refresh_from_db()
    assert run.state == RunState.RUNNING
    assert not Case.objects.filter(title="must not be kept").exists()


def test_results_and_success_are_one_transaction(run: ImportRun) -> None:
    def work(held: Lease[ImportRun]) -> None:
        with held.finishing() as row:
            factories.case(institution=row.institution, title="half done")
            raise UserError("The second half failed.")

    execute(ImportRun, run.pk, work)
    run.refresh_from_db()
    assert (run.state, run.error_message) == (RunState.FAILED, "The second half failed.")
    assert not Case.objects.filter(title="half done").exists()


ERRORS = [
    (UserError("Send another file."), "invalid", "Send another file."),
    (OSError(28, "No space left on device"), "storage-unavailable", "storage is full or not available"),
    (ZeroDivisionError("patient Smith"), "unexpected", "An unexpected error occurred"),
]


@pytest.mark.parametrize(("error", "code", "words"), ERRORS, ids=["the user's", "the disk's", "ours"])
def test_every_failure_is_told_and_none_tells_raw_text(run: ImportRun, error: Exception, code: str, words: str) -> None:
    def work(held: Lease[ImportRun]) -> None:
        raise error

    execute(ImportRun, run.pk, work)
    run.refresh_from_db()
    assert (run.state, run.error_code) == (RunState.FAILED, code)
    assert words in run.error_message
    assert "Smith" not in run.error_message


def test_a_lost_database_leaves_the_run_to_the_sweeper(run: ImportRun) -> None:
    def work(held: Lease[ImportRun]) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    execute(ImportRun, run.pk, work)
    run.refresh_from_db()
    assert run.state == RunState.RUNNING
    expire(run)
    sweep(at=timezone.now())
    run.refresh_from_db()
    assert run.state == RunState.QUEUED
    execute(ImportRun, run.pk, lambda held: None)
    run.refresh_from_db()
    assert (run.state, run.attempt) == (RunState.SUCCEEDED, 2)


def test_cancelling_a_queued_run_ends_it_at_once(run: ImportRun) -> None:
    run_cancel(run=run, actor=None)
    assert run.state == RunState.CANCELLED
    assert claim(ImportRun, run.pk) is None


@pytest.mark.usefixtures("quick")
def test_cancelling_a_running_run_stops_the_work(run: ImportRun) -> None:
    steps = []

    def work(held: Lease[ImportRun]) -> None:
        run_cancel(run=ImportRun.objects.get(pk=run.pk), actor=None)
        for step in range(10_000):
            held.report(step, 10_000, "Working")
            steps.append(step)
            threading.Event().wait(0.005)

    execute(ImportRun, run.pk, work)
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert len(steps) < 10_000


@pytest.mark.usefixtures("quick")
def test_the_heartbeat_writes_progress_and_extends_the_lease(run: ImportRun) -> None:
    def work(held: Lease[ImportRun]) -> None:
        before = held.run.lease_expires_at
        held.report(3, 7, "Working")
        for _ in range(200):
            threading.Event().wait(0.01)
            now = ImportRun.objects.get(pk=run.pk)
            if now.progress_done == 3:
                break
        assert (now.progress_done, now.progress_total, now.progress_message) == (3, 7, "Working")
        assert now.lease_expires_at > before

    execute(ImportRun, run.pk, work)
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED, run.error_message


@pytest.mark.usefixtures("quick")
def test_work_of_which_nothing_is_heard_fails_although_its_heart_beats(run: ImportRun, settings: Any) -> None:
    settings.RUN_STALL_SECONDS = 0.2

    def stand_still(lease: Lease[ImportRun]) -> None:
        for _ in range(3):  # slow, but going on
            time.sleep(0.1)
            lease.report(1, 2)
        lease._lost.wait(10)
        lease.report(2, 2)

    execute(ImportRun, run.pk, stand_still)
    run.refresh_from_db()
    assert (run.state, run.error_code) == (RunState.FAILED, "stalled")
    assert sweep(at=timezone.now()) == 0


@pytest.mark.usefixtures("quick")
def test_work_stops_when_the_lease_is_lost(run: ImportRun) -> None:
    ended = []

    def work(held: Lease[ImportRun]) -> None:
        expire(run)
        while claim(ImportRun, run.pk) is None:  # a heartbeat has come in between
            expire(run)
        try:
            while True:
                threading.Event().wait(0.01)
                held.check()
        except LeaseLost:
            ended.append(True)
            raise

    execute(ImportRun, run.pk, work)
    assert ended == [True]


def test_ended_runs_cannot_be_cancelled_and_succeeded_ones_not_retried(run: ImportRun) -> None:
    execute(ImportRun, run.pk, lambda held: None)
    run.refresh_from_db()
    with pytest.raises(Conflict):
        run_cancel(run=run, actor=None)
    with pytest.raises(Conflict):
        run_retry(run=run, actor=None)


def test_a_failed_run_can_be_retried_with_all_its_attempts(run: ImportRun) -> None:
    def fail(held: Lease[ImportRun]) -> None:
        raise UserError("Not this time.")

    execute(ImportRun, run.pk, fail)
    run.refresh_from_db()
    run_retry(run=run, actor=None)
    assert (run.state, run.attempt, run.error_message) == (RunState.QUEUED, 0, "")
    execute(ImportRun, run.pk, lambda held: None)
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED


def test_the_sweeper_gives_up_after_the_last_attempt(run: ImportRun, settings) -> None:
    for _ in range(settings.RUN_MAX_ATTEMPTS):
        assert claim(ImportRun, run.pk) is not None
        expire(run)
    sweep(at=timezone.now())
    run.refresh_from_db()
    assert (run.state, run.error_code) == (RunState.FAILED, "worker-lost")


def test_the_sweeper_ends_an_abandoned_run_that_was_to_be_cancelled(run: ImportRun) -> None:
    claim(ImportRun, run.pk)
    run_cancel(run=ImportRun.objects.get(pk=run.pk), actor=None)
    expire(run)
    sweep(at=timezone.now())
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED


def test_the_sweeper_sends_a_lost_message_again(run: ImportRun, monkeypatch: pytest.MonkeyPatch, settings) -> None:
    sent: list[list[str]] = []
    monkeypatch.setattr("celery.Celery.send_task", lambda self, name, args: sent.append(args))
    late = timezone.now() + timedelta(seconds=settings.RUN_REQUEUE_AFTER_SECONDS + 1)
    sweep(at=late)
    sweep(at=late)  # just sent: not again before it is late once more
    assert sent == [[str(run.pk)]]


def test_the_sweeper_sends_only_the_oldest_of_a_long_queue(monkeypatch: pytest.MonkeyPatch, settings) -> None:
    sent: list[str] = []
    monkeypatch.setattr("celery.Celery.send_task", lambda self, name, args: sent.append(args[0]))
    monkeypatch.setattr(runs_module, "SENT_AGAIN_AT_ONCE", 2)
    runs = [factories.import_run() for _ in range(3)]
    late = timezone.now() + timedelta(seconds=settings.RUN_REQUEUE_AFTER_SECONDS + 1)
    sweep(at=late)
    assert sent == [str(one.pk) for one in runs[:2]]
    sweep(at=late)
    assert sent == [str(one.pk) for one in runs]


@pytest.mark.parametrize(("act", "state"), [(run_cancel, RunState.QUEUED), (run_retry, RunState.FAILED)])
def test_who_cancelled_or_retried_a_run_is_on_record(act: Callable[..., None], state: RunState) -> None:
    run = factories.import_run(state=state)
    person = factories.user("clinician", institution=run.institution)
    act(run=run, actor=person)
    event = AuditEvent.objects.get()
    assert (event.actor, event.object_id, event.institution_id) == (person, str(run.pk), run.institution_id)
    assert event.action in ("import.cancelled", "import.retried")


def test_what_comes_too_late_is_not_on_record(run: ImportRun) -> None:
    execute(ImportRun, run.pk, lambda held: None)
    with pytest.raises(Conflict):
        run_cancel(run=run, actor=None)
    assert not AuditEvent.objects.exists()


def test_the_heartbeat_says_nothing_of_a_run_that_has_ended(run: ImportRun, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed = claim(ImportRun, run.pk)
    assert claimed is not None
    ImportRun.objects.filter(pk=run.pk).update(state=RunState.SUCCEEDED, finished_at=timezone.now())
    said: list[Any] = []
    monkeypatch.setattr(ImportRun, "publish", said.append)
    held = Lease(claimed)
    held._extend((1, 2, "Working"))
    assert said == []
    with pytest.raises(LeaseLost):
        held.check()


def test_what_is_written_without_success_is_fenced_too(run: ImportRun) -> None:
    claimed = claim(ImportRun, run.pk)
    assert claimed is not None
    expire(run)
    claim(ImportRun, run.pk)
    with pytest.raises(LeaseLost), Lease(claimed).writing():
        pytest.fail("another worker holds this run")


def test_a_running_run_without_a_lease_is_refused_by_the_database(run: ImportRun) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ImportRun.objects.filter(pk=run.pk).update(state=RunState.RUNNING)


def test_a_message_about_a_run_holds_what_the_page_needs(run: ImportRun) -> None:
    message = run.as_message()
    assert message["state"] == "queued"
    assert {"id", "kind", "done", "total", "message", "error", "result_url"} <= message.keys()


def test_cancelled_is_not_an_error_a_person_sees() -> None:
    assert not issubclass(RunCancelled, UserError)
