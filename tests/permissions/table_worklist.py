"""Rows of the permission table about the work list: its numbers, saved filters, groups, and who is to read."""

from __future__ import annotations

from typing import Any

from tests.permissions.table import ADMIN, CLINICIAN, Expected, Row, known, members, own, page
from tests.permissions.world import World


def group(world: World) -> dict[str, Any]:
    return {"group_id": world.group.pk}


def new_group(world: World) -> dict[str, Any]:
    return {"institution": str(world.home.pk), "name": "Residents", "members": [world.people[CLINICIAN].pk]}


def changed(world: World) -> dict[str, Any]:
    return {"name": "Residents", "members": []}


def saved(world: World) -> dict[str, Any]:
    return {"filter_id": world.saved_filter.pk}


def only_the_clinician(status: int) -> Expected:
    """A filter is its owner's; to everybody else it is not there."""
    return {**known(404), CLINICIAN: status}


WORKLIST = [
    Row("GET", "api:case-counts", known(200)),
    Row("GET", "api:groups", own(200, CLINICIAN, ADMIN)),
    Row("POST", "api:groups", members(201, CLINICIAN, ADMIN), data=new_group),
    Row("PUT", "api:group", members(200, CLINICIAN, ADMIN), group, changed),
    Row("DELETE", "api:group", members(204, CLINICIAN, ADMIN), group),
    Row("GET", "api:filters", known(200)),
    Row("POST", "api:filters", known(201), data=lambda world: {"name": "Mine", "query": "assigned=me"}),
    Row("DELETE", "api:filter", only_the_clinician(204), saved),
    Row("POST", "worklist:filter", page(known(302)), form=True),
    Row("POST", "worklist:filter_remove", page(only_the_clinician(302)), saved),
    Row("POST", "worklist:assign_many", page(own(302, CLINICIAN, ADMIN)), form=True),
    Row("GET", "worklist:groups", page(own(200, CLINICIAN, ADMIN))),
    Row("POST", "worklist:groups", page(members(302, CLINICIAN, ADMIN)), data=new_group, form=True),
    Row("POST", "worklist:group", page(members(302, CLINICIAN, ADMIN)), group, changed, form=True),
    Row("POST", "worklist:group_remove", page(members(302, CLINICIAN, ADMIN)), group),
]
