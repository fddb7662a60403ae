"""Writes about versions that exist: notes, out of use and back, and gone for good."""

from __future__ import annotations

from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import ProtectedError

from registry.access import version_kept_by
from registry.models import ActiveVersion, ModelVersion
from registry.services import versions_lock
from spineml.message import message
from spineplatform.shared import audit
from spineplatform.shared.errors import Conflict
from training.versions.selectors import dependants


class VersionActive(Conflict):
    """This version is active here or at an institution that it is shared with. Make another one active first."""

    code = "version-active"


class VersionInUse(Conflict):
    """This version is still in use, so it cannot be deleted. Retire it instead."""

    code = "version-in-use"


def version_note(*, version: ModelVersion, actor: Any, notes: str) -> ModelVersion:
    """Write what people should know about the version; the trail keeps what was there before."""
    version_kept_by(actor, version)
    with transaction.atomic():
        locked = _locked(version)
        if locked.notes != notes:
            _record(actor, "noted", locked, before=locked.notes, after=notes)
            locked.notes = notes
            locked.save(update_fields=["notes"])
    return locked


def version_retire(*, version: ModelVersion, actor: Any) -> ModelVersion:
    """Take the version out of use: it segments nothing new, its masks and figures stay. Twice does no harm.

    Raises:
        VersionActive: it is the one that segments, at whichever institution.
    """
    return _switch(version, actor, "retired", retired=True)


def version_restore(*, version: ModelVersion, actor: Any) -> ModelVersion:
    """Make a retired version a candidate again. Others stay as they are."""
    return _switch(version, actor, "restored", retired=False)


def _switch(version: ModelVersion, actor: Any, deed: str, *, retired: bool) -> ModelVersion:
    version_kept_by(actor, version)
    with transaction.atomic():
        versions_lock()
        locked = _locked(version)
        if retired and _is_active(locked):
            raise VersionActive
        if locked.retired != retired:
            locked.retired = retired
            locked.save(update_fields=["retired"])
            _record(actor, deed, locked)
    return locked


def version_delete(*, version: ModelVersion, actor: Any) -> None:
    """Delete a version on which nothing depends, with its file. Its number is never given again.

    Raises:
        VersionActive: it is the one that segments.
        VersionInUse: with what depends on it, in ``depends``.
    """
    version_kept_by(actor, version)
    with transaction.atomic():
        versions_lock()
        locked = _locked(version)
        if _is_active(locked):
            raise VersionActive
        found = dependants(locked)
        if found:
            listed = ", ".join(f"{one.label}: {one.count}" for one in found)
            raise VersionInUse(
                message(
                    "{locked} cannot be deleted because these depend on it: {listed}. Retire it instead.",
                    locked=locked,
                    listed=listed,
                ),
                depends={one.code: one.count for one in found},
            )
        _record(actor, "deleted", locked, task=locked.task_id, sha256=locked.sha256)
        name = str(locked.file)
        try:
            locked.delete()
        except ProtectedError as error:  # began to depend on it at this very moment
            raise VersionInUse from error
        transaction.on_commit(lambda: default_storage.delete(name), robust=True)


def _is_active(version: ModelVersion) -> bool:
    """At whichever institution, or as the platform's default."""
    return ActiveVersion.objects.filter(version=version).exists()


def _locked(version: ModelVersion) -> ModelVersion:
    return ModelVersion.objects.select_for_update().get(pk=version.pk)


def _record(actor: Any, deed: str, version: ModelVersion, **detail: Any) -> None:
    audit.record(
        actor=actor,
        action=f"model.{deed}",
        object_id=version.pk,
        institution_id=version.owner_id,
        number=version.number,
        **detail,
    )
