"""Errors as answers: the API's one shape (RFC 9457), or a page. Also where neither database nor session can be had."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from spineml.errors import SpineError
from spineml.message import Message, dump, shortened
from spineplatform.shared.errors import UserError, describe
from spineplatform.shared.failures import retry_after
from spineplatform.shared.messages import sentence

PROBLEM_JSON = "application/problem+json"
API_PREFIX = "/api/"
# What a form adds to its files: names, paths, boundaries.
FORM_BYTES = 16 * 1024**2
# What Django and DRF say may repeat what was sent.
LONGEST = 500


def problem_body(*, status: int, code: str, detail: str) -> dict[str, Any]:
    """A problem of the type "about:blank" has the status' own phrase as its title (RFC 9457, 4.2.1).

    Where the detail is a message, ``values`` has what fills its gaps, and ``messages`` each of several sentences.
    """
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "code": code, "detail": sentence(detail)}
    if not isinstance(detail, Message):
        return {**body, "detail": shortened(detail, LONGEST)}
    several = detail.sentences
    more = {"messages": [spelled_out(one) for one in several]} if len(several) > 1 else {}
    return {**body, "values": dump(detail.values), **more}


def spelled_out(told: Message) -> dict[str, Any]:
    """A message as REST gives it: the sentence, and what it is made of."""
    return {"message": sentence(told), **told.to_json()}


def plain_problem(status: int, code: str, detail: str) -> JsonResponse:
    body = problem_body(status=status, code=code, detail=detail)
    return JsonResponse(body, status=status, content_type=PROBLEM_JSON)


def error_answer(request: HttpRequest, error: UserError | SpineError) -> HttpResponse:
    """The error as a page, or below /api/ in the API's one shape; one of ours needs neither database nor session."""
    status, code, message = facts(error)
    is_bare = status >= HTTPStatus.INTERNAL_SERVER_ERROR or not hasattr(request, "user")
    if is_bare or request.path.startswith(API_PREFIX):
        return bare_answer(request.path, error)
    context = {"status": status, "code": code, "message": message}
    return after_a_while(HttpResponse(render_to_string("error.html", context, request), status=status), error)


def bare_answer(path: str, error: UserError | SpineError, *, wants_page: bool = True) -> HttpResponse:
    """The same for nobody in particular: without a session, a database, or even a request."""
    status, code, message = facts(error)
    if path.startswith(API_PREFIX) or not wants_page:
        response: HttpResponse = plain_problem(status, code, message)
    else:
        response = HttpResponse(
            render_to_string("unavailable.html", {"status": status, "message": message}), status=status
        )
    return after_a_while(response, error)


def after_a_while(response: HttpResponse, error: object) -> HttpResponse:
    """Say when to try again, where that is known."""
    if after := retry_after(error):
        response["Retry-After"] = after
    return response


def facts(error: UserError | SpineError) -> tuple[int, str, str]:
    """Status, code and sentence."""
    code, message = describe(error)
    return (error.status if isinstance(error, UserError) else 400), code, message
