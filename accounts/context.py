"""What every page knows about the person who looks at it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.access import ROLE_CAN, Capability
from accounts.models import Role


def memberships(request: HttpRequest) -> dict[str, Any]:
    """``person.institutions`` (names) and ``person.can`` (capability name in lower case to bool), read when used;
    ``shared_computers``: whether logging out clears all that the browser keeps.
    """
    return {"person": SimpleLazyObject(lambda: _person(request)), "shared_computers": settings.SHARED_COMPUTERS}


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
