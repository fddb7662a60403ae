"""Reads that span model versions."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, QuerySet, When

from accounts.access import Capability, require_anywhere
from spineplatform.shared.errors import Conflict
from training.models import SPINE_CT, ModelVersion, VersionStatus


class NoActiveModel(Conflict):
    """No model version is active. Ask a model admin to promote one."""

    code = "no-active-model"


def versions_seen(user: Any) -> QuerySet[ModelVersion]:
    """All versions, newest first, for whoever may see models."""
    require_anywhere(user, Capability.VIEW_MODELS)
    return ModelVersion.objects.select_related("parent", "created_by").order_by("-created_at", "-id")


def version_active(task: str = SPINE_CT) -> ModelVersion:
    """The version that segments unless another is named.

    Raises:
        NoActiveModel: none is active.
    """
    active = ModelVersion.objects.filter(task=task, status=VersionStatus.ACTIVE).first()
    if active is None:
        raise NoActiveModel
    return active


def versions_usable(task: str = SPINE_CT) -> QuerySet[ModelVersion]:
    """The versions that may segment, the active one first."""
    rank = Case(When(status=VersionStatus.ACTIVE, then=0), default=1)
    return ModelVersion.objects.filter(task=task).exclude(status=VersionStatus.RETIRED).order_by(rank, "-number")
