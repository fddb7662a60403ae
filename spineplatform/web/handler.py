"""The way of a request through the web process: its body, a lane, Django, and what is answered where it stops early."""

from __future__ import annotations

import logging
from typing import Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils import translation

from spineplatform.health import Health
from spineplatform.shared.answers import bare_answer
from spineplatform.shared.errors import UserError
from spineplatform.shared.failures import NotUnderstood, as_user_error
from spineplatform.shared.messages import language_of
from spineplatform.web.admission import Admission, Lane, SenderGone
from spineplatform.web.bodies import Arrived, LogInFirst, arrive
from spineplatform.web.scopes import wants_page

log = logging.getLogger(__name__)


class PlatformHandler(ASGIHandler):
    """Django's own, except that a body is read under our rules, and that a whole request runs in one lane.

    Middleware and views are synchronous and are called as such, in one go: neither is a request handed back and forth
    between threads, nor does any of it run in a thread, and with a connection, that nobody counts.
    """

    def __init__(self, admission: Admission | None = None) -> None:
        self.admission = admission or Admission(
            lanes=settings.WEB_THREADS, waiting=settings.WEB_QUEUE, seconds=settings.WEB_WAIT_SECONDS
        )
        self.health = Health()
        self.load_middleware(is_async=False)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        answer = await self.health.answer(scope["method"], scope["path"])
        if answer is not None:
            await send_whole(answer, send)
            return
        try:
            with await arrive(scope, receive) as arrived:
                lane = await self.admission.enter(arrived.gone)
                await self._in_lane(lane, scope, arrived, send)
        except SenderGone:
            return
        except Exception as error:
            known = as_user_error(error)
            if not isinstance(known, UserError):
                raise
            await answer_early(scope, known, send)

    async def _in_lane(self, lane: Lane, scope: dict[str, Any], arrived: Arrived, send: Any) -> None:
        """The lane is free for others once there is an answer: sending it may take as long as it takes."""
        leave = [lane]

        async def sent(said: Any) -> None:
            if leave:
                self.admission.leave(leave.pop())
            await send(said)

        try:
            async with ThreadSensitiveContext(executor=lane):
                await self.handle(scope, arrived, sent)
        finally:
            if leave:
                self.admission.leave(leave.pop())

    async def read_body(self, receive: Any) -> Any:
        return receive.file

    def create_request(self, scope: Any, body_file: Any) -> Any:
        """What Django cannot even make a request of is refused in our one shape."""
        try:
            request, _ = super().create_request(scope, body_file)
        except ValueError:
            request = None
        if request is None:
            return None, bare_answer(scope["path"], NotUnderstood(), wants_page=wants_page(scope))
        return request, None

    async def run_get_response(self, request: HttpRequest) -> Any:
        response: Any = await sync_to_async(self.get_response)(request)
        response._handler_class = type(self)
        if hasattr(response, "block_size"):
            response.block_size = self.chunk_size
        return response


async def answer_early(scope: dict[str, Any], error: UserError, send: Any) -> None:
    """Before Django saw anything of the request; what is still on its way is not read, so the connection ends."""
    log.info("request_refused status=%s code=%s", error.status, error.code)
    with translation.override(language_of(scope)):
        response = early_answer(scope, error)
    response["Connection"] = "close"
    await send_whole(response, send)


async def send_whole(response: HttpResponse, send: Any) -> None:
    """An answer that Django's middleware has no part in."""
    response["Content-Length"] = str(len(response.content))
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.items()]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.content})


def early_answer(scope: dict[str, Any], error: UserError) -> HttpResponse:
    if isinstance(error, LogInFirst) and wants_page(scope):
        return HttpResponseRedirect(resolve_url(settings.LOGIN_URL))
    response = bare_answer(scope["path"], error, wants_page=wants_page(scope))
    if isinstance(error, LogInFirst):
        response["WWW-Authenticate"] = str(settings.REST_KNOX["AUTH_HEADER_PREFIX"])
    return response
