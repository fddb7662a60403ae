"""How pages answer: the user's errors as pages, and large files without holding them in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.core.handlers.asgi import ASGIRequest
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django_htmx.http import HttpResponseClientRefresh

from spineplatform.shared.answers import FORM_BYTES, error_answer
from spineplatform.shared.errors import UserError
from spineplatform.shared.failures import as_user_error
from spineplatform.shared.messages import sentence
from spineplatform.shared.runs import RUN_ACTIONS, Run

BLOCK = 1 << 18
V = TypeVar("V", bound=Callable[..., Any])


class UserErrorMiddleware:
    """Turns what a person can mend, a lost storage or a lost database, which a page let through, into an answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        known = as_user_error(error)
        return None if known is None else error_answer(request, known)


class WholePageMiddleware:
    """Where htmx asked for a part of a page and the session has ended, loads the whole page, which then logs in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.htmx and isinstance(response, HttpResponseRedirect):  # type: ignore[attr-defined]
            return HttpResponseClientRefresh()
        return response


def receives_files(max_bytes: Callable[[], int]) -> Callable[[V], V]:
    """Marks a page whose POST takes files of ``max_bytes`` together, from people who are logged in."""

    def mark(view: V) -> V:
        view.body_limit = lambda: max_bytes() + FORM_BYTES  # type: ignore[attr-defined]
        return view

    return mark


def run_action(request: HttpRequest, run: Run, action: str) -> None:
    """Do what the button says ("cancel" or "retry"); when it is too late for that, the next page says so."""
    try:
        RUN_ACTIONS[action](run=run, actor=request.user)
    except UserError as error:
        messages.error(request, sentence(error.message))


def file_download(request: HttpRequest, path: Path, *, name: str, content_type: str) -> HttpResponseBase:
    """Send ``path`` in blocks as an attachment. It is opened here, so a temporary file may be removed on return."""
    file = path.open("rb")
    size = path.stat().st_size
    if not isinstance(request, ASGIRequest):
        return FileResponse(file, as_attachment=True, filename=name, content_type=content_type)

    async def blocks() -> AsyncIterator[bytes]:
        try:
            while block := await sync_to_async(file.read, thread_sensitive=False)(BLOCK):
                yield block
        finally:
            file.close()

    response = StreamingHttpResponse(blocks(), content_type=content_type)
    response["Content-Length"] = str(size)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
