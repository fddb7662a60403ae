"""Rows of the permission table about the registry of versions: those of the home hospital, seen by its people."""

from __future__ import annotations

from typing import Any

from tests.permissions.table import MODEL_ADMIN, Row, case, known, members, no_model, own, page, version
from tests.permissions.world import World


def unused(world: World) -> dict[str, Any]:
    return {"version_id": world.unused_version.pk}


def both(world: World) -> dict[str, Any]:
    return {"version": [str(world.version.pk), str(world.candidate.pk)]}


def shipped(world: World) -> dict[str, Any]:
    return {"version_id": world.version.pk}


def shared(world: World) -> dict[str, Any]:
    return {"version_id": world.shared_version.pk}


def share(world: World) -> dict[str, Any]:
    return {**shared(world), "institution_id": world.shared_version.shares.get().institution_id}


def their_name(world: World) -> dict[str, Any]:
    return {"institution": world.elsewhere.name}


def new_default(world: World) -> dict[str, Any]:
    return {"version": str(world.version.pk), "reason": "It is better."}


API_ROWS = [
    Row("PATCH", "api:model", members(200, MODEL_ADMIN), version, lambda world: {"notes": "Seen."}),
    Row("DELETE", "api:model", members(204, MODEL_ADMIN), unused),
    Row("POST", "api:model-retire", members(200, MODEL_ADMIN), version),
    Row("POST", "api:model-restore", members(200, MODEL_ADMIN), version),
    Row("GET", "api:model-masks", members(200), version),
    Row("GET", "api:model-shares", members(200, MODEL_ADMIN), shared),
    Row("POST", "api:model-shares", members(200, MODEL_ADMIN), version, their_name),
    Row("DELETE", "api:model-share", members(204, MODEL_ADMIN), share),
    Row("GET", "api:case-versions", members(200), case),
    # The platform's: everybody uses it, nobody but whoever runs the platform changes it.
    Row("GET", "api:model", known(200), shipped),
    Row("GET", "api:model-download", own(200, MODEL_ADMIN), shipped),
    Row("PATCH", "api:model", known(403), shipped, lambda world: {"notes": "Seen."}),
    Row("DELETE", "api:model", known(403), shipped),
    Row("POST", "api:model-retire", known(403), shipped),
    Row("POST", "api:model-restore", known(403), shipped),
    Row("GET", "api:model-shares", known(403), shipped),
    Row("POST", "api:model-shares", known(403), shipped, their_name),
    Row("GET", "api:model-default", known(200)),
    Row("POST", "api:model-default", known(403), data=new_default),
]

PAGE_ROWS = [
    Row("GET", "training:version", page(members(200)), version),
    Row("GET", "training:version", page(known(200)), shipped),
    Row("POST", "training:version_import", page(own(400, MODEL_ADMIN)), data=no_model, form=True),
    Row("GET", "training:versions_compare", page(members(200)), data=both),
    Row("POST", "training:version_notes", page(members(302, MODEL_ADMIN)), version, form=True),
    Row("POST", "training:version_notes", page(known(403)), shipped, form=True),
    Row("POST", "training:version_retire", page(members(302, MODEL_ADMIN)), version),
    Row("POST", "training:version_restore", page(members(302, MODEL_ADMIN)), version),
    Row("POST", "training:version_delete", page(members(302, MODEL_ADMIN)), unused),
    Row("POST", "training:version_share", page(members(302, MODEL_ADMIN)), version, their_name, form=True),
    Row("POST", "training:version_unshare", page(members(302, MODEL_ADMIN)), share),
    Row("GET", "training:default", page(known(403))),
    Row("POST", "training:default", page(known(403)), data=new_default, form=True),
    Row("GET", "training:case_versions", page(members(200)), case),
    Row("GET", "inference:version_masks", page(members(200)), version),
]
