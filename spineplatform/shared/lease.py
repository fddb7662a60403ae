"""The worker's side of a run: hold it, report on it, end it exactly once."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType
from typing import Generic, Self, TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from spineml.message import Message, message
from spineplatform.shared.errors import describe
from spineplatform.shared.runs import Run, RunState, claim

log = logging.getLogger(__name__)
TICK_SECONDS = 0.5
STALLED = message("There was no progress for a long time, so the run was stopped. Retry, or tell your administrator.")
NOTHING = Message("")
R = TypeVar("R", bound=Run)


class RunCancelled(Exception):
    """Somebody asked for this run to stop."""


class LeaseLost(Exception):
    """Another worker holds this run now: nothing more may be written for it."""


class Lease(Generic[R]):
    """Holds one claimed run. A heartbeat thread extends the lease, writes progress and reads the wish to cancel.

    Only as long as the work itself is heard of: one that stands still for RUN_STALL_SECONDS fails.
    """

    def __init__(self, run: R) -> None:
        self.run = run
        self.ended = False
        self._stop = threading.Event()
        self._cancelled = threading.Event()
        self._lost = threading.Event()
        self._progress: tuple[int, int, Message] | None = None
        self._heard = time.monotonic()
        self._thread = threading.Thread(target=self._beat, name=f"lease-{run.pk}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def report(self, done: int, total: int, message: Message = NOTHING) -> None:
        """Say how far the work is; cheap enough to call for every slice.

        Raises:
            RunCancelled, LeaseLost: the work must stop here.
        """
        self._progress = (done, total, message)
        self.check()

    def check(self) -> None:
        """Raise when the work must stop; the work goes on when this is called."""
        self._heard = time.monotonic()
        if self._lost.is_set():
            raise LeaseLost
        if self._cancelled.is_set():
            raise RunCancelled

    @property
    def should_stop(self) -> bool:
        self._heard = time.monotonic()
        return self._lost.is_set() or self._cancelled.is_set()

    @property
    def is_cancelled(self) -> bool:
        """Somebody wishes that the run stops, and it is still this worker's."""
        return self._cancelled.is_set() and not self._lost.is_set()

    @contextmanager
    def writing(self, *, although_cancelled: bool = False) -> Iterator[R]:
        """One transaction, fenced by the token: for what is kept even when the run does not succeed."""
        if self._lost.is_set():
            raise LeaseLost
        if not although_cancelled:
            self.check()
        close_old_connections()  # after long work the database may have been restarted
        with transaction.atomic():
            run: R = type(self.run)._default_manager.select_for_update().get(pk=self.run.pk)  # type: ignore[assignment]
            if run.token != self.run.token or run.state != RunState.RUNNING:
                raise LeaseLost
            yield run

    @contextmanager
    def finishing(self, state: RunState = RunState.SUCCEEDED) -> Iterator[R]:
        """Write the results inside this block: they and the success are one transaction, fenced by the token.

        ``state`` CANCELLED is for what is kept of a run that somebody stopped.
        """
        with self.writing(although_cancelled=state == RunState.CANCELLED) as run:
            yield run
            if self._progress is not None:
                run.progress_done, run.progress_total, _ = self._progress
            run.state, run.finished_at, run.progress_message = state, timezone.now(), NOTHING
            run.save()
            transaction.on_commit(run.publish, robust=True)
        self.ended = True

    def _beat(self) -> None:
        """Every tick writes: it also reads the wish to cancel, for which nobody should wait a third of the lease."""
        try:
            while not self._stop.wait(TICK_SECONDS):
                if time.monotonic() - self._heard > settings.RUN_STALL_SECONDS:
                    self._lost.set()
                    log.error("run_stalled kind=%s run=%s", self.run.kind, self.run.pk)
                    return _end(self.run, RunState.FAILED, code="stalled", message=STALLED)
                self._extend(self._progress)
            return None
        finally:
            connection.close()

    def _extend(self, report: tuple[int, int, Message] | None) -> None:
        run = self.run
        values: dict[str, object] = {"lease_expires_at": Now() + timedelta(seconds=settings.RUN_LEASE_SECONDS)}
        if report is not None:
            run.progress_done, run.progress_total, run.progress_message = report
            values |= {name: getattr(run, name) for name in ("progress_done", "progress_total", "progress_message")}
        try:
            close_old_connections()
            mine = type(run)._default_manager.filter(pk=run.pk, token=run.token, state=RunState.RUNNING)
            if not mine.update(**values):
                self._lost.set()
                return  # ended, or another worker's: what this thread knows of the run is out of date
            if mine.filter(cancel_requested=True).exists():
                self._cancelled.set()
        except (OperationalError, InterfaceError):
            log.warning("heartbeat_missed run=%s", run.pk)
            return
        run.publish()


def execute(model: type[R], run_id: uuid.UUID | str, work: Callable[[Lease[R]], None]) -> None:
    """Claim the run and do ``work`` under its lease; whatever happens, the row tells it. Safe to call twice."""
    run = claim(model, run_id)
    if run is None:
        log.info("run_not_claimed kind=%s run=%s", model.kind, run_id)
        return
    run.publish()
    with Lease(run) as lease:
        try:
            work(lease)
            if not lease.ended:
                with lease.finishing():
                    pass
        except LeaseLost:
            log.warning("lease_lost kind=%s run=%s", model.kind, run_id)
        except RunCancelled:
            _end(run, RunState.CANCELLED)
        except (OperationalError, InterfaceError) as error:
            # The database went away in the middle: the lease runs out and the sweeper has the work done again.
            log.warning("database_lost kind=%s run=%s error=%s", model.kind, run_id, type(error).__name__)
        except Exception as error:
            code, message = describe(error)
            log.log(
                logging.ERROR if code == "unexpected" else logging.WARNING,
                "run_failed kind=%s run=%s code=%s",
                model.kind,
                run_id,
                code,
                exc_info=code == "unexpected",
            )
            _end(run, RunState.FAILED, code=code, message=message)


def _end(run: Run, state: RunState, *, code: str = "", message: Message = NOTHING) -> None:
    """Written in a transaction of its own, so that no failure is ever rolled back with the work."""
    try:
        close_old_connections()
        mine = type(run)._default_manager.filter(pk=run.pk, token=run.token, state=RunState.RUNNING)
        mine.update(state=state, finished_at=timezone.now(), error_code=code, error_message=message)
        run.refresh_from_db()
        run.publish()
    except (DatabaseError, InterfaceError):
        log.warning("run_end_not_written run=%s state=%s", run.pk, state)
