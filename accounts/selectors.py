"""Reads that span models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from accounts.access import Capability, institutions_with
from accounts.models import Institution, Role, User


@dataclass(frozen=True)
class Person:
    """A member as the people page shows him."""

    user: User
    institution: Institution
    roles: list[Role]


def people(viewer: Any) -> list[Person]:
    """Everybody in the institutions whose people ``viewer`` manages, by institution and name."""
    found: list[Person] = []
    for institution in institutions_with(viewer, Capability.MANAGE_PEOPLE):
        by_user: dict[User, list[Role]] = {}
        for membership in institution.memberships.select_related("user").order_by("user__username", "role"):
            by_user.setdefault(membership.user, []).append(Role(membership.role))
        found += [Person(user, institution, roles) for user, roles in by_user.items()]
    return found
