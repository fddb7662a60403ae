"""Rows of the permission table about the sign-off."""

from __future__ import annotations

from typing import Any

from tests.permissions.table import (
    ADMIN,
    ANNOTATOR,
    CLINICIAN,
    Row,
    case,
    known,
    mask,
    members,
    own,
    page,
    series,
)
from tests.permissions.world import World


def approval(world: World) -> dict[str, Any]:
    return {"verdict": "approved", "annotation": str(world.mask.pk)}


def mask_page(world: World) -> dict[str, Any]:
    return {"annotation_id": world.mask.pk}


def to_clinician(world: World) -> dict[str, Any]:
    return {"cases": [str(world.case.pk)], "assignee": world.people[CLINICIAN].pk, "due_on": "2999-01-31"}


REVIEW = [
    Row("GET", "api:reviews", members(200), series),
    Row("POST", "api:reviews", members(201, CLINICIAN), series, approval),
    Row("GET", "api:history", members(200), series),
    Row("GET", "api:mask-check", members(200), mask),
    # 409: let through, and told that nothing is suspected of the mask.
    Row("POST", "api:mask-confirm", members(409, CLINICIAN, ANNOTATOR), mask),
    Row("POST", "cases:mask_confirm", page(members(302, CLINICIAN, ANNOTATOR)), mask_page, form=True),
    Row("GET", "viewer:history", page(members(200)), series),
    Row("POST", "api:case-open", members(204, CLINICIAN), case),
    Row("GET", "api:queue-next", own(200, CLINICIAN)),
    Row("PUT", "api:assignments", members(204, CLINICIAN, ADMIN), data=to_clinician),
    Row("GET", "api:assignees", members(200, CLINICIAN, ADMIN), case),
    Row("GET", "worklist:next", page(own(302, CLINICIAN))),
    Row("GET", "api:comments", members(200), series),
    Row("POST", "api:comments", members(201), series, lambda world: {"text": "Seen."}),
    Row("GET", "api:notices", known(200)),
    Row("POST", "api:notices-read", known(200)),
    Row("GET", "worklist:notices", page(known(200))),
    Row("POST", "worklist:notices", page(known(302))),
    Row("GET", "worklist:comments", page(members(200)), series),
    Row("POST", "worklist:comment", page(members(302)), series),
    Row("POST", "worklist:assign", page(members(302, CLINICIAN, ADMIN)), case),
]
