"""Rows of the permission table about tasks: the home hospital's own, and those of the platform."""

from __future__ import annotations

from typing import Any

from tests.permissions.table import MODEL_ADMIN, Row, known, members, own, page
from tests.permissions.world import World, file


def task(world: World) -> dict[str, Any]:
    return {"slug": world.own_task.pk}


def shipped(world: World) -> dict[str, Any]:
    return {"slug": "vertebrae-ct"}


def new_task(world: World) -> dict[str, Any]:
    return {"slug": "knee-ct", "name": "Knee"}


def new_task_form(world: World) -> dict[str, Any]:
    return {**new_task(world), "owner": str(world.home.pk)}


def renamed(world: World) -> dict[str, Any]:
    return {"name": "Renamed", "revision": 1}


def typed(world: World) -> dict[str, Any]:
    values = {"value": "1", "name": "Knee", "short": "K", "colour": "#ffffff", "code": "", "meaning": "", "side": ""}
    return {"name": "Knee", "revision": "1", **{f"label_{name}": value for name, value in values.items()}}


def spine(world: World) -> dict[str, Any]:
    return {"target": "spine-ct"}


def rule(world: World) -> dict[str, Any]:
    return {**spine(world), "values": {"1": 1}}


def no_rule(world: World) -> dict[str, Any]:
    return {**task(world), **spine(world)}


def shipped_rule(world: World) -> dict[str, Any]:
    return {**shipped(world), **spine(world)}


def labels(world: World) -> dict[str, Any]:
    return {**task(world), "kind": "labels.csv"}


def home(world: World) -> dict[str, Any]:
    return {"institution_id": world.home.pk}


def no_labels(world: World) -> dict[str, Any]:
    return {"slug": "listed-ct", "name": "Listed", "file": file(b"no labels", "labels.txt")}


def default_tasks(world: World) -> dict[str, Any]:
    return {"tasks": ["spine-ct"]}


TASKS = [
    Row("GET", "api:default-tasks", members(200), home),
    Row("PUT", "api:default-tasks", members(200, MODEL_ADMIN), home, default_tasks),
    Row("POST", "training:default_tasks", page(members(302, MODEL_ADMIN)), home, default_tasks, form=True),
    Row("GET", "api:tasks", known(200)),
    Row("POST", "api:tasks", own(201, MODEL_ADMIN), data=new_task),
    Row("POST", "api:task-files", own(400, MODEL_ADMIN), data=no_labels, form=True),
    Row("GET", "api:task", members(200), task),
    Row("GET", "api:task", known(200), shipped),
    Row("PATCH", "api:task", members(200, MODEL_ADMIN), task, renamed),
    Row("PATCH", "api:task", known(403), shipped, renamed),
    Row("DELETE", "api:task", members(204, MODEL_ADMIN), task),
    Row("DELETE", "api:task", known(403), shipped),
    Row("POST", "api:task-rules", members(201, MODEL_ADMIN), task, rule),
    Row("DELETE", "api:task-rule", members(404), no_rule),
    Row("DELETE", "api:task-rule", known(403), shipped_rule),
    Row("GET", "training:tasks", page(known(200))),
    # 400: let through; somebody else's institution is none that can be chosen.
    Row("POST", "training:tasks", page({**own(302, MODEL_ADMIN), "stranger": 400}), data=new_task_form, form=True),
    Row("GET", "training:task", page(members(200)), task),
    Row("GET", "training:task", page(known(200)), shipped),
    Row("GET", "training:task_edit", page(members(200, MODEL_ADMIN)), task),
    Row("POST", "training:task_edit", page(members(302, MODEL_ADMIN)), task, typed, form=True),
    Row("POST", "training:task_edit", page(known(403)), shipped, typed, form=True),
    Row("POST", "training:task_delete", page(members(302, MODEL_ADMIN)), task),
    Row("GET", "training:task_rule", page(members(200)), task, spine),
    # 403 beside the form.
    Row(
        "POST",
        "training:task_rule",
        page(members(302, MODEL_ADMIN)),
        task,
        lambda world: {**spine(world), "becomes_1": "1"},
        form=True,
    ),
    Row("POST", "training:task_rule_delete", page(known(403)), shipped_rule),
    Row("GET", "training:task_labels", page(members(200)), labels),
]
