"""Rows of the permission table about data sets and the splits of patients."""

from __future__ import annotations

from typing import Any

from tests.permissions.table import MODEL_ADMIN, Row, known, members, own, page, run
from tests.permissions.world import World


def draft(world: World) -> dict[str, Any]:
    return {"dataset_id": world.draft.pk}


def frozen(world: World) -> dict[str, Any]:
    return {"dataset_id": world.unused_set.pk}


def patient(world: World) -> dict[str, Any]:
    return {"patient_id": world.case.patient_id}


def to_train(world: World) -> dict[str, Any]:
    return {"split": "train", "reason": "Asked for by the table."}


def home(world: World) -> dict[str, Any]:
    return {"institution": str(world.home.pk)}


def new_set(world: World) -> dict[str, Any]:
    return {"name": "Asked for by the table", "institutions": [str(world.home.pk)]}


def take_back(world: World) -> dict[str, Any]:
    return {"decision": "take-back", "masks": [str(world.mask.pk)]}


def drawn(world: World) -> dict[str, Any]:
    return {**home(world), "train": 70, "validation": 15, "test": 15}


def set_run(world: World) -> dict[str, Any]:
    return {"run_id": world.set_run.pk}


API_ROWS = [
    Row("GET", "api:splits", own(200, MODEL_ADMIN)),
    Row("POST", "api:splits-draw", members(200, MODEL_ADMIN), data=home),
    Row("PUT", "api:split", members(200, MODEL_ADMIN), patient, to_train),
    Row("GET", "api:duplicates", own(200, MODEL_ADMIN)),
    Row("GET", "api:datasets", known(200)),
    Row("POST", "api:datasets", members(201, MODEL_ADMIN), data=new_set),
    Row("GET", "api:dataset", members(200), draft),
    Row("DELETE", "api:dataset", members(204, MODEL_ADMIN), frozen),
    Row("GET", "api:dataset-masks", members(200), draft),
    Row("GET", "api:dataset-labels", members(200), draft),
    Row("POST", "api:dataset-splits", members(200, MODEL_ADMIN), draft),
    Row("POST", "api:dataset-check", members(202, MODEL_ADMIN), draft),
    Row("POST", "api:dataset-decide", members(200, MODEL_ADMIN), draft, take_back),
    # 409: let through, and told that patients have no split yet.
    Row("POST", "api:dataset-freeze", members(409, MODEL_ADMIN), draft),
    Row("GET", "api:dataset-download", members(200, MODEL_ADMIN), frozen),
    Row("GET", "api:run", members(200), run("dataset", "set_run")),
    Row("POST", "api:run-cancel", members(200, MODEL_ADMIN), run("dataset", "set_run")),
    Row("POST", "api:run-retry", members(200, MODEL_ADMIN), run("dataset", "failed_set_run")),
]
PAGE_ROWS = [
    Row("GET", "training:datasets", page(known(200))),
    # 400: let through; somebody else's institution is none that can be chosen.
    Row("POST", "training:datasets", page({**own(302, MODEL_ADMIN), "stranger": 400}), data=new_set, form=True),
    Row("GET", "training:dataset", page(members(200)), draft),
    Row("GET", "training:dataset_labels", page(members(200)), draft),
    Row("POST", "training:dataset_check", page(members(302, MODEL_ADMIN)), draft),
    Row("POST", "training:dataset_freeze", page(members(302, MODEL_ADMIN)), draft),
    Row("POST", "training:dataset_draw", page(members(302, MODEL_ADMIN)), draft),
    # 400: let through, and told to choose a finding.
    Row("POST", "training:dataset_decide", page(members(400, MODEL_ADMIN)), draft),
    Row("POST", "training:dataset_delete", page(members(302, MODEL_ADMIN)), frozen),
    Row("GET", "training:dataset_download", page(members(200, MODEL_ADMIN)), frozen),
    Row("POST", "training:dataset_cancel", page(members(302, MODEL_ADMIN)), set_run),
    Row("GET", "training:splits", page(own(200, MODEL_ADMIN))),
    Row("POST", "training:splits_draw", page({**own(302, MODEL_ADMIN), "stranger": 400}), data=drawn, form=True),
    Row("POST", "training:split_set", page(members(302, MODEL_ADMIN)), patient, to_train, form=True),
]
