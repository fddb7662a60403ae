"""What every page knows about what its reader was told."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from cases.comments.selectors import unread_count


def notices(request: HttpRequest) -> dict[str, Any]:
    """``unread_notices``: how many the person has not read, counted when it is used."""
    return {"unread_notices": SimpleLazyObject(lambda: _unread(request))}


def _unread(request: HttpRequest) -> int:
    user = getattr(request, "user", None)
    return unread_count(user) if user is not None and user.is_authenticated else 0
