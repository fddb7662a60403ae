"""What the OpenAPI document says beyond the endpoints themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from drf_spectacular.utils import OpenApiResponse

from spineplatform.shared.answers import PROBLEM_JSON
from spineplatform.shared.api import ProblemSerializer

PROBLEM = "#/components/schemas/Problem"
METHODS = ("get", "post", "put", "patch", "delete")


class TokenScheme(KnoxTokenScheme):  # type: ignore[no-untyped-call]
    """Tokens as knox has them, refused in our words."""

    target_class = "spineplatform.shared.incoming.TokenAuthentication"


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


def add_problem_to_every_operation(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Post-processing hook: whatever goes wrong, the answer has the one error shape."""
    answer = {"description": "Any error.", "content": {PROBLEM_JSON: {"schema": {"$ref": PROBLEM}}}}
    for path in result["paths"].values():
        for method in METHODS:
            if method in path:
                path[method]["responses"]["default"] = answer
    return result
