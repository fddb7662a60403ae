"""Rows of the permission table about the sign-off."""

from __future__ import annotations

from typing import Any

from tests.permissions.table import CLINICIAN, Row, case, members, own, series
from tests.permissions.world import World


def approval(world: World) -> dict[str, Any]:
    return {"verdict": "approved", "annotation": str(world.mask.pk)}


REVIEW = [
    Row("GET", "api:reviews", members(200), series),
    Row("POST", "api:reviews", members(201, CLINICIAN), series, approval),
    Row("POST", "api:case-open", members(204, CLINICIAN), case),
    Row("GET", "api:queue-next", own(200, CLINICIAN)),
]
