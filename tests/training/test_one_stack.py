"""A training that the platform runs and one of the scripts behind the shipped model are the same training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from accounts.models import Role
from spineml.learning.dataset_file import DatasetReader
from spineml.model import model_file
from spineplatform.shared import storage
from spineplatform.shared.lease import execute
from spineplatform.shared.runs import RunState
from tests import factories
from tests.training import learnable
from training.models import TrainingRun
from training.trainings.services import training_start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.tensorflow, pytest.mark.slow]


def test_the_platform_and_the_scripts_make_the_same_version_of_the_same_data_steps_and_seed(tmp_path: Path) -> None:
    from scripts.default_model import train
    from training.trainings.worker import run_training

    place = factories.institution("Home")
    admin = factories.user(Role.MODEL_ADMIN, institution=place)
    run = training_start(dataset=learnable.dataset(place), actor=admin, settings=learnable.SETTINGS)
    execute(TrainingRun, run.pk, run_training)
    run.refresh_from_db()
    assert (run.state, run.error_message) == (RunState.SUCCEEDED, "")
    assert run.version is not None
    platform, weights = model_file.read(storage.local_path(run.version.file))

    last = run.epochs.order_by("epoch").last()
    assert last is not None
    command = ["--data", ".", "--out", ".", "--plain", "--steps", str(last.step), "--seed", str(run.settings["seed"])]
    with DatasetReader(storage.local_path(run.dataset.file)) as reader:
        options = train._options([*command, "--settings", json.dumps(learnable.SETTINGS)])
        model, script = train.learned(reader, options, tmp_path)
    train._save(model, script, tmp_path / "script.h5")
    theirs = model_file.read(tmp_path / "script.h5")[1]

    assert all(np.allclose(weights[name], theirs[name], atol=1e-4) for name in weights)
    assert script.postprocess == platform.postprocess
    dice = [spec.metrics["validation"][0]["dice"] for spec in (platform, script)]
    assert dice[0] == pytest.approx(dice[1], abs=0.003)
