"""Who sends a request, found out by its token or session before its body is read.

Django asks again by its own means once it works on the request: this only keeps strangers from filling the disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie
from rest_framework.exceptions import AuthenticationFailed

from accounts.models import Membership
from spineplatform.shared.incoming import TokenAuthentication, is_storable
from spineplatform.shared.pools import in_pool


@dataclass(frozen=True)
class Identity:
    """``names`` counts what the person and their institutions have on its way."""

    user: int
    names: tuple[str, ...]


async def identify(scope: dict[str, Any]) -> Identity | None:
    """Whoever sent the request, or None for nobody who is known."""
    headers = dict(scope["headers"])
    return await in_pool(_identified, headers.get(b"authorization", b""), headers.get(b"cookie", b""))


def _identified(authorization: bytes, cookie: bytes) -> Identity | None:
    user = _by_token(authorization.split()) if authorization else _by_session(cookie.decode("latin-1"))
    if user is None or not user.is_active:
        return None
    homes = Membership.objects.filter(user=user).values_list("institution", flat=True).distinct()
    return Identity(user.pk, (f"person:{user.pk}", *(f"institution:{home}" for home in homes)))


def _by_token(parts: list[bytes]) -> Any:
    if len(parts) != 2 or parts[0].lower() != b"token":
        return None
    try:
        user, _ = TokenAuthentication().authenticate_credentials(parts[1])
    except AuthenticationFailed:
        return None
    return user


def _by_session(cookie: str) -> Any:
    _, user = session_and_user(parse_cookie(cookie).get(settings.SESSION_COOKIE_NAME, ""))
    return user if user.is_authenticated else None


def session_and_user(key: str) -> tuple[Any, Any]:
    """The session of that key and whose it is; nobody's where there is none such."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    request = HttpRequest()
    request.session = store(key if is_storable(key) else None)
    return request.session, get_user(request)
