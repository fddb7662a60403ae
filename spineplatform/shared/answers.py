"""Errors as answers: the API's one shape (RFC 9457), or a page. Also where neither database nor session can be had."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from spineml.errors import SpineError
from spineplatform.shared.errors import UserError, describe
from spineplatform.shared.failures import retry_after
from spineplatform.shared.words import said

PROBLEM_JSON = "application/problem+json"
API_PREFIX = "/api/"


def problem_body(*, status: int, code: str, detail: str) -> dict[str, Any]:
    """A problem of the type "about:blank" has the status' own phrase as its title (RFC 9457, 4.2.1)."""
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "code": code, "detail": said(detail)}


def plain_problem(status: int, code: str, detail: str) -> JsonResponse:
    body = problem_body(status=status, code=code, detail=detail)
    return JsonResponse(body, status=status, content_type=PROBLEM_JSON)


def error_answer(request: HttpRequest, error: UserError | SpineError) -> HttpResponse:
    """The error as a page, or below /api/ in the API's one shape; one of ours needs neither database nor session."""
    code, message = describe(error)
    status = error.status if isinstance(error, UserError) else 400
    if request.path.startswith(API_PREFIX):
        response: HttpResponse = plain_problem(status, code, message)
    else:
        is_simple = status >= HTTPStatus.INTERNAL_SERVER_ERROR or not hasattr(request, "user")
        template = "unavailable.html" if is_simple else "error.html"
        context = {"status": status, "code": code, "message": message}
        response = HttpResponse(render_to_string(template, context, None if is_simple else request), status=status)
    if after := retry_after(error):
        response["Retry-After"] = after
    return response
