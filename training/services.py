"""Writes of this app."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from accounts.access import Capability, require_anywhere
from spineml import model_file
from spineplatform.shared import audit, storage
from spineplatform.shared.errors import Conflict
from training.models import SPINE_CT, ModelVersion, Promotion, PromotionKind, VersionStatus

REGISTER_LOCK = "LOCK TABLE training_modelversion IN SHARE ROW EXCLUSIVE MODE"


class VersionRetired(Conflict):
    """This version is retired. Choose a candidate."""

    code = "version-retired"


def version_register(*, path: Path, actor: Any = None, notes: str = "", activate: bool = False) -> ModelVersion:
    """Check the HDF5 file at ``path`` without executing anything, keep a copy, and number it. Idempotent by hash.

    Raises:
        ModelFileRejected: with what is wrong with the file.
    """
    if actor is not None:
        require_anywhere(actor, Capability.MANAGE_MODELS)
    spec = model_file.inspect(path)
    sha256 = model_file.sha256_of(path)
    with storage.work_folder("model") as folder, storage.stored_or_removed() as stored, transaction.atomic():
        versions_lock()
        version = ModelVersion.objects.filter(task=spec.task, sha256=sha256).first()
        if version is None:
            copy = folder / "model.h5"
            shutil.copyfile(path, copy)
            name = storage.store(copy, storage.unique_name("models", ".h5"))
            stored.append(name)
            version = ModelVersion.objects.create(
                task=spec.task,
                number=_next_number(spec.task),
                file=name,
                size=path.stat().st_size,
                sha256=sha256,
                spec=spec.as_json(),
                parent=ModelVersion.objects.filter(task=spec.task, sha256=spec.parent_sha256 or "").first(),
                notes=notes,
                created_by=actor,
            )
            audit.record(actor=actor, action="model.registered", object_id=version.pk, number=version.number)
        if activate:
            version_activate(version=version, actor=actor)
    return version


def versions_lock() -> None:
    """Number and activate one version at a time, until the transaction ends; reading goes on."""
    with connection.cursor() as cursor:
        cursor.execute(REGISTER_LOCK)


def _next_number(task: str) -> int:
    newest = ModelVersion.objects.filter(task=task).order_by("-number").first()
    return newest.number + 1 if newest else 1


def version_activate(
    *, version: ModelVersion, actor: Any = None, kind: str = "", gate: dict[str, Any] | None = None, reason: str = ""
) -> Promotion | None:
    """The bare switch: make this the version that segments and record the promotion, or None when it is already.

    People go through `training.services_promotions`, which asks the gate and says ``kind``. Without one it is whoever
    runs the server: the first version, or an override.

    Raises:
        VersionRetired: it must not be used any more.
    """
    if actor is not None:
        require_anywhere(actor, Capability.MANAGE_MODELS)
    with transaction.atomic():
        versions_lock()
        version.refresh_from_db()
        if version.status == VersionStatus.RETIRED:
            raise VersionRetired
        if version.status == VersionStatus.ACTIVE:
            return None
        previous = ModelVersion.objects.filter(task=version.task, status=VersionStatus.ACTIVE).first()
        if previous is not None:
            previous.status = VersionStatus.CANDIDATE
            previous.save(update_fields=["status"])
        version.status = VersionStatus.ACTIVE
        version.save(update_fields=["status"])
        if not kind:
            kind = PromotionKind.OVERRIDE if previous else PromotionKind.FIRST
            reason = reason or "By whoever runs the server."
        audit.record(actor=actor, action="model.activated", object_id=version.pk, number=version.number, kind=str(kind))
        return Promotion.objects.create(
            version=version, previous=previous, kind=kind, gate=gate, reason=reason, decided_by=actor
        )


def default_version_ensure(*, folder: Path) -> ModelVersion:
    """Register the newest shipped default model; activate it when no version is active yet."""
    path = max(folder.glob(f"{SPINE_CT}-v*.h5"))
    first = not ModelVersion.objects.filter(task=SPINE_CT, status=VersionStatus.ACTIVE).exists()
    return version_register(path=path, notes="Shipped default model", activate=first)
