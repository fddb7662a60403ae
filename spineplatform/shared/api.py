"""What every REST answer shares: one error shape (RFC 9457) and cursor pages."""

from __future__ import annotations

from typing import Any

from rest_framework import exceptions, serializers
from rest_framework.pagination import CursorPagination
from rest_framework.response import Response
from rest_framework.views import exception_handler

from spineml.errors import SpineError
from spineplatform.shared.errors import UserError, describe

PROBLEM_JSON = "application/problem+json"


class NewestFirstPagination(CursorPagination):
    ordering = ("-created_at", "-id")
    page_size = 25
    page_size_query_param = "page_size"
    max_page_size = 200


class ProblemSerializer(serializers.Serializer[dict[str, Any]]):
    """The one error shape, RFC 9457. ``code`` is stable; ``detail`` is for people; ``errors`` names fields."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    errors = serializers.DictField(required=False)


def problem(*, status: int, code: str, detail: str, title: str = "", **extra: Any) -> Response:
    body = {"type": "about:blank", "title": title or code.replace("-", " ").capitalize(), "status": status}
    return Response({**body, "code": code, "detail": detail, **extra}, status=status, content_type=PROBLEM_JSON)


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: the user's errors and DRF's own in one shape."""
    if isinstance(error, UserError | SpineError):
        code, message = describe(error)
        status = error.status if isinstance(error, UserError) else 400
        fields = error.fields if isinstance(error, UserError) else {}
        return problem(status=status, code=code, detail=message, **fields)
    response = exception_handler(error, context)
    if response is None:
        return None
    answer = _from_drf(error, response)
    for header in ("WWW-Authenticate", "Retry-After"):
        if response.has_header(header):
            answer[header] = response[header]
    return answer


def _from_drf(error: Exception, response: Response) -> Response:
    if isinstance(error, exceptions.ValidationError):
        errors = error.detail if isinstance(error.detail, dict) else {"request": error.detail}
        first = next(iter(errors.items()))
        detail = f"{first[0]}: {first[1][0] if isinstance(first[1], list) else first[1]}"
        return problem(status=response.status_code, code="invalid", detail=detail, errors=errors)
    detail = response.data.get("detail", "") if isinstance(response.data, dict) else ""
    code = getattr(detail, "code", "error").replace("_", "-")
    return problem(status=response.status_code, code=code, detail=str(detail))
