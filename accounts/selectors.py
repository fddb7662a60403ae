"""Reads that span models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone
from knox.models import AuthToken

from accounts.access import ROLE_CAN, Capability, institutions_with
from accounts.models import Institution, Membership, Role, User


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


def users_managed(viewer: Any) -> QuerySet[User]:
    """The same people as accounts, with only those memberships that ``viewer`` manages."""
    managed = institutions_with(viewer, Capability.MANAGE_PEOPLE)
    memberships = Membership.objects.filter(institution__in=managed).select_related("institution")
    return User.objects.filter(pk__in=memberships.values("user")).prefetch_related(
        Prefetch("memberships", queryset=memberships)
    )


def tokens_working(user: Any) -> QuerySet[AuthToken]:
    """The API tokens of the person that have not expired, newest first."""
    unexpired = Q(expiry=None) | Q(expiry__gt=timezone.now())
    tokens: QuerySet[AuthToken] = AuthToken.objects.filter(unexpired, user=user)
    return tokens.order_by("-created", "pk")


@dataclass(frozen=True)
class Standing:
    """What one person is and may do in one institution."""

    institution: Institution
    roles: list[Role]

    @property
    def capabilities(self) -> list[str]:
        return sorted({capability.name.lower() for role in self.roles for capability in ROLE_CAN[role]})


def standings(user: User) -> list[Standing]:
    """By institution name."""
    by_institution: dict[Institution, list[Role]] = {}
    for membership in user.memberships.select_related("institution").order_by("institution__name", "role"):
        by_institution.setdefault(membership.institution, []).append(Role(membership.role))
    return [Standing(institution, roles) for institution, roles in by_institution.items()]
