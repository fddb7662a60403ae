"""The worker's side of a training, in this process: what it records, and that nothing half-done stays."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage, default_storage

from accounts.models import Institution, Role, User
from registry.models import ModelVersion
from spineplatform.shared.errors import Conflict
from spineplatform.shared.lease import execute
from spineplatform.shared.runs import RunState, run_retry
from tests import factories
from tests.training import learnable
from training.models import Dataset, TrainingRun
from training.trainings.services import training_cancel, training_keep, training_start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.tensorflow, pytest.mark.slow]


@pytest.fixture
def place() -> Institution:
    return factories.institution("Home")


@pytest.fixture
def admin(place: Institution) -> User:
    return factories.user(Role.MODEL_ADMIN, institution=place)


@pytest.fixture
def start(place: Institution, admin: User) -> Callable[..., TrainingRun]:
    def begin(data: Dataset | None = None, base: ModelVersion | None = None, **settings: Any) -> TrainingRun:
        chosen = {**learnable.SETTINGS, **settings}
        return training_start(dataset=data or learnable.dataset(place), base=base, actor=admin, settings=chosen)

    return begin


def work(run: TrainingRun) -> TrainingRun:
    from training.trainings.worker import run_training

    execute(TrainingRun, run.pk, run_training)
    run.refresh_from_db()
    return run


def folder(run: TrainingRun) -> Any:
    from training.trainings.worker import checkpoint_folder

    return checkpoint_folder(run)


def test_a_training_leaves_a_candidate_its_curve_and_pictures(start: Any, admin: User) -> None:
    run = work(start())
    assert (run.state, run.error_message) == (RunState.SUCCEEDED, "")
    version = run.version
    assert version is not None
    assert (version.owner, version.created_by, version.parent) == (run.institution, admin, None)
    assert version.spec["training"]["run"] == str(run.pk)
    assert [epoch.epoch for epoch in run.epochs.all()] == [1, 2, 3]
    steps = run.epochs.all()[0].step
    assert all(len(epoch.batch_losses) == steps for epoch in run.epochs.all())
    assert {sample.epoch for sample in run.samples.all()} == {1, 2}
    with default_storage.open(run.samples.all()[0].picture.name) as picture:
        assert picture.read(4) == b"\x89PNG"
    assert not folder(run).exists()


def test_delivering_the_same_training_twice_makes_one_version(start: Any) -> None:
    run = work(start())
    work(run)
    assert (ModelVersion.objects.count(), run.attempt) == (1, 1)


def test_a_version_trained_further_knows_its_parent(start: Any, place: Institution) -> None:
    data = learnable.dataset(place)
    first = work(start(data)).version
    second = work(start(data, first, learning_rate=1e-4)).version
    assert second is not None
    assert (second.parent, second.number) == (first, 2)


def test_a_full_disk_leaves_no_half_version_and_a_retry_needs_no_epoch_again(
    start: Any, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = FileSystemStorage.save

    def full(files: FileSystemStorage, name: str, *args: Any, **options: Any) -> str:
        if name.startswith("models/"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return str(save(files, name, *args, **options))

    run = start()
    monkeypatch.setattr(FileSystemStorage, "save", full)
    work(run)
    assert (run.state, run.error_code) == (RunState.FAILED, "storage-unavailable")
    assert not ModelVersion.objects.exists()
    monkeypatch.setattr(FileSystemStorage, "save", save)
    run_retry(run=run, actor=admin)
    work(run)
    assert run.state == RunState.SUCCEEDED
    assert [(epoch.epoch, epoch.attempt) for epoch in run.epochs.all()] == [(1, 1), (2, 1), (3, 1)]


def test_a_loss_that_is_no_number_stops_with_a_reason_and_keeps_the_checkpoint(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    from spineml.learning.batches import Batches

    original = Batches.__call__

    def broken(batches: Any, step: int) -> Any:
        images, targets = original(batches, step)
        return images * np.float32(np.nan if step == 4 else 1), targets

    with monkeypatch.context() as patched:
        patched.setattr(Batches, "__call__", broken)
        run = work(start(epochs=9))
    assert (run.state, run.error_code) == (RunState.FAILED, "training-diverged")
    assert "learning rate" in run.error_message
    assert not ModelVersion.objects.exists()
    epochs = run.epochs.count()
    training_keep(run=run, actor=run.requested_by)
    work(run)
    assert (run.state, run.epochs.count()) == (RunState.SUCCEEDED, epochs)
    assert run.version is not None


def test_a_disk_that_fills_up_during_an_epoch_is_told_and_the_training_goes_on_from_what_was_kept(
    start: Any, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorflow as tf

    save, saved = tf.train.CheckpointManager.save, []

    def filling(manager: Any, step: int) -> Any:
        saved.append(step)
        if len(saved) > 3:
            raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")
        return save(manager, step)

    run = start()
    monkeypatch.setattr(tf.train.CheckpointManager, "save", filling)
    work(run)
    assert (run.state, run.error_code) == (RunState.FAILED, "storage-unavailable")
    monkeypatch.setattr(tf.train.CheckpointManager, "save", save)
    run_retry(run=run, actor=admin)
    work(run)
    assert run.state == RunState.SUCCEEDED
    assert run.epochs.get(epoch=1).attempt == 1
    assert [epoch.epoch for epoch in run.epochs.all()] == [1, 2, 3]


@pytest.mark.parametrize("keep_best", [True, False])
def test_stopped_in_the_middle_it_keeps_the_best_so_far_when_asked(
    start: Any, admin: User, monkeypatch: pytest.MonkeyPatch, keep_best: bool
) -> None:
    from training.trainings import worker as learning

    run = start(epochs=200)
    told = learning._Notes.on_epoch

    def stop_after_two(notes: Any, epoch: Any) -> None:
        told(notes, epoch)
        if epoch.number == 2:
            training_cancel(run=run, actor=admin, keep_best=keep_best)
            assert notes._lease._cancelled.wait(20)

    monkeypatch.setattr(learning._Notes, "on_epoch", stop_after_two)
    work(run)
    assert run.state == RunState.CANCELLED
    assert (run.version is not None, ModelVersion.objects.count()) == (keep_best, int(keep_best))
    assert run.epochs.count() == 2
    assert run.can_retry is not keep_best
    if keep_best:
        with pytest.raises(Conflict):
            run_retry(run=run, actor=admin)


def test_a_data_set_whose_file_was_changed_is_refused(start: Any, place: Institution) -> None:
    data = learnable.dataset(place)
    run = start(data)
    with open(default_storage.path(data.file.name), "ab") as file:  # noqa: PTH123
        file.write(b"more")
    work(run)
    assert (run.state, run.error_code) == (RunState.FAILED, "dataset-file-rejected")
