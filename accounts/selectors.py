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
    """Somebody as the people page shows them; without ``roles`` when the last one there was taken away."""

    user: User
    institution: Institution
    roles: list[Role]


def people(viewer: Any) -> list[Person]:
    """Everybody in the institutions whose people ``viewer`` manages, by institution and name, deactivated ones last."""
    found: list[Person] = []
    for institution in institutions_with(viewer, Capability.MANAGE_PEOPLE):
        roles: dict[int, list[Role]] = {}
        for membership in institution.memberships.order_by("role"):
            roles.setdefault(membership.user_id, []).append(Role(membership.role))
        listed = institution.people.order_by("-is_active", "username")
        found += [Person(user, institution, roles.get(user.pk, [])) for user in listed]
    return found


def users_managed(viewer: Any) -> QuerySet[User]:
    """The same people as accounts, with only those institutions and memberships that ``viewer`` manages."""
    managed = institutions_with(viewer, Capability.MANAGE_PEOPLE)
    memberships = Membership.objects.filter(institution__in=managed).select_related("institution")
    belonging = User.institutions.through.objects.filter(institution__in=managed)
    return User.objects.filter(pk__in=belonging.values("user")).prefetch_related(
        Prefetch("institutions", queryset=managed), Prefetch("memberships", queryset=memberships)
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
