"""How often something may be tried: log-in, password resets, uploads. Counted in the database, for all web processes.

A limit is counted for whoever is named: an address, a user name, a person. The names themselves are not stored. The
numbers are settings (`settings.LIMITS`, docs/operations.md); beyond them the answer is 429 with Retry-After.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponseBase
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from spineplatform.shared.answers import error_answer
from spineplatform.shared.errors import TooMany

# A row for each name, whose count begins anew when its time is over; the clock is the database's.
COUNT = """
INSERT INTO shared_attempt AS seen (key, begun, number) VALUES (%(key)s, clock_timestamp(), 1)
ON CONFLICT (key) DO UPDATE SET
    (begun, number) = (
        SELECT CASE WHEN is_over THEN clock_timestamp() ELSE seen.begun END,
            CASE WHEN is_over THEN 1 ELSE seen.number + 1 END
        FROM (SELECT clock_timestamp() >= seen.begun + make_interval(secs => %(seconds)s) AS is_over) AS time
    )
RETURNING number, extract(epoch FROM begun + make_interval(secs => %(seconds)s) - clock_timestamp())
"""
# Limits by the name of an address' route: what is counted, and for whom.
BY_ADDRESS, BY_NAME, BY_MAIL, BY_PERSON = "address", "username", "email", "person"
LOG_IN = (("log-in", BY_ADDRESS), ("log-in-name", BY_NAME))
PAGES: dict[str, tuple[tuple[str, str], ...]] = {
    "login": LOG_IN,
    "admin:login": LOG_IN,
    "password_reset": (("reset", BY_ADDRESS), ("reset-mail", BY_MAIL)),
    "password_reset_confirm": (("reset", BY_ADDRESS),),
    "password_change": (("password", BY_PERSON),),
    "cases:upload": (("upload", BY_PERSON), ("upload-address", BY_ADDRESS)),
    "cases:mask_upload": (("upload", BY_PERSON), ("upload-address", BY_ADDRESS)),
    "training:version_import": (("upload", BY_PERSON), ("upload-address", BY_ADDRESS)),
}


def seconds_to_wait(limit: str, who: str) -> int:
    """Count one more try; 0 when it is allowed, else after how many seconds it will be again."""
    most, seconds = settings.LIMITS[limit]
    key = hashlib.sha256(f"{settings.SECRET_KEY}\0{limit}\0{who.lower()}".encode("utf-8", "replace")).hexdigest()
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"key": key, "seconds": seconds})
        number, left = cursor.fetchone()
        if secrets.randbelow(1000) == 0:
            cursor.execute("DELETE FROM shared_attempt WHERE begun < clock_timestamp() - interval '1 day'")
    return max(1, math.ceil(left)) if number > most else 0


def waits(limits: tuple[tuple[str, str], ...], who: Callable[[str], str]) -> int:
    """Count a try against each limit; the longest wait. ``who`` says whom, by the kind of the limit."""
    return max((seconds_to_wait(limit, name) for limit, kind in limits if (name := who(kind))), default=0)


def address_of(request: Any) -> str:
    """Of IPv6 the network of 64 bits: one machine has all of its addresses."""
    host = str(request.META.get("REMOTE_ADDR", ""))
    return str(ip_network((host, 64), strict=False)) if ":" in host else host


def name_at_address(request: Any, name: Any) -> str:
    """A user name as tried from one address: else anybody could lock somebody out by guessing at their name."""
    return f"{str(name)[:300]}\0{address_of(request)}"


class LimitMiddleware:
    """Counts the tries of pages, before they do anything."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        match = request.resolver_match
        limits = PAGES.get(match.view_name if match else "", ())
        if not limits or request.method != "POST":
            return None

        def who(kind: str) -> str:
            if kind == BY_ADDRESS:
                return address_of(request)
            if kind == BY_PERSON:
                return str(request.user.pk or "")
            if kind == BY_NAME:
                return name_at_address(request, request.POST.get(kind, ""))
            return str(request.POST.get(kind, ""))[:300]

        seconds = waits(limits, who)
        return error_answer(request, too_many(seconds)) if seconds else None


def too_many(seconds: int) -> TooMany:
    error = TooMany()
    error.retry_after = seconds
    return error


# --- REST -------------------------------------------------------------------------------------------------------------
class LimitThrottle(BaseThrottle):
    """The same for REST: `DRF` answers in the one shape."""

    limits: tuple[tuple[str, str], ...] = ()
    _seconds = 0

    def allow_request(self, request: Request, view: Any) -> bool:
        self._seconds = waits(self.limits, lambda kind: self.who(request, kind))
        return not self._seconds

    def who(self, request: Request, kind: str) -> str:
        return address_of(request) if kind == BY_ADDRESS else str(request.user.pk or "")

    def wait(self) -> float:
        return self._seconds


class TokenThrottle(LimitThrottle):
    """Of programs that log in, by address; by name they are counted with the page (`accounts.api`)."""

    limits = (("token", BY_ADDRESS),)


class UploadThrottle(LimitThrottle):
    limits = (("upload", BY_PERSON), ("upload-address", BY_ADDRESS))
