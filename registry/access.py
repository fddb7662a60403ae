"""The door to model versions and to tasks. Each belongs to an institution or to the platform."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from accounts.access import Capability, Id, institutions_with, require, require_anywhere, row_found
from registry.models import ModelVersion, Task
from registry.selectors import as_seen_by, versions_seen
from registry.structures import tasks_seen
from spineml.message import message
from spineplatform.shared.errors import Forbidden, UserError


def version_get(user: Any, version_id: Id, capability: Capability = Capability.VIEW_MODELS) -> ModelVersion:
    """Fetch a version of the user's institutions, of the platform, or one that is shared with them, as they see it.

    Raises:
        NotFound: no such version, or another institution's.
        Forbidden: no role of the user includes ``capability``.
    """
    found = row_found(versions_seen(user), version_id)
    if capability is not Capability.VIEW_MODELS:
        require_anywhere(user, capability)
    return as_seen_by(user, [found])[0]


def version_get_kept(user: Any, version_id: Id) -> ModelVersion:
    """Fetch a version to write about it, which only its owner may (see `version_kept_by`)."""
    version = version_get(user, version_id)
    version_kept_by(user, version)
    return version


def version_kept_by(user: Any, version: ModelVersion) -> None:
    """Raise Forbidden unless the user manages models at the version's institution, or runs the platform for its own."""
    if version.owner_id is None:
        if not user.is_superuser:
            raise Forbidden(message("This version belongs to the platform. Ask a platform operator to change it."))
        return
    if not institutions_with(user, Capability.MANAGE_MODELS).filter(pk=version.owner_id).exists():
        if institutions_with(user, Capability.VIEW_MODELS).filter(pk=version.owner_id).exists():
            require(user, version.owner_id, Capability.MANAGE_MODELS)
        raise Forbidden(message("Only the institution that made this version may do this."))


def may_keep(user: Any, version: ModelVersion) -> bool:
    """Whether the user may write about the version, share it and delete it."""
    try:
        version_kept_by(user, version)
    except Forbidden:
        return False
    return True


def version_get_file(user: Any, version_id: Id) -> ModelVersion:
    """Fetch a version whose file the user may have: one of their institution, or of the platform; not a shared one."""
    version = version_get(user, version_id, Capability.MANAGE_MODELS)
    if version.owner_id is not None:
        version_kept_by(user, version)
    return version


def platform_required(user: Any) -> None:
    """Raise Forbidden unless the user runs the platform."""
    if not (user.is_active and user.is_superuser):
        raise Forbidden(message("Only a platform operator may do this."))


# --- tasks ------------------------------------------------------------------------------------------------------------
def tasks_viewed(user: Any) -> QuerySet[Task]:
    """The tasks that the user may see.

    Raises:
        Forbidden: the user has no role anywhere, and does not run the platform.
    """
    if not user.is_superuser:
        require_anywhere(user, Capability.VIEW_CASES)
    return tasks_seen(user).select_related("owner")


def task_view(user: Any, slug: str) -> Task:
    """Fetch a task of the user's institutions or of the platform.

    Raises:
        NotFound: no such task, or another institution's.
        Forbidden: see `tasks_viewed`.
    """
    return row_found(tasks_viewed(user), slug)


def task_kept_by(user: Any, task: Task) -> None:
    """Raise Forbidden unless the user manages models at the institution of the task, or runs the platform."""
    if task.owner_id is not None:
        require(user, task.owner_id, Capability.MANAGE_MODELS)
    elif not (user.is_active and user.is_superuser):
        raise Forbidden(
            message(
                "“{task}” belongs to the platform. Copy it and change the copy, or ask a platform operator.",
                task=task.name,
            )
        )


def may_keep_task(user: Any, task: Task) -> bool:
    """Whether the user may change and delete the task."""
    try:
        task_kept_by(user, task)
    except UserError:
        return False
    return True
