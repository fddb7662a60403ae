"""The doors of trainings, by REST and as pages."""

from __future__ import annotations

from typing import Any

from tests.permissions.table import MODEL_ADMIN, Row, known, members, own, page, run
from tests.permissions.world import World


def to_train(world: World) -> dict[str, Any]:
    return {"dataset": str(world.learned_from.pk)}


def training(world: World) -> dict[str, Any]:
    return {"run_id": world.training.pk}


def waiting(world: World) -> dict[str, Any]:
    return {"run_id": world.waiting_training.pk}


def failed(world: World) -> dict[str, Any]:
    return {"run_id": world.failed_training.pk}


def sample(world: World) -> dict[str, Any]:
    return {**training(world), "sample_id": world.sample.pk}


TRAINING = [
    Row("GET", "api:trainings", known(200)),
    Row("POST", "api:trainings", members(202, MODEL_ADMIN), data=to_train),
    Row("GET", "api:training-defaults", members(200, MODEL_ADMIN), data=to_train),
    Row("GET", "api:training", members(200), training),
    Row("POST", "api:training-cancel", members(202, MODEL_ADMIN), waiting),
    Row("POST", "api:training-keep", members(202, MODEL_ADMIN), failed),
    Row("GET", "api:training-sample", members(200), sample),
    Row("GET", "api:run", members(200), run("training", "training")),
    Row("POST", "api:run-cancel", members(200, MODEL_ADMIN), run("training", "waiting_training")),
    Row("POST", "api:run-retry", members(200, MODEL_ADMIN), run("training", "failed_training")),
    Row("GET", "training:trainings", page(known(200))),
    Row("GET", "training:training_new", page(own(200, MODEL_ADMIN))),
    Row("POST", "training:training_new", page(members(200, MODEL_ADMIN)), data=to_train, form=True),
    Row("GET", "training:training", page(members(200)), training),
    Row("POST", "training:training_cancel", page(members(302, MODEL_ADMIN)), waiting),
    Row("POST", "training:training_keep", page(members(302, MODEL_ADMIN)), failed),
    Row("POST", "training:training_retry", page(members(302, MODEL_ADMIN)), failed),
    Row("GET", "training:training_sample", page(members(200)), sample),
]
