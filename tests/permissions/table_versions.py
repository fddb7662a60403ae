"""Rows of the permission table about the registry of versions. They belong to the platform: a stranger with the role is
no stranger here, except to cases."""

from __future__ import annotations

from typing import Any

from tests.permissions.table import MODEL_ADMIN, Row, case, known, members, no_model, own, page, version
from tests.permissions.world import World


def unused(world: World) -> dict[str, Any]:
    return {"version_id": world.unused_version.pk}


def both(world: World) -> dict[str, Any]:
    return {"version": [str(world.version.pk), str(world.candidate.pk)]}


API_ROWS = [
    Row("PATCH", "api:model", own(200, MODEL_ADMIN), version, lambda world: {"notes": "Seen."}),
    Row("DELETE", "api:model", own(204, MODEL_ADMIN), unused),
    Row("POST", "api:model-retire", own(200, MODEL_ADMIN), version),
    Row("POST", "api:model-restore", own(200, MODEL_ADMIN), version),
    Row("GET", "api:model-masks", known(200), version),
    Row("GET", "api:case-versions", members(200), case),
]

PAGE_ROWS = [
    Row("GET", "training:version", page(known(200)), version),
    Row("POST", "training:version_import", page(own(400, MODEL_ADMIN)), data=no_model, form=True),
    Row("GET", "training:versions_compare", page(known(200)), data=both),
    Row("POST", "training:version_notes", page(own(302, MODEL_ADMIN)), version, form=True),
    Row("POST", "training:version_retire", page(own(302, MODEL_ADMIN)), version),
    Row("POST", "training:version_restore", page(own(302, MODEL_ADMIN)), version),
    Row("POST", "training:version_delete", page(own(302, MODEL_ADMIN)), unused),
    Row("GET", "training:case_versions", page(members(200)), case),
    Row("GET", "inference:version_masks", page(known(200)), version),
]
