"""What the OpenAPI document says beyond the endpoints themselves: which errors each may answer, and which fields are
always there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import force_instance
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers
from rest_framework.fields import empty

from spineplatform.shared.answers import PROBLEM_JSON
from spineplatform.shared.api import FileView, ProblemSerializer

METHODS = ("get", "post", "put", "patch", "delete")
WRITING = ("POST", "PUT", "PATCH", "DELETE")
# What each error means where an endpoint says nothing better (`problems`); the names are those in the document.
ERRORS = {
    HTTPStatus.BAD_REQUEST: "The request cannot be read, or a value in it is wrong.",
    HTTPStatus.UNAUTHORIZED: "Without a token or session, or with one that is not valid (any more).",
    HTTPStatus.FORBIDDEN: "Your roles do not allow it, or the CSRF token of a session is missing.",
    HTTPStatus.NOT_FOUND: "There is no such thing, or it is not yours to see.",
    HTTPStatus.NOT_ACCEPTABLE: "The Accept header allows no JSON.",
    HTTPStatus.REQUEST_TIMEOUT: "The body arrived too slowly.",
    HTTPStatus.CONFLICT: "The state of things does not allow it, or somebody else was first.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large, or has too many parts.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is of a type or encoding that is not read here.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too often, or too much at once: wait as Retry-After says.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "A failure of the platform; it was logged.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The database is away, or too much is asked of the server: see Retry-After.",
    HTTPStatus.INSUFFICIENT_STORAGE: "The storage is full or away.",
}
ALWAYS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.INSUFFICIENT_STORAGE,
)
WITH_A_BODY = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.TOO_MANY_REQUESTS,
)


class TokenScheme(KnoxTokenScheme):  # type: ignore[no-untyped-call]
    """Tokens as knox has them, refused in our words."""

    target_class = "spineplatform.shared.incoming.TokenAuthentication"


class OperationSchema(AutoSchema):
    """Describes one operation: its docstring is the summary and the description, its kind says which errors it has."""

    def get_summary(self) -> str:
        """The first sentence of the docstring."""
        return self._sentences()[0]

    def get_description(self) -> str:  # type: ignore[override]
        """The other ones."""
        return self._sentences()[1]

    def _sentences(self) -> tuple[str, str]:
        text = re.sub(r"\s+", " ", super().get_description())
        first, _, others = re.sub(r"\. ", ".\n", text, count=1).partition("\n")
        return first.removesuffix("."), others

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """The operation, with every error that it may answer."""
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is not None:
            stated = operation["responses"]
            for status in self._errors(operation):
                stated.setdefault(str(int(status)), {"$ref": f"#/components/responses/{_name(status)}"})
            operation["responses"] = dict(sorted(stated.items()))
        return operation

    def _errors(self, operation: dict[str, Any]) -> Iterator[HTTPStatus]:
        """The errors that follow from what the operation takes and who may ask for it."""
        yield from ALWAYS
        has_body = "requestBody" in operation
        if operation.get("security"):
            yield HTTPStatus.FORBIDDEN
            if self.method in WRITING:
                yield HTTPStatus.CONFLICT
        if operation.get("parameters") or has_body:
            yield HTTPStatus.NOT_FOUND
        if not isinstance(self.view, FileView):
            yield HTTPStatus.NOT_ACCEPTABLE
        elif "{run_id}" in self.path:  # what the run makes is not there yet
            yield HTTPStatus.CONFLICT
        if has_body:
            yield from WITH_A_BODY

    def _map_basic_serializer(self, serializer: Any, direction: str) -> dict[str, Any]:
        """An answer has every field, but those declared to be left out where there is nothing."""
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if direction == "response" and schema.get("properties"):
            one = force_instance(serializer)  # type: ignore[no-untyped-call]
            always = [name for name in schema["properties"] if not _may_be_left_out(one, name)]
            schema["required"] = sorted(always)
        return schema

    def _insert_field_validators(self, field: Any, schema: dict[str, Any]) -> None:
        """Text that may be empty instead is any of both: the empty text may fit the other, too."""
        super()._insert_field_validators(field, schema)  # type: ignore[no-untyped-call]
        if isinstance(field, serializers.CharField) and "oneOf" in schema:
            schema["anyOf"] = schema.pop("oneOf")


def _may_be_left_out(serializer: Any, name: str) -> bool:
    field = serializer.fields[name]
    declared = name in getattr(serializer, "_declared_fields", {})
    return declared and not field.required and not field.read_only and field.default is empty


def _name(status: HTTPStatus) -> str:
    return status.phrase.replace(" ", "")


def problems(**described: str) -> dict[Any, OpenApiResponse]:
    """Name the errors of an endpoint by status: ``problems(s409="The run has ended.")``."""
    return {
        (int(status[1:]), PROBLEM_JSON): OpenApiResponse(ProblemSerializer, description)
        for status, description in described.items()
    }


def close_request_bodies(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Post-processing hook: a body has no other fields than those named (`shared.api.checked`)."""
    schemas = result.get("components", {}).get("schemas", {})
    bodies = [
        path[method]["requestBody"]
        for path in result["paths"].values()
        for method in METHODS
        if "requestBody" in path.get(method, {})
    ]
    waiting, seen = list(_references(bodies)), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if schemas[name].get("type") == "object" and "properties" in schemas[name]:
            schemas[name].setdefault("additionalProperties", False)
        waiting += _references(schemas[name])
    return result


def _references(value: Any) -> Iterator[str]:
    """The names of all components that a part of the document refers to."""
    if isinstance(value, dict):
        if isinstance(reference := value.get("$ref"), str):
            yield reference.rpartition("/")[2]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def add_errors(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Post-processing hook: what `OperationSchema` refers to. Whatever goes wrong, the answer has the one shape."""
    content = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    result["components"]["responses"] = {
        _name(status): {"description": description, "content": content} for status, description in ERRORS.items()
    }
    return result
