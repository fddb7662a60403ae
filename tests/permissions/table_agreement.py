"""Rows of reading projects. The annotator reads, the clinician adjudicates; the admins set projects up."""

from __future__ import annotations

from typing import Any

from tests.permissions.table import ADMIN, ANNOTATOR, CLINICIAN, MODEL_ADMIN, Row, members, own, page, run
from tests.permissions.world import World


def project(world: World) -> dict[str, Any]:
    return {"project_id": world.project.pk}


def waiting(world: World) -> dict[str, Any]:
    return {"item_id": world.waiting_item.pk}


def read(world: World) -> dict[str, Any]:
    return {"item_id": world.read_item.pk}


def settled(world: World) -> dict[str, Any]:
    return {"item_id": world.settled_item.pk}


def new_project(world: World) -> dict[str, Any]:
    readers = [world.people["annotator"].pk, world.second_reader.pk]
    return {
        "name": "Asked for by the table",
        "institution": str(world.home.pk),
        "readers": readers,
        "adjudicators": [world.people["clinician"].pk],
        "margin": 0.02,
    }


def more_series(world: World) -> dict[str, Any]:
    return {"series": [str(world.series.pk)]}


def model_mask(world: World) -> dict[str, Any]:
    return {"mask": str(world.waiting_item.series.annotations.get(source="model").pk)}


def read_mask(world: World) -> dict[str, Any]:
    return {"mask": str(world.read_item.readings.first().annotation_id)}


def majority(world: World) -> dict[str, Any]:
    return {"method": "majority"}


def why(world: World) -> dict[str, Any]:
    return {"reason": "The mask was of another series."}


API_ROWS = [
    Row("GET", "api:projects", own(200)),
    Row("POST", "api:projects", members(201, MODEL_ADMIN, ADMIN), data=new_project),
    Row("GET", "api:project", members(200), project),
    Row("PATCH", "api:project", members(200, MODEL_ADMIN, ADMIN), project, lambda world: {"name": "By another name"}),
    Row("POST", "api:project-series", members(201, MODEL_ADMIN, ADMIN), project, more_series),
    Row("GET", "api:reading-item", members(200), waiting),
    Row("DELETE", "api:reading-item", members(204, MODEL_ADMIN, ADMIN), waiting),
    Row("POST", "api:reading-finish", members(200, ANNOTATOR), waiting, model_mask),
    Row("POST", "api:reading-figures", members(202, ANNOTATOR, CLINICIAN), read),
    Row("POST", "api:reading-proposals", members(202, CLINICIAN), read, majority),
    Row("POST", "api:reading-decision", members(201, CLINICIAN), read, read_mask),
    Row("POST", "api:reading-reopening", members(200, CLINICIAN), settled, why),
    Row("GET", "api:run", members(200), run("agreement", "agreement_run")),
    Row("POST", "api:run-cancel", members(200, ANNOTATOR, CLINICIAN), run("agreement", "agreement_run")),
]
PAGE_ROWS = [
    Row("GET", "projects:projects", page(own(200))),
    # 400: let through; somebody else's institution is none that can be chosen.
    Row(
        "POST",
        "projects:projects",
        page({**own(302, MODEL_ADMIN, ADMIN), "stranger": 400}),
        data=new_project,
        form=True,
    ),
    Row("GET", "projects:project", page(members(200)), project),
    Row("GET", "projects:change", page(members(200, MODEL_ADMIN, ADMIN)), project),
    Row("POST", "projects:change", page(members(302, MODEL_ADMIN, ADMIN)), project, new_project, form=True),
    Row("POST", "projects:add_series", page(members(302, MODEL_ADMIN, ADMIN)), project, more_series, form=True),
    Row("GET", "projects:variation", page(members(200)), project),
    Row("GET", "projects:item", page(members(200)), read),
    Row("POST", "projects:finish", page(members(302, ANNOTATOR)), waiting, model_mask, form=True),
    Row("POST", "projects:figures", page(members(302, ANNOTATOR, CLINICIAN)), read),
    Row("POST", "projects:propose", page(members(302, CLINICIAN)), read, majority, form=True),
    Row("POST", "projects:decide", page(members(302, CLINICIAN)), read, read_mask, form=True),
    Row("POST", "projects:reopen", page(members(302, CLINICIAN)), settled, why, form=True),
    Row("POST", "projects:remove", page(members(302, MODEL_ADMIN, ADMIN)), waiting),
]
