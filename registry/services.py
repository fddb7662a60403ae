"""Writes of this app."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.access import Capability, require, resolve_institution
from accounts.models import Institution
from registry.models import (
    SPINE_CT,
    ActiveVersion,
    DefaultTask,
    ModelVersion,
    Promotion,
    PromotionKind,
    Task,
    VersionCounter,
)
from registry.selectors import default_tasks, version_active_or_none
from registry.structures import UnknownTask, task_get, tasks_usable
from spineml.checksum import sha256_of
from spineml.errors import ModelFileRejected
from spineml.masks.labels import LISTED_VALUES
from spineml.message import message
from spineml.model import model_file
from spineml.model.model_file import ModelSpec
from spineml.model.preprocess import Preprocess
from spineml.model.probe import probe
from spineml.tasks import shipped
from spineml.tasks import task as definitions
from spineplatform.shared import audit, isolated, storage
from spineplatform.shared.errors import Conflict

REGISTER_LOCK = "LOCK TABLE training_modelversion IN SHARE ROW EXCLUSIVE MODE"


class VersionRetired(Conflict):
    """This version is retired. Choose a candidate."""

    code = "version-retired"


@dataclass(frozen=True)
class Origin:
    """Whose a new version is (None: the platform's), who brought it, and what people should know about it.

    ``number`` is the one it should have, such as that of a shipped file; a number that was given before is not.
    """

    owner: Institution | None = None
    made_by: Any = None
    notes: str = ""
    number: int | None = None


@dataclass(frozen=True)
class Foreign:
    """What a file of Keras 2 does not say: how its images were prepared, and for which task (slug) it was trained."""

    preprocess: Preprocess | None = None
    task: str = SPINE_CT


def version_register(
    *,
    path: Path,
    actor: Any = None,
    institution: Institution | None = None,
    notes: str = "",
    activate: bool = False,
    foreign: Foreign = Foreign(),
) -> ModelVersion:
    """Check the HDF5 file at ``path`` without executing anything, keep a copy, and number it. Idempotent by hash.

    It belongs to ``institution``, or to the only one where ``actor`` manages models; without an actor to the platform,
    and ``activate`` makes it the platform's default. A file that Keras 2 wrote is made into one of this platform;
    ``foreign`` says what such a file does not.

    Raises:
        ModelFileRejected: with what is wrong with the file.
        UnknownTask: the institution has no such task.
        InstitutionNeeded, Forbidden, NotFound: ``actor`` may not register versions there.
    """
    if actor is not None:
        chosen = institution.pk if institution else None
        institution = resolve_institution(actor, chosen, Capability.MANAGE_MODELS)
    return _register(path, Origin(institution, actor, notes), activate=activate, foreign=foreign)


def _register(path: Path, origin: Origin, *, activate: bool, foreign: Foreign = Foreign()) -> ModelVersion:
    task = _task_named(foreign.task, origin.owner).definition
    with (
        judged(path, foreign.preprocess, task) as (ours, judgement),
        storage.stored_or_removed() as stored,
        transaction.atomic(),
    ):
        version = version_record(path=ours, stored=stored, origin=origin, judgement=judgement)
        if activate:
            version_activate(version=version, institution=origin.owner, actor=origin.made_by)
    return version


@dataclass(frozen=True)
class Judgement:
    """What a reader found in a model file."""

    spec: ModelSpec
    sha256: str
    flaw: str

    @classmethod
    def of_own(cls, path: Path) -> Judgement:
        """Of a file that this process has made itself."""
        spec, weights = model_file.read(path)
        return cls(spec, sha256_of(path), probe(spec, weights).value)


@contextmanager
def judged(
    path: Path, preprocess: Preprocess | None = None, task: definitions.Task = shipped.SPINE_CT
) -> Iterator[tuple[Path, Judgement]]:
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
            "task": task.to_json(),
        }
        found = isolated.read_refusing(job, "model", arguments, ModelFileRejected)
        ours = job.folder.take(found["made"]) if found["made"] else path
        yield ours, Judgement(ModelSpec.from_json(found["spec"]), found["sha256"], found["flaw"])


def version_record(
    *, path: Path, stored: list[str], origin: Origin, judgement: Judgement | None = None
) -> ModelVersion:
    """The version of the file at ``path``, new unless its owner or the platform has this very file; to be called inside
    a transaction.

    The name of its copy goes into ``stored`` (`spineplatform.shared.storage.stored_or_removed`). A file that this
    process has made itself needs no ``judgement``.

    Raises:
        ModelFileRejected: with what is wrong with the file.
    """
    judgement = judgement or Judgement.of_own(path)
    spec, sha256 = judgement.spec, judgement.sha256
    _check_task(spec, origin.owner)
    versions_lock()
    version = _known_file(spec.task, sha256, origin.owner)
    if version is not None:
        return version
    with storage.work_folder("model") as folder:
        copy = folder / "model.h5"
        shutil.copyfile(path, copy)
        name = storage.store(copy, storage.unique_name("models", ".h5"))
    stored.append(name)
    version = ModelVersion.objects.create(
        task_id=spec.task,
        owner=origin.owner,
        number=_next_number(spec.task, origin),
        file=name,
        size=path.stat().st_size,
        sha256=sha256,
        spec=spec.as_json(),
        flaw=judgement.flaw,
        parent=_known_file(spec.task, spec.parent_sha256 or "", origin.owner),
        notes=origin.notes,
        created_by=origin.made_by,
    )
    audit.record(
        actor=origin.made_by,
        action="model.registered",
        object_id=version.pk,
        institution_id=version.owner_id,
        number=version.number,
    )
    return version


def _tasks_of(owner: Institution | None) -> QuerySet[Task]:
    return tasks_usable(owner.pk) if owner else Task.objects.filter(owner__isnull=True).prefetch_related("labels")


def _task_named(slug: str, owner: Institution | None) -> Task:
    task = _tasks_of(owner).filter(pk=slug).first()
    if task is None:
        raise UnknownTask(message("There is no task “{task}” here.", task=slug))
    return task


def _check_task(spec: ModelSpec, owner: Institution | None) -> None:
    """Raise ModelFileRejected unless the model is for a task that its owner has, and marks labels of it."""
    task = _tasks_of(owner).filter(pk=spec.task).first()
    if task is None:
        raise ModelFileRejected(
            message(
                "The model is for the task “{task}”, which does not exist here. Make the task first, or choose another "
                "model.",
                task=spec.task,
            )
        )
    unknown = sorted(set(spec.values[1:]) - task.values)
    if unknown:
        raise ModelFileRejected(
            message(
                "The model marks the values {values}, which are no labels of the task {task}.",
                values=", ".join(str(value) for value in unknown[:LISTED_VALUES]),
                task=task.name,
            )
        )


def _known_file(task: str, sha256: str, owner: Institution | None) -> ModelVersion | None:
    """The owner's or the platform's version of a file, the owner's own first; nobody is told what others have."""
    ours = ModelVersion.objects.filter(Q(owner=owner) | Q(owner__isnull=True), task=task, sha256=sha256)
    return ours.order_by("owner").first()


def versions_lock() -> None:
    """Number and activate one version at a time, until the transaction ends; reading goes on."""
    with connection.cursor() as cursor:
        cursor.execute(REGISTER_LOCK)


def _next_number(task: str, origin: Origin) -> int:
    """Never one that this owner gave before, even if that version was deleted; asked for under `versions_lock`."""
    counter, _ = VersionCounter.objects.get_or_create(owner=origin.owner, task_id=task)
    counter.last = max(counter.last + 1, origin.number or 0)
    counter.save(update_fields=["last"])
    return counter.last


def version_activate(
    *,
    version: ModelVersion,
    institution: Institution | None,
    actor: Any = None,
    kind: str = "",
    gate: dict[str, Any] | None = None,
    reason: str = "",
) -> Promotion | None:
    """The bare switch: make this the version that segments at ``institution``, or the platform's default without one,
    and record the promotion; None when it is already.

    People go through `training.promotions.services`, which asks the gate and says ``kind``. Without one it is whoever
    runs the server: the first version, or an override.

    Raises:
        VersionRetired: it must not be used any more.
    """
    if actor is not None and institution is not None:
        require(actor, institution.pk, Capability.MANAGE_MODELS)
    with transaction.atomic():
        versions_lock()
        version.refresh_from_db()
        if version.retired:
            raise VersionRetired
        place = institution.pk if institution else None
        previous = version_active_or_none(place, version.task_id)
        if previous == version:
            return None
        ActiveVersion.objects.update_or_create(
            institution=institution, task=version.task, defaults={"version": version, "since": timezone.now()}
        )
        if not kind:
            kind = PromotionKind.OVERRIDE if previous else PromotionKind.FIRST
            reason = reason or message("By the server operator.")
        audit.record(
            actor=actor,
            action="model.activated",
            object_id=version.pk,
            institution_id=place,
            number=version.number,
            kind=str(kind),
        )
        return Promotion.objects.create(
            institution=institution,
            version=version,
            previous=previous,
            kind=kind,
            gate=gate,
            reason=reason,
            decided_by=actor,
        )


def default_tasks_set(*, institution: Institution, actor: Any, tasks: Sequence[str]) -> list[str]:
    """Choose the tasks (slugs) that new series of the institution are segmented with; none: the spine.

    Raises:
        UnknownTask: there is no such task there.
        Forbidden, NotFound: ``actor`` may not manage models there.
    """
    require(actor, institution.pk, Capability.MANAGE_MODELS)
    chosen = [task_get(institution.pk, slug) for slug in dict.fromkeys(tasks)]
    with transaction.atomic():
        Institution.objects.select_for_update(no_key=True).get(pk=institution.pk)
        DefaultTask.objects.filter(institution=institution).delete()
        DefaultTask.objects.bulk_create(DefaultTask(institution=institution, task=task) for task in chosen)
        audit.record(
            actor=actor,
            action="institution.default_tasks",
            object_id=institution.pk,
            institution_id=institution.pk,
            tasks=[task.slug for task in chosen],
        )
    return default_tasks(institution.pk)


def default_version_ensure(*, folder: Path) -> ModelVersion:
    """Register the newest shipped model as the platform's, by the number of its file; make it the default when there is
    none yet.
    """
    path = max(folder.glob(f"{SPINE_CT}-v*.h5"), key=_shipped_number)
    first = not ActiveVersion.objects.filter(institution__isnull=True, task=SPINE_CT).exists()
    origin = Origin(notes=f"Shipped default model {path.stem}", number=_shipped_number(path))
    return _register(path, origin, activate=first)


def _shipped_number(path: Path) -> int:
    """3 of ``spine-ct-v3.h5``."""
    found = re.search(r"-v(\d{1,6})$", path.stem)
    return int(found[1]) if found else 0
