"""What every page knows about the person who looks at it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.access import ROLE_CAN, Capability
from accounts.models import Role


def memberships(request: HttpRequest) -> dict[str, Any]:
    """``person.institutions`` (names) and ``person.can`` (capability name in lower case to bool), read when used."""
    return {"person": SimpleLazyObject(lambda: _person(request))}


def _person(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"institutions": [], "can": {}}
    held = list(user.memberships.select_related("institution"))
    rights = frozenset().union(*(ROLE_CAN[Role(membership.role)] for membership in held)) if held else frozenset()
    return {
        "institutions": sorted({membership.institution.name for membership in held}),
        "can": {capability.name.lower(): capability in rights for capability in Capability},
    }
