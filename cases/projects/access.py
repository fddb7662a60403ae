"""The doors to reading projects. Whoever sees an institution's cases sees its projects; parts in them are checked."""

from __future__ import annotations

from typing import Any

from accounts.access import Capability, Id, row_get
from cases.models import AgreementRun, ReadingItem, ReadingProject
from cases.models.projects import ProjectRole
from spineml.message import message
from spineplatform.shared.errors import Forbidden

ONLY = {
    ProjectRole.READER: message("Only this project's readers may do this. They are listed on its page."),
    ProjectRole.ADJUDICATOR: message("Only this project's adjudicators may do this. They are listed on its page."),
}


def project_get(user: Any, project_id: Id, capability: Capability = Capability.VIEW_CASES) -> ReadingProject:
    return row_get(ReadingProject.objects.select_related("institution"), user, project_id, capability)


def item_get(user: Any, item_id: Id, capability: Capability = Capability.VIEW_CASES) -> ReadingItem:
    rows = ReadingItem.objects.select_related(
        "project", "series__case__patient", "decision__annotation", "decision__decided_by"
    )
    return row_get(rows, user, item_id, capability)


def agreement_run_get(user: Any, run_id: Id, capability: Capability = Capability.VIEW_CASES) -> AgreementRun:
    return row_get(AgreementRun.objects.select_related("item"), user, run_id, capability)


def has_part(user: Any, project: ReadingProject, role: ProjectRole) -> bool:
    return project.members.taking_part().filter(user=user.pk, role=role).exists()


def require_part(user: Any, project: ReadingProject, role: ProjectRole) -> None:
    """Raise unless ``user`` has this part in the project.

    Raises:
        Forbidden: somebody else has.
    """
    if not has_part(user, project, role):
        raise Forbidden(ONLY[role])
