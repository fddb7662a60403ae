"""The address of the client, which limits and the audit trail go by.

uvicorn takes it from X-Forwarded-For only when the connection comes from a proxy named in ``FORWARDED_ALLOW_IPS``, and
then the last one that no such proxy has added; whatever a client writes there itself counts for nothing. What is no
address after that is one that nobody has, so that all of them share their limits.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any

NOBODYS = "0.0.0.0"  # noqa: S104 - an address to write down, nothing listens there
Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


class ClientAddress:
    """Makes sure that what Django calls REMOTE_ADDR is an address."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        host, port = scope.get("client") or (NOBODYS, 0)
        scope["client"] = (address_or_nobodys(host), port)
        await self.application(scope, receive, send)


def address_or_nobodys(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return NOBODYS
