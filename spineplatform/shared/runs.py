"""A run is a row: work that somebody asked for, that a worker does, and that ends exactly once.

PostgreSQL is the truth and Celery only carries ids, so a message that is lost, doubled or late does no harm:
a worker *claims* the row (one UPDATE), holds it by a *lease* that a heartbeat extends, and writes results only
while its fencing *token* is still the row's. A sweeper requeues what a dead worker or a lost message left behind.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self, TypeVar

from celery import current_app
from django.apps import apps
from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from spineml.message import message, verbatim
from spineplatform.shared import audit, live
from spineplatform.shared.errors import Conflict
from spineplatform.shared.message_fields import MessageField, no_message

log = logging.getLogger(__name__)
R = TypeVar("R", bound="Run")


class RunState(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


UNFINISHED = (RunState.QUEUED, RunState.RUNNING)
# A long queue waits; sending all of it again at every sweep would only fill the broker.
SENT_AGAIN_AT_ONCE = 50


class RunQuerySet(models.QuerySet[R]):
    def unfinished(self) -> Self:
        return self.filter(state__in=UNFINISHED)

    def claimable(self, *, at: datetime | Now) -> Self:
        """Queued, or running under a lease that has expired."""
        return self.filter(Q(state=RunState.QUEUED) | Q(state=RunState.RUNNING, lease_expires_at__lt=at))

    def abandoned(self, *, at: datetime) -> Self:
        """Running, but its worker has not been heard of since its lease."""
        return self.filter(state=RunState.RUNNING, lease_expires_at__lt=at)

    def undelivered(self, *, before: datetime) -> Self:
        """Queued so long ago that its message must have been lost."""
        return self.filter(state=RunState.QUEUED, enqueued_at__lt=before)


class Run(models.Model):
    """Base of every kind of run. Subclasses name their ``kind`` (used in addresses) and the Celery ``task_name``."""

    kind: ClassVar[str]
    task_name: ClassVar[str]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey("accounts.Institution", on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(max_length=16, choices=RunState, default=RunState.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    token = models.UUIDField(null=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, editable=False)
    cancel_requested = models.BooleanField(default=False)
    progress_done = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    progress_message = MessageField()
    error_code = models.CharField(max_length=64, blank=True)
    error_message = MessageField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    enqueued_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    objects = RunQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="%(app_label)s_%(class)s_running_has_lease",
                condition=~Q(state="running") | Q(token__isnull=False, lease_expires_at__isnull=False),
            ),
            models.CheckConstraint(
                name="%(app_label)s_%(class)s_finished_has_time",
                condition=Q(state__in=["queued", "running"]) | Q(finished_at__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["state", "lease_expires_at"], name="%(app_label)s_%(class)s_due")]

    def __str__(self) -> str:
        return f"{self.kind} run {self.id} ({self.state})"

    @property
    def is_finished(self) -> bool:
        return self.state not in UNFINISHED

    @property
    def can_retry(self) -> bool:
        return self.state in (RunState.FAILED, RunState.CANCELLED)

    @property
    def seconds(self) -> float | None:
        """How long the last attempt took, or has taken so far; None before it started."""
        if self.started_at is None:
            return None
        return ((self.finished_at or timezone.now()) - self.started_at).total_seconds()

    def result_url(self) -> str:
        """The page that shows what the run made; empty until there is something to show."""
        return ""

    def fresh_values(self) -> dict[str, Any]:
        """Fields of this kind of run that a retry sets back."""
        return {}

    def as_message(self) -> dict[str, Any]:
        """What the WebSocket and the progress panel show, with ``message`` and ``error`` as text and values.

        Holds no patient data.
        """
        return {
            "id": str(self.id),
            "kind": self.kind,
            "state": self.state,
            "done": self.progress_done,
            "total": self.progress_total,
            "message": verbatim(self.progress_message).to_json(),
            "error": verbatim(self.error_message).to_json(),
            "error_code": self.error_code,
            "attempt": self.attempt,
            "cancel_requested": self.cancel_requested,
            "seconds": self.seconds,
            "result_url": self.result_url() if self.state == RunState.SUCCEEDED else "",
        }

    def publish(self) -> None:
        """Send the present state to whoever watches the run. Never blocks and never fails the work."""
        live.send(run_group(self.pk), {"type": "run.progress", "run": self.as_message()})


def run_group(run_id: object) -> str:
    """The group of those who watch a run."""
    return f"run.{run_id}"


def run_models() -> Iterator[type[Run]]:
    """Every kind of run that the installed apps define."""
    return (model for model in apps.get_models() if issubclass(model, Run))


def run_enqueue(run: Run) -> None:
    """Send the id to the workers once the surrounding transaction is committed."""
    transaction.on_commit(lambda: _deliver(run), robust=True)


def _deliver(run: Run) -> None:
    try:
        current_app.send_task(run.task_name, args=[str(run.pk)])
    except Exception as error:  # noqa: BLE001 - whatever the broker's client raises: the sweeper delivers it later
        log.warning("run_not_delivered kind=%s run=%s error=%s", run.kind, run.pk, type(error).__name__)
    run.publish()


def run_cancel(*, run: Run, actor: Any) -> None:
    """Stop a queued run at once, and ask the worker of a running one to stop.

    Raises:
        Conflict: the run has already ended.
    """
    now = timezone.now()
    mine = type(run)._default_manager.filter(pk=run.pk)
    with transaction.atomic():
        queued = mine.filter(state=RunState.QUEUED)
        changed = queued.update(state=RunState.CANCELLED, finished_at=now, cancel_requested=True)
        if not changed and not mine.filter(state=RunState.RUNNING).update(cancel_requested=True):
            raise Conflict(message("This run has already ended and cannot be cancelled."))
        _record(run, actor, "cancelled")
        transaction.on_commit(run.publish, robust=True)
        run.refresh_from_db()


def run_retry(*, run: Run, actor: Any) -> None:
    """Queue a failed or cancelled run again, from the start and with all its attempts.

    Raises:
        Conflict: the run is still going, or has made its result, or the same work is going in another run.
    """
    run.refresh_from_db()
    if not run.can_retry:
        raise Conflict(message("Only a failed or cancelled run can be retried."))
    ended = type(run)._default_manager.filter(pk=run.pk, state__in=(RunState.FAILED, RunState.CANCELLED))
    try:
        with transaction.atomic():
            changed = ended.update(
                state=RunState.QUEUED,
                attempt=0,
                cancel_requested=False,
                error_code="",
                error_message=no_message(),
                progress_done=0,
                progress_message=no_message(),
                started_at=None,
                finished_at=None,
                enqueued_at=timezone.now(),
                **run.fresh_values(),
            )
            if not changed:
                raise Conflict(message("Only a failed or cancelled run can be retried."))
            _record(run, actor, "retried")
            run_enqueue(run)
            run.refresh_from_db()
    except IntegrityError:
        raise Conflict(message("The same work is already running. Follow that run instead.")) from None


RUN_ACTIONS = {"cancel": run_cancel, "retry": run_retry}


def _record(run: Run, actor: Any, deed: str) -> None:
    audit.record(actor=actor, action=f"{run.kind}.{deed}", object_id=run.pk, institution_id=run.institution_id)


def claim(model: type[R], run_id: uuid.UUID | str) -> R | None:
    """Take the run for this worker, or return None when it is somebody else's, ended or gone."""
    token = uuid.uuid4()
    lease = timedelta(seconds=settings.RUN_LEASE_SECONDS)
    claimed = (
        model._default_manager.filter(pk=run_id)
        .claimable(at=Now())
        .update(
            state=RunState.RUNNING,
            attempt=F("attempt") + 1,
            token=token,
            lease_expires_at=Now() + lease,
            started_at=Now(),
        )
    )
    return model._default_manager.get(pk=run_id, token=token) if claimed else None  # type: ignore[return-value]


def sweep(*, at: datetime) -> int:
    """Requeue abandoned and undelivered runs; give up on those that used all their attempts. Returns how many moved.

    ``at`` is the database's clock, by which leases are given.
    """
    return sum(_sweep_kind(model, at=at) for model in run_models())


def _sweep_kind(model: type[Run], *, at: datetime) -> int:
    runs = model._default_manager.all()
    abandoned = runs.abandoned(at=at)
    ended = 0
    for run in abandoned.filter(Q(attempt__gte=settings.RUN_MAX_ATTEMPTS) | Q(cancel_requested=True)):
        ended += _give_up(run, at=at)
    requeued = list(runs.abandoned(at=at).values_list("pk", flat=True))
    runs.filter(pk__in=requeued).abandoned(at=at).update(
        state=RunState.QUEUED, token=None, lease_expires_at=None, progress_message=message("Waiting for a worker")
    )
    late = at - timedelta(seconds=settings.RUN_REQUEUE_AFTER_SECONDS)
    waiting_longest = runs.undelivered(before=late).order_by("enqueued_at")
    undelivered = list(waiting_longest.values_list("pk", flat=True)[:SENT_AGAIN_AT_ONCE])
    waiting = runs.filter(pk__in=[*requeued, *undelivered], state=RunState.QUEUED)
    for run in waiting.order_by("created_at"):  # first come, first served
        _deliver(run)
    waiting.update(enqueued_at=at)
    return ended + len(requeued) + len(undelivered)


def _give_up(run: Run, *, at: datetime) -> int:
    cancelled = run.cancel_requested
    changed = (
        type(run)
        ._default_manager.filter(pk=run.pk, token=run.token, state=RunState.RUNNING)
        .update(
            state=RunState.CANCELLED if cancelled else RunState.FAILED,
            finished_at=at,
            error_code="" if cancelled else "worker-lost",
            error_message=no_message()
            if cancelled
            else message(
                "The worker stopped answering {attempts} times. Retry, or tell your administrator.",
                attempts=run.attempt,
            ),
        )
    )
    if changed:
        run.refresh_from_db()
        run.publish()
    return changed
