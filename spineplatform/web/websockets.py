"""Every WebSocket of the platform, and which pages may open one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import URLRouter
from django.conf import settings
from django.http import parse_cookie
from django.http.request import validate_host
from django.urls import path, re_path

from cases.consumers import AgreementRunConsumer, ImportRunConsumer, NoticeConsumer, PresenceConsumer, WorkListConsumer
from inference.consumers import ComparisonRunConsumer, InferenceRunConsumer, ReportRunConsumer
from spineplatform.shared.errors import Unavailable
from spineplatform.shared.failures import as_user_error
from spineplatform.shared.pools import in_pool
from spineplatform.web.requester import session_and_user
from spineplatform.web.scopes import header
from training.consumers import DatasetRunConsumer, EvaluationRunConsumer, TrainingRunConsumer

websocket_urlpatterns = [
    path("ws/runs/import/<uuid:run_id>/", ImportRunConsumer.as_asgi()),
    path("ws/runs/agreement/<uuid:run_id>/", AgreementRunConsumer.as_asgi()),
    path("ws/runs/inference/<uuid:run_id>/", InferenceRunConsumer.as_asgi()),
    path("ws/runs/comparison/<uuid:run_id>/", ComparisonRunConsumer.as_asgi()),
    path("ws/runs/report/<uuid:run_id>/", ReportRunConsumer.as_asgi()),
    path("ws/runs/dataset/<uuid:run_id>/", DatasetRunConsumer.as_asgi()),
    path("ws/runs/evaluation/<uuid:run_id>/", EvaluationRunConsumer.as_asgi()),
    path("ws/runs/training/<uuid:run_id>/", TrainingRunConsumer.as_asgi()),
    path("ws/notices/", NoticeConsumer.as_asgi()),
    path("ws/cases/<uuid:case_id>/presence/", PresenceConsumer.as_asgi()),
    path("ws/institutions/<uuid:institution_id>/cases/", WorkListConsumer.as_asgi()),
]

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


class Refused(AsyncWebsocketConsumer):
    """Closes before the handshake: the browser sees HTTP 403."""

    async def connect(self) -> None:
        await self.close()


class Known:
    """Says in the scope whose session opens the WebSocket; where nobody can be asked, the handshake fails with 503."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        cookies = parse_cookie(header(scope, b"cookie"))
        try:
            session, user = await in_pool(session_and_user, cookies.get(settings.SESSION_COOKIE_NAME, ""))
        except Exception as error:
            if not isinstance(known := as_user_error(error), Unavailable):
                raise
            await deny(scope, known, send)
            return
        await self.application({**scope, "cookies": cookies, "session": session, "user": user}, receive, send)


async def deny(scope: dict[str, Any], error: Unavailable, send: Any) -> None:
    """Answer the handshake with the status, where the server can, else as one that is not allowed (403)."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    headers = [(b"retry-after", str(error.retry_after).encode()), (b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "websocket.http.response.start", "status": error.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": error.message.encode()})


class SameOrigin:
    """Lets a page open a WebSocket only to the very host and port it came from, or from a trusted origin.

    A browser sends cookies with every WebSocket, whoever's page opens it; the Origin header is what tells them apart
    (RFC 6455, 10.2). Programs other than browsers may send no Origin; they have no cookies of anybody else.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        allowed = is_allowed(header(scope, b"origin"), header(scope, b"host"))
        await (self.application if allowed else Refused.as_asgi())(scope, receive, send)


def is_allowed(origin: str, host: str) -> bool:
    """True for no Origin, a trusted one, or one whose host and port are the request's own valid host."""
    if not origin or origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    parts = urlsplit(origin)
    known = validate_host(urlsplit(f"//{host}").hostname or "", settings.ALLOWED_HOSTS)
    return known and parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


# The router raises at an address that leads nowhere: uvicorn would answer 500.
websockets = SameOrigin(Known(URLRouter([*websocket_urlpatterns, re_path("", Refused.as_asgi())])))
