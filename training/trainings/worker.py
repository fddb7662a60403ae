"""The training itself. Only training workers import this module: it loads TensorFlow.

Checkpoints lie in the state folder under the run's id, so that another attempt goes on where the last one ended.
"""

from __future__ import annotations

import logging
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings

from registry.models import ModelVersion
from registry.services import Origin, version_record
from spineml.learning.dataset_file import DatasetReader
from spineml.learning.fit import Epoch, Job, Listener, fit, write
from spineml.learning.loop import Step, has_kept
from spineml.learning.settings import TrainingSettings
from spineml.learning.validation import Sample
from spineml.message import message
from spineml.volumes import render
from spineplatform.shared import storage
from spineplatform.shared.lease import Lease, RunCancelled
from spineplatform.shared.runs import RunState
from training.models import TrainingEpoch, TrainingRun, TrainingSample

log = logging.getLogger(__name__)
FOLDER = "training"
LIVE_SECONDS = 1.0


def run_training(lease: Lease[TrainingRun]) -> None:
    """Work of one TrainingRun: train on the frozen file, then record the new version and the success at once.

    Cancelled with the wish to keep the best so far, it records that version and ends as cancelled. Queued again with
    that wish, it records what an earlier attempt has kept.
    """
    run = lease.run
    lease.report(0, 0, message("Opening the data set"))
    with DatasetReader(storage.local_path(run.dataset.file), expected_sha256=run.dataset.sha256) as reader:
        job = _job(run, reader)
        folder = checkpoint_folder(run)
        if not (run.keep_best_on_cancel and has_kept(folder)):
            fit(job, keep_in=folder, listener=_Notes(lease).listener())
        if not (lease.is_cancelled and has_kept(folder) and _keep_best(run)):
            lease.check()
        _record(lease, job, folder, RunState.CANCELLED if lease.is_cancelled else RunState.SUCCEEDED)
    shutil.rmtree(folder, ignore_errors=True)


def checkpoint_folder(run: TrainingRun) -> Path:
    return Path(settings.STATE_DIR) / FOLDER / str(run.pk)


def _keep_best(run: TrainingRun) -> bool:
    """Asked of the database: the wish comes with the cancellation."""
    return TrainingRun.objects.filter(pk=run.pk, keep_best_on_cancel=True).exists()


def _job(run: TrainingRun, reader: DatasetReader) -> Job:
    notes = {"run": str(run.pk), "dataset": str(run.dataset_id), "dataset_sha256": run.dataset.sha256}
    return Job(
        reader=reader,
        settings=TrainingSettings.from_json(run.settings),
        base=storage.local_path(run.base.file) if run.base else None,
        base_sha256=run.base.sha256 if run.base else None,
        notes=notes,
    )


def _record(lease: Lease[TrainingRun], job: Job, folder: Path, state: RunState) -> ModelVersion:
    if state == RunState.SUCCEEDED:
        lease.report(1, 1, message("Saving the version"))
    with storage.work_folder("train") as work, storage.stored_or_removed() as stored:
        path = work / f"training-{str(lease.run.pk)[:8]}.h5"
        write(job, path, keep_in=folder)
        with lease.finishing(state) as row:
            origin = Origin(row.institution, row.requested_by, row.notes)
            row.version = version_record(path=path, stored=stored, origin=origin)
            row.live = {}
    version: ModelVersion = row.version
    log.info("version_trained version=%s run=%s", version.number, lease.run.pk)
    return version


class _Notes:
    """Writes down what the training tells: every epoch once, pictures, and the epoch that is going."""

    def __init__(self, lease: Lease[TrainingRun]) -> None:
        self._lease = lease
        self._losses: list[float] = []
        self._live_at = 0.0
        self._begun = time.monotonic()
        self._first_step: int | None = None
        self._epochs = int(lease.run.settings["epochs"])

    def listener(self) -> Listener:
        return Listener(self.on_epoch, self.on_step, lambda: self._lease.should_stop)

    def on_step(self, step: Step, steps: int) -> None:
        if self._first_step is None:
            self._first_step, self._begun = step.step - 1, time.monotonic()
        self._losses.append(round(step.loss, 5))
        every = max(1, steps // self._epochs)
        epoch = (step.step - 1) // every + 1
        with suppress(RunCancelled):  # `fit` asks by itself, and ends in its own way
            self._lease.report(step.step, steps, message("Epoch {epoch} of {epochs}", epoch=epoch, epochs=self._epochs))
        if time.monotonic() - self._live_at >= LIVE_SECONDS:
            self._live_at = time.monotonic()
            self._write_live(
                {"epoch": epoch, "step": step.step, "steps": steps, "seconds_left": self._left(step, steps)}
            )

    def _left(self, step: Step, steps: int) -> float:
        """At the pace of this attempt, should no early stopping end it."""
        done = step.step - (self._first_step or 0)
        return round((time.monotonic() - self._begun) / done * (steps - step.step), 1)

    def _write_live(self, values: dict[str, Any]) -> None:
        run = self._lease.run
        run.live = {**values, "batch_losses": list(self._losses)}
        mine = TrainingRun.objects.filter(pk=run.pk, token=run.token, state=RunState.RUNNING)
        mine.update(live=run.live)

    def on_epoch(self, epoch: Epoch) -> None:
        """Another attempt may tell an epoch again whose checkpoint was not kept: the same row then."""
        run, losses, self._losses = self._lease.run, self._losses, []
        told = epoch.progress
        values = {
            "step": told.step,
            "loss": told.loss,
            "train_dice": told.dice,
            "validation_dice": told.score,
            "learning_rate": told.learning_rate,
            "seconds": told.seconds,
            "batch_losses": losses,
            "attempt": run.attempt,
        }
        with storage.work_folder("samples") as folder, storage.stored_or_removed() as stored:
            pictures = [(sample, _picture(sample, folder, stored)) for sample in epoch.samples]
            with self._lease.writing(although_cancelled=True):
                TrainingEpoch.objects.update_or_create(run=run, epoch=epoch.number, defaults=values)
                for sample, name in pictures:
                    _sample_record(run, epoch.number, sample, name)
        self._write_live({"epoch": epoch.number + 1, "step": told.step})
        run.publish()


def _picture(sample: Sample, folder: Path, stored: list[str]) -> str:
    picture = render.encode(render.difference(sample.hu, sample.reference, sample.predicted), "png")
    stored.append(storage.store_bytes(picture, storage.unique_name(FOLDER, ".png"), folder))
    return stored[-1]


def _sample_record(run: TrainingRun, epoch: int, sample: Sample, picture: str) -> None:
    TrainingSample.objects.update_or_create(
        run=run,
        series_id=sample.entry.key,
        epoch=epoch,
        slice_index=sample.z,
        defaults={"dice": sample.dice, "picture": picture},
    )
