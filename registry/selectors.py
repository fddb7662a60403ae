"""Reads that span model versions: who may see and use which, and which one segments where."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import Case, F, Q, QuerySet, When
from django.utils.translation import gettext as _

from accounts.access import Capability, institutions_with, require_anywhere
from accounts.models import Institution
from registry.models import SPINE_CT, ActiveVersion, DefaultTask, ModelVersion, VersionShare
from spineml.message import message
from spineplatform.shared.errors import Conflict

Places = Iterable[uuid.UUID] | QuerySet[Institution]


class NoActiveModel(Conflict):
    """No model version is active. Ask a model admin to promote one."""

    code = "no-active-model"

    @classmethod
    def of_task(cls, task: str) -> NoActiveModel:
        """Said of a task (its slug) other than the spine by its name."""
        if task == SPINE_CT:
            return cls()
        return cls(message("No model version of {task} is active. Ask a model admin to promote one.", task=task))


# --- who may see which ------------------------------------------------------------------------------------------------
def offered_to(places: Places) -> Q:
    """Versions that these institutions may choose: their own, the platform's, and those shared with them."""
    shared = VersionShare.objects.filter(institution__in=places).values("version")
    return Q(owner__isnull=True) | Q(owner__in=places) | Q(pk__in=shared)


def known_to(places: Places) -> Q:
    """The same, and what is active there although it is shared no longer: it goes on until another one is chosen."""
    return offered_to(places) | Q(pk__in=ActiveVersion.objects.filter(institution__in=places).values("version"))


def places_of(user: Any) -> list[uuid.UUID]:
    """The institutions whose versions the user may see."""
    return list(institutions_with(user, Capability.VIEW_MODELS).values_list("pk", flat=True))


def versions_seen(user: Any) -> QuerySet[ModelVersion]:
    """The versions that the user may see, newest first. Whoever runs the platform sees the platform's.

    Raises:
        Forbidden: no role of the user includes it.
    """
    if not user.is_superuser:
        require_anywhere(user, Capability.VIEW_MODELS)
    found = ModelVersion.objects.filter(known_to(places_of(user))).select_related("parent", "created_by", "owner")
    return found.order_by("-created_at", "-id")


def name_for(user: Any, version: ModelVersion) -> str:
    """Without its owner where the user has one institution, and the version is that one's; asked for once a request."""
    if not hasattr(user, "places_of_versions"):
        user.places_of_versions = places_of(user)
    places: list[uuid.UUID] = user.places_of_versions
    return version.name_at(places[0] if len(places) == 1 else None)


def as_seen_by(user: Any, versions: Iterable[ModelVersion]) -> list[ModelVersion]:
    """The versions with what depends on who looks: where they are active, and whether they are another institution's.

    Of such a version notes, people, trainings and parents are not shown, nor is a parent of somebody else's.
    """
    found = list(versions)
    names = dict(institutions_with(user, Capability.VIEW_MODELS).values_list("pk", "name"))
    chosen, defaults = _chosen(names)
    parents = {one.parent_id for one in found if one.parent_id}
    known = set(ModelVersion.objects.filter(known_to(names), pk__in=parents).values_list("pk", flat=True))
    for one in found:
        default = defaults.get(one.task_id)
        one.is_default = default == one.pk
        active = [name for pk, name in names.items() if chosen.get((pk, one.task_id), default) == one.pk]
        one.active_at = tuple(sorted(active)) if names or not one.is_default else (_("the platform"),)
        one.is_foreign = one.owner_id is not None and one.owner_id not in names
        one.seen_parent = one.parent if one.parent_id in known and not one.is_foreign else None
    return found


def active_for(user: Any) -> set[uuid.UUID]:
    """The versions that segment at the user's institutions."""
    places = places_of(user)
    chosen, defaults = _chosen(places)
    tasks = {task for _place, task in chosen} | set(defaults)
    found = {chosen.get((place, task), defaults.get(task)) for place in places for task in tasks}
    return {one for one in found if one is not None}


def _chosen(places: Iterable[uuid.UUID]) -> tuple[dict[tuple[uuid.UUID, str], uuid.UUID], dict[str, uuid.UUID]]:
    """The active versions by institution and task, and the platform's default by task."""
    rows = ActiveVersion.objects.filter(institution__in=list(places))
    chosen = {(row.institution_id, row.task_id): row.version_id for row in rows if row.institution_id}
    defaults = ActiveVersion.objects.filter(institution__isnull=True)
    return chosen, {row.task_id: row.version_id for row in defaults}


# --- which one segments -----------------------------------------------------------------------------------------------
def version_active(institution_id: uuid.UUID | None, task: str = SPINE_CT) -> ModelVersion:
    """The version that segments at the institution unless another is named: its choice, or the platform's default.

    Raises:
        NoActiveModel: there is neither.
    """
    rows = ActiveVersion.objects.filter(Q(institution=institution_id) | Q(institution__isnull=True), task=task)
    own_first = rows.select_related("version__owner").order_by(F("institution").asc(nulls_last=True))
    active = own_first.first()
    if active is None:
        raise NoActiveModel.of_task(task)
    return active.version


def version_active_or_none(institution_id: uuid.UUID | None, task: str = SPINE_CT) -> ModelVersion | None:
    try:
        return version_active(institution_id, task)
    except NoActiveModel:
        return None


def versions_active() -> list[ModelVersion]:
    """Every version that segments somewhere, of any task, the platform's defaults first."""
    rows = ActiveVersion.objects.select_related("version")
    found = {row.version_id: row.version for row in rows.order_by(F("institution").asc(nulls_first=True))}
    return list(found.values())


def versions_usable(institution_id: uuid.UUID) -> list[ModelVersion]:
    """The versions that may segment at the institution: those of the spine first, of each task the active one first."""
    active = [version.pk for version in active_by_task(institution_id).values()]
    rows = ModelVersion.objects.filter(known_to([institution_id]), retired=False).select_related("owner", "task")
    spine_first = Case(When(task=SPINE_CT, then=0), default=1)
    active_first = Case(When(pk__in=active, then=0), default=1)
    return list(rows.order_by(spine_first, "task_id", active_first, "-created_at", "-id"))


def active_by_task(institution_id: uuid.UUID) -> dict[str, ModelVersion]:
    """The version that segments at the institution, by the slugs of the tasks that have one; the spine first."""
    rows = ActiveVersion.objects.filter(Q(institution=institution_id) | Q(institution__isnull=True))
    own_last = rows.select_related("version__owner", "task").order_by(F("institution").asc(nulls_first=True))
    found = {row.task_id: row.version for row in own_last}
    return dict(sorted(found.items(), key=lambda one: (one[0] != SPINE_CT, one[0])))


def default_tasks(institution_id: uuid.UUID) -> list[str]:
    """The slugs of the tasks that new series are segmented with; the spine where the institution has not chosen."""
    chosen = DefaultTask.objects.filter(institution=institution_id).values_list("task_id", flat=True)
    return list(chosen) or [SPINE_CT]


def is_usable(version: ModelVersion, institution_id: uuid.UUID) -> bool:
    """True when the version may be used at the institution, retired or not."""
    return ModelVersion.objects.filter(known_to([institution_id]), pk=version.pk).exists()
