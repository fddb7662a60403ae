"""Writes of this app."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from accounts.access import Capability, require_anywhere
from spineml import model_file
from spineml.errors import ModelFileRejected
from spineml.message import message
from spineml.model_file import ModelSpec
from spineml.preprocess import Preprocess
from spineplatform.shared import audit, isolated, storage
from spineplatform.shared.errors import Conflict
from spineplatform.shared.models import AuditEvent
from training.models import SPINE_CT, ModelVersion, Promotion, PromotionKind, VersionStatus

REGISTER_LOCK = "LOCK TABLE training_modelversion IN SHARE ROW EXCLUSIVE MODE"


class VersionRetired(Conflict):
    """This version is retired. Choose a candidate."""

    code = "version-retired"


def version_register(
    *, path: Path, actor: Any = None, notes: str = "", activate: bool = False, preprocess: Preprocess | None = None
) -> ModelVersion:
    """Check the HDF5 file at ``path`` without executing anything, keep a copy, and number it. Idempotent by hash.

    A file that Keras 2 wrote is made into one of this platform; ``preprocess`` says how its images were prepared.

    Raises:
        ModelFileRejected: with what is wrong with the file.
    """
    if actor is not None:
        require_anywhere(actor, Capability.MANAGE_MODELS)
    with (
        judged(path, preprocess) as (ours, judgement),
        storage.stored_or_removed() as stored,
        transaction.atomic(),
    ):
        version = version_record(path=ours, stored=stored, made_by=actor, notes=notes, judgement=judgement)
        if activate:
            version_activate(version=version, actor=actor)
    return version


@dataclass(frozen=True)
class Judgement:
    """What a reader found in a model file."""

    spec: ModelSpec
    sha256: str


@contextmanager
def judged(path: Path, preprocess: Preprocess | None = None) -> Iterator[tuple[Path, Judgement]]:
    """Have a file judged outside of this process (ADR 13), and a foreign one translated.

    Yields:
        The file of this platform, which is removed at the end unless it is ``path`` itself, and what is in it.

    Raises:
        ModelFileRejected: with what is wrong with the file.
        Busy: too many files are being read.
    """
    with isolated.request_job() as job:
        if path.stat().st_size > model_file.MAX_FILE_BYTES:
            raise ModelFileRejected(model_file.too_large(path.stat().st_size))
        arguments = {
            "path": job.folder.add(path, copy=True),  # it may be somebody's own file on this machine
            "preprocess": preprocess.as_json() if preprocess else None,
        }
        found = isolated.read_refusing(job, "model", arguments, ModelFileRejected)
        ours = job.folder.take(found["made"]) if found["made"] else path
        yield ours, Judgement(ModelSpec.from_json(found["spec"]), found["sha256"])


def version_record(
    *, path: Path, stored: list[str], made_by: Any, notes: str = "", judgement: Judgement | None = None
) -> ModelVersion:
    """The version of the file at ``path``, new unless this very file is known; to be called inside a transaction.

    The name of its copy goes into ``stored`` (`spineplatform.shared.storage.stored_or_removed`). A file that this
    process has made itself needs no ``judgement``.

    Raises:
        ModelFileRejected: with what is wrong with the file.
    """
    judgement = judgement or Judgement(model_file.inspect(path), model_file.sha256_of(path))
    spec, sha256 = judgement.spec, judgement.sha256
    versions_lock()
    version = ModelVersion.objects.filter(task=spec.task, sha256=sha256).first()
    if version is not None:
        return version
    with storage.work_folder("model") as folder:
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
        created_by=made_by,
    )
    audit.record(actor=made_by, action="model.registered", object_id=version.pk, number=version.number)
    return version


def versions_lock() -> None:
    """Number and activate one version at a time, until the transaction ends; reading goes on."""
    with connection.cursor() as cursor:
        cursor.execute(REGISTER_LOCK)


def _next_number(task: str) -> int:
    """Never one that was given before, even if that version was deleted; asked for under `versions_lock`."""
    newest = ModelVersion.objects.filter(task=task).aggregate(Max("number"))["number__max"] or 0
    deleted = AuditEvent.objects.filter(action="model.deleted", detail__task=task)
    numbers: list[int] = [newest, *deleted.values_list("detail__number", flat=True)]
    return max(numbers) + 1


def version_activate(
    *, version: ModelVersion, actor: Any = None, kind: str = "", gate: dict[str, Any] | None = None, reason: str = ""
) -> Promotion | None:
    """The bare switch: make this the version that segments and record the promotion, or None when it is already.

    People go through `training.promotions.services`, which asks the gate and says ``kind``. Without one it is whoever
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
            reason = reason or message("By whoever runs the server.")
        audit.record(actor=actor, action="model.activated", object_id=version.pk, number=version.number, kind=str(kind))
        return Promotion.objects.create(
            version=version, previous=previous, kind=kind, gate=gate, reason=reason, decided_by=actor
        )


def default_version_ensure(*, folder: Path) -> ModelVersion:
    """Register the newest shipped default model; activate it when no version is active yet."""
    path = max(folder.glob(f"{SPINE_CT}-v*.h5"))
    first = not ModelVersion.objects.filter(task=SPINE_CT, status=VersionStatus.ACTIVE).exists()
    return version_register(path=path, notes=f"Shipped default model {path.stem}", activate=first)
