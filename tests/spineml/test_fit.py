"""Training on a frozen data set: it learns, repeats itself, goes on after a kill, and never looks at a test patient."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spineml.checksum import sha256_of
from spineml.errors import ModelFileRejected
from spineml.learning.dataset_file import DatasetReader
from spineml.model import keras2_file, model_file
from tests.spineml.learning_data import settings, write_dataset

pytestmark = pytest.mark.tensorflow


@dataclass
class Told:
    """Listens, and asks to stop once ``stop_at`` steps are done."""

    stop_at: int = 10**9
    epochs: list[Any] = field(default_factory=list)
    steps: list[Any] = field(default_factory=list)

    def listener(self) -> Any:
        from spineml.learning.fit import Listener

        return Listener(self.epochs.append, self._step, lambda: len(self.steps) >= self.stop_at)

    def _step(self, step: Any, steps: int) -> None:
        self.steps.append(step)

    @property
    def losses(self) -> list[float]:
        return [step.loss for step in self.steps]


@pytest.fixture
def data(tmp_path: Path) -> Any:
    with DatasetReader(write_dataset(tmp_path / "data.h5")) as reader:
        yield reader


def trained(data: Any, folder: Path, told: Told | None = None, **changes: Any) -> Any:
    from spineml.learning.fit import Job, fit

    job = Job(data, settings(**changes))
    return job, fit(job, keep_in=folder, listener=(told or Told()).listener())


def test_it_learns_and_writes_a_version_that_says_where_it_comes_from(data: Any, tmp_path: Path) -> None:
    from spineml.learning.fit import write

    told = Told()
    job, outcome = trained(data, tmp_path / "run", told, epochs=8)
    spec = write(job, tmp_path / "made.h5", keep_in=tmp_path / "run")
    assert [epoch.number for epoch in told.epochs] == list(range(1, 9))
    assert told.epochs[-1].progress.loss < 0.7 * told.epochs[0].progress.loss
    assert (outcome.kept_epoch, outcome.kept_dice) == (8, told.epochs[-1].progress.score)
    assert model_file.inspect(tmp_path / "made.h5") == spec
    assert spec.training["settings"]["epochs"] == 8
    assert (spec.data.patients, len(spec.data.pixel_hashes)) == (3, 3)
    # With its statistics from whole slices: better than the last one while training.
    assert spec.metrics["validation"][0]["dice"] > max(0.5, outcome.kept_dice - 0.2)
    assert 0.3 <= spec.postprocess.threshold <= 0.8
    assert spec.postprocess.smallest_part_mm2 == 20


def test_a_test_patient_is_neither_read_nor_recorded(
    data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spineml.learning.fit import write

    read: set[str] = set()
    original = DatasetReader.read

    def watched(reader: DatasetReader, index: int, z: int) -> Any:
        read.add(reader.entries[index].split)
        return original(reader, index, z)

    monkeypatch.setattr(DatasetReader, "read", watched)
    job, _ = trained(data, tmp_path / "run")
    spec = write(job, tmp_path / "made.h5", keep_in=tmp_path / "run")
    assert read == {"train", "validation"}
    test_hash = data.in_split("test")[0].pixel_hash
    assert test_hash not in spec.data.pixel_hashes


def test_the_same_seed_gives_the_same_curve_and_another_seed_another(data: Any, tmp_path: Path) -> None:
    curves = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        told = Told()
        trained(data, tmp_path / name, told, seed=seed)
        curves.append(told.losses)
    assert np.allclose(curves[0], curves[1], atol=1e-4)
    assert not np.allclose(curves[0], curves[2], atol=1e-4)


def test_an_interrupted_training_goes_on_from_its_last_epoch_and_ends_the_same(data: Any, tmp_path: Path) -> None:
    whole = Told()
    trained(data, tmp_path / "whole", whole, epochs=4)
    per_epoch = len(whole.steps) // 4
    first, second = Told(stop_at=2 * per_epoch), Told()
    _, stopped = trained(data, tmp_path / "parts", first, epochs=4)
    _, ended = trained(data, tmp_path / "parts", second, epochs=4)
    assert (stopped.stopped, ended.stopped) == (True, False)
    assert [epoch.number for epoch in (*first.epochs, *second.epochs)] == [1, 2, 3, 4]
    assert np.allclose(first.losses + second.losses, whole.losses, atol=1e-4)


def test_pictures_of_validation_slices_come_every_few_epochs(data: Any, tmp_path: Path) -> None:
    told = Told()
    trained(data, tmp_path / "run", told, epochs=4, sample_every=2)
    assert [bool(epoch.samples) for epoch in told.epochs] == [True, True, False, True]
    sample = told.epochs[0].samples[0]
    assert (sample.entry.split, sample.hu.shape, sample.predicted.shape) == ("validation", (64, 64), (64, 64))


def test_it_ends_early_when_the_validation_no_longer_rises(data: Any, tmp_path: Path) -> None:
    told = Told()
    _, outcome = trained(data, tmp_path / "run", told, epochs=40, patience=2, learning_rate=1e-7)
    assert outcome.epochs < 40
    assert not outcome.stopped


def test_without_validation_patients_the_last_weights_count(tmp_path: Path) -> None:
    from spineml.learning.fit import write

    with DatasetReader(write_dataset(tmp_path / "data.h5", ("train",))) as reader:
        job, outcome = trained(reader, tmp_path / "run", epochs=2)
        spec = write(job, tmp_path / "made.h5", keep_in=tmp_path / "run")
    assert (outcome.kept_dice, outcome.epochs) == (None, 2)
    assert (spec.metrics, spec.postprocess.threshold) == ({}, 0.5)


@pytest.mark.parametrize("splits", [("train", "validation"), ("test", "test")])
def test_a_set_that_shows_no_spine_to_learn_is_refused(tmp_path: Path, splits: tuple[str, ...]) -> None:
    from spineml.learning.batches import NothingToLearn

    path = write_dataset(tmp_path / "data.h5", splits, spine="train" not in splits)
    with DatasetReader(path) as reader, pytest.raises(NothingToLearn, match="are all empty"):
        trained(reader, tmp_path / "run")


def test_a_version_is_trained_further_from_its_own_weights(data: Any, tmp_path: Path) -> None:
    from spineml.learning.fit import Job, fit, write

    job, _ = trained(data, tmp_path / "first", epochs=6)
    write(job, tmp_path / "first.h5", keep_in=tmp_path / "first")
    sha256 = sha256_of(tmp_path / "first.h5")
    told = Told()
    further = Job(data, settings(epochs=2, learning_rate=1e-4), tmp_path / "first.h5", sha256)
    fit(further, keep_in=tmp_path / "second", listener=told.listener())
    spec = write(further, tmp_path / "second.h5", keep_in=tmp_path / "second")
    scratch = Told()
    trained(data, tmp_path / "scratch", scratch, epochs=2)
    assert told.losses[0] < 0.8 * scratch.losses[0]
    assert spec.parent_sha256 == sha256
    assert spec.data.pixel_hashes == model_file.inspect(tmp_path / "first.h5").data.pixel_hashes


def test_a_network_that_keras_2_wrote_is_a_base_like_any_other(data: Any, tmp_path: Path) -> None:
    from spineml.learning.fit import Job, fit, write

    base = tmp_path / "base.h5"
    theirs = keras2_file.convert(Path(__file__).parent / "keras2" / "ronneberger.h5", base)
    changes = {"base_filters": 2, "depth": 4, "stem_stride": 1, "normalisation": "none", "epochs": 1}
    job = Job(data, settings(**changes), base=base, base_sha256=sha256_of(base))
    fit(job, keep_in=tmp_path / "run")
    spec = write(job, tmp_path / "made.h5", keep_in=tmp_path / "run")
    assert spec.architecture == theirs.architecture
    assert spec.parent_sha256 == sha256_of(base)
    assert model_file.inspect(tmp_path / "made.h5") == spec


def test_a_base_that_was_changed_since_it_was_registered_is_refused(data: Any, tmp_path: Path) -> None:
    from spineml.learning.fit import Job, fit, write

    job, _ = trained(data, tmp_path / "first", epochs=1)
    write(job, tmp_path / "first.h5", keep_in=tmp_path / "first")
    changed = replace(job, base=tmp_path / "first.h5", base_sha256="0" * 64)
    assert isinstance(changed, Job)
    with pytest.raises(ModelFileRejected, match="SHA-256"):
        fit(changed, keep_in=tmp_path / "second")


@pytest.mark.parametrize("loss", ["dice", "tversky", "focal"])
@pytest.mark.parametrize(("optimiser", "schedule"), [("adam", "constant"), ("sgd", "steps")])
def test_every_loss_optimiser_and_schedule_learns(
    data: Any, tmp_path: Path, loss: str, optimiser: str, schedule: str
) -> None:
    told = Told()
    trained(data, tmp_path / "run", told, epochs=6, loss=loss, optimiser=optimiser, schedule=schedule)
    assert np.mean(told.losses[-3:]) < np.mean(told.losses[:3])


def test_half_precision_keeps_its_losses_finite(data: Any, tmp_path: Path) -> None:
    told = Told()
    trained(data, tmp_path / "run", told, epochs=2, precision="mixed_float16")
    assert np.isfinite(told.losses).all()


def test_a_loss_that_is_no_number_keeps_the_best_weights_before_it(
    data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spineml.learning.batches import Batches
    from spineml.learning.fit import write
    from spineml.learning.loop import TrainingDiverged

    original = Batches.__call__

    def broken(batches: Any, step: int) -> Any:
        images, targets = original(batches, step)
        return images * np.float32(np.nan if step == 3 else 1), targets

    with monkeypatch.context() as patched:
        patched.setattr(Batches, "__call__", broken)
        with pytest.raises(TrainingDiverged, match="learning rate"):
            trained(data, tmp_path / "run", epochs=8)
    from spineml.learning.fit import Job

    spec = write(Job(data, settings(epochs=8)), tmp_path / "kept.h5", keep_in=tmp_path / "run")
    assert model_file.inspect(tmp_path / "kept.h5") == spec


ON_TWO_DEVICES = """
import sys
from pathlib import Path
from spineml.learning import fit
import tensorflow as tf
from spineml.learning.dataset_file import DatasetReader
from tests.spineml.learning_data import settings

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
fit._strategy = lambda settings: tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with DatasetReader(Path(sys.argv[1])) as reader:
    job, losses = fit.Job(reader, settings(epochs=int(sys.argv[2]), batch_size=32, crop_size=64)), []
    told = fit.Listener(on_step=lambda step, steps: losses.append(step.loss))
    outcome = fit.fit(job, keep_in=Path(sys.argv[3]), listener=told)
print(outcome.steps, len(losses), losses[0] > losses[-1])
"""


def test_several_devices_share_each_batch_and_go_on_together(data: Any, tmp_path: Path) -> None:
    def train(epochs: int) -> list[str]:
        command = [sys.executable, "-c", ON_TWO_DEVICES, str(tmp_path / "data.h5"), str(epochs), str(tmp_path / "run")]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
        return done.stdout.split()

    steps, told, fell = train(8)
    assert (steps, told, fell) == ("8", "8", "True")
    assert train(12)[:2] == ["12", "4"]
