"""How much one request may carry.

Django keeps the whole body of every request on disk before it looks at it, whoever sends it and wherever to: so the
limit stands in front of Django.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

from spineplatform.shared.answers import plain_problem
from spineplatform.shared.api import FORM_BYTES, too_large
from spineplatform.websockets import header

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
GONE = {"type": "http.disconnect"}


class BodyLimit:
    """Refuses a body larger than any upload may be: by its announced size, or else while it arrives."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        limit = settings.UPLOAD_MAX_BYTES + FORM_BYTES
        announced = header(scope, b"content-length")
        if announced.isdigit() and int(announced) > limit:
            await refuse(limit, send)
            return
        arrived = 0

        async def counted() -> dict[str, Any]:
            nonlocal arrived
            message: dict[str, Any] = await receive()
            arrived += len(message.get("body", b""))
            return message if arrived <= limit else GONE  # Django drops what it has and answers nothing

        await self.application(scope, counted, send)
        if arrived > limit:
            await refuse(limit, send)


async def refuse(limit: int, send: Any) -> None:
    error = too_large(limit)
    response = plain_problem(error.status, error.code, error.message)
    headers = [(name.lower().encode(), value.encode()) for name, value in response.items()]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.content})
