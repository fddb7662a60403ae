"""Which role may do what, and the door to the rows of this app."""

from __future__ import annotations

import enum
import uuid
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from accounts.models import Institution, Role, User
from spineml.message import message
from spineplatform.shared.errors import Forbidden, NotFound, UserError

Id = uuid.UUID | str
M = TypeVar("M", bound=Any)


class Capability(enum.Enum):
    """A right inside one institution."""

    VIEW_CASES = message("see cases, masks and results")
    UPLOAD_CT = message("upload CT")
    SEGMENT = message("start a segmentation")
    UPLOAD_MASK = message("upload masks")
    CORRECT_MASK = message("correct masks and measure")
    REVIEW = message("approve and reject masks")
    ASSIGN = message("assign cases")
    LEAD = message("see the statistics of every reader")
    MANAGE_PROJECTS = message("run reading projects")
    VIEW_MODELS = message("see the model versions")
    MANAGE_MODELS = message("download and manage model versions")
    MANAGE_PEOPLE = message("create accounts and give roles")


C = Capability
ROLE_CAN: dict[Role, frozenset[Capability]] = {
    Role.CLINICIAN: frozenset(
        {C.VIEW_CASES, C.UPLOAD_CT, C.SEGMENT, C.CORRECT_MASK, C.REVIEW, C.ASSIGN, C.VIEW_MODELS}
    ),
    Role.ANNOTATOR: frozenset({C.VIEW_CASES, C.UPLOAD_CT, C.SEGMENT, C.UPLOAD_MASK, C.CORRECT_MASK, C.VIEW_MODELS}),
    Role.MODEL_ADMIN: frozenset(
        {
            C.VIEW_CASES,
            C.UPLOAD_CT,
            C.UPLOAD_MASK,
            C.SEGMENT,
            C.LEAD,
            C.MANAGE_PROJECTS,
            C.VIEW_MODELS,
            C.MANAGE_MODELS,
        }
    ),
    Role.INSTITUTION_ADMIN: frozenset(
        {C.VIEW_CASES, C.LEAD, C.ASSIGN, C.MANAGE_PROJECTS, C.VIEW_MODELS, C.MANAGE_PEOPLE}
    ),
}


def roles_with(capability: Capability) -> list[Role]:
    return [role for role, can in ROLE_CAN.items() if capability in can]


def institutions_with(user: Any, capability: Capability) -> QuerySet[Institution]:
    """The institutions in which ``user`` has ``capability``."""
    if not user.is_authenticated or not user.is_active:
        return Institution.objects.none()
    # Asked of the database, for a WebSocket holds its user for hours.
    mine = Q(memberships__user=user, memberships__user__is_active=True, memberships__role__in=roles_with(capability))
    return Institution.objects.filter(mine).distinct()


def has_capability(user: Any, institution_id: uuid.UUID, capability: Capability) -> bool:
    return institutions_with(user, capability).filter(pk=institution_id).exists()


def require(user: Any, institution_id: uuid.UUID, capability: Capability) -> None:
    """Raise unless ``user`` has ``capability`` there.

    Raises:
        NotFound: the user is no member at all, and is not told that the institution exists.
        Forbidden: a member whose roles do not include it.
    """
    if has_capability(user, institution_id, capability):
        return
    if not has_capability(user, institution_id, Capability.VIEW_CASES):
        raise NotFound
    raise _not_in_role(capability)


def _not_in_role(capability: Capability) -> Forbidden:
    return Forbidden(
        message(
            "Your role does not allow you to {action}. Ask your institution's administrator.", action=capability.value
        )
    )


def require_anywhere(user: Any, capability: Capability) -> None:
    """Raise Forbidden unless ``user`` has ``capability`` in at least one institution."""
    if not institutions_with(user, capability).exists():
        raise _not_in_role(capability)


def row_found(rows: QuerySet[M], row_id: Id) -> M:
    """The row of that id. Rights are not looked at: ``rows`` are those that may be seen, or the caller asks.

    Raises:
        NotFound: there is none, or it is no id at all.
    """
    try:
        return rows.get(pk=row_id)
    except (rows.model.DoesNotExist, ValidationError, ValueError):
        raise NotFound from None


def row_get(rows: QuerySet[M], user: Any, row_id: Id, capability: Capability) -> M:
    """Fetch the row of that id and check ``capability`` at its institution.

    Raises:
        NotFound: no such row, or not this user's to see.
        Forbidden: the user sees it, but may not do this with it.
    """
    row = row_found(rows, row_id)
    require(user, row.institution_id, capability)
    return row


def institution_get(user: Any, institution_id: Id, capability: Capability) -> Institution:
    """The door to an institution."""
    institution = row_found(Institution.objects.all(), institution_id)
    require(user, institution.pk, capability)
    return institution


class InstitutionNeeded(UserError):
    """You have this right at several institutions. Give the id of one."""

    code = "institution-needed"


def resolve_institution(user: Any, institution_id: uuid.UUID | None, capability: Capability) -> Institution:
    """The named institution, or without a name the only one in which the user has ``capability``.

    Raises:
        InstitutionNeeded: there are several.
        Forbidden, NotFound: there is none, or the named one is not this user's.
    """
    if institution_id is not None:
        return institution_get(user, institution_id, capability)
    institutions = list(institutions_with(user, capability)[:2])
    if not institutions:
        raise _not_in_role(capability)
    if len(institutions) > 1:
        raise InstitutionNeeded
    return institutions[0]


def member_get(institution: Institution, user_id: int) -> User:
    """The door to a person, through an institution that was reached by ``institution_get``."""
    person = institution.people.filter(pk=user_id).first()
    if person is None:
        raise NotFound
    return person


def person_get(user: Any, user_id: int) -> User:
    """The door to an account: somebody who has or had a role at an institution whose people ``user`` manages."""
    require_anywhere(user, Capability.MANAGE_PEOPLE)
    managed = institutions_with(user, Capability.MANAGE_PEOPLE)
    person = User.objects.filter(pk=user_id, institutions__in=managed).first()
    if person is None:
        raise NotFound
    return person
