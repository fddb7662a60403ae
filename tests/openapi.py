"""Holds answers of the REST API against its OpenAPI document: status, content type and body, field by field.

`tests/conftest.py` does it with every answer that a Django or DRF test client gets, `tests/rest_client.py` with those
of a running platform.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import jsonschema_rs
import pytest
from django.test import Client
from django.test.client import FakePayload
from django.urls import Resolver404, resolve
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator

PREFIX = "/api/v1/"
METHODS = ("get", "post", "put", "patch", "delete")
PROBLEM_JSON = "application/problem+json"
JSON = ("application/json", PROBLEM_JSON)
BASE = "urn:openapi"


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document as the platform serves it."""
    with translation.override("en"):
        return json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True)))  # type: ignore[no-untyped-call]


# --- what the document promises ---------------------------------------------------------------------------------------
def operation_at(method: str, path: str) -> tuple[str, dict[str, Any] | None] | None:
    """The address as the document writes it and the operation, None for a method that it lacks; None for no address."""
    try:
        route = resolve(path).route
    except (Resolver404, ValueError):
        return None
    template = "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)
    methods = document()["paths"].get(template)
    return None if methods is None else (template, methods.get("get" if method == "head" else method))


@cache
def _closed() -> jsonschema_rs.Registry:
    """The document with every object closed that names its fields: what it does not name is a fault."""
    copied = json.loads(json.dumps(document()))
    _close(copied["components"]["schemas"])
    return jsonschema_rs.Registry([(BASE, copied)])


def _close(part: Any) -> None:
    if isinstance(part, dict):
        if part.get("type") == "object" and isinstance(part.get("properties"), dict):
            part.setdefault("additionalProperties", False)
        for inner in part.values():
            _close(inner)
    elif isinstance(part, list):
        for inner in part:
            _close(inner)


@cache
def _validator(place: str) -> Any:
    """The compiled validator of the schema at a JSON pointer of the document."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": f"{BASE}#{place}"}
    return jsonschema_rs.Draft202012Validator(schema, registry=_closed(), validate_formats=True)


def _pointer(*keys: str) -> str:
    return "".join(
        "/" + key.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D") for key in keys
    )


# --- what was answered ------------------------------------------------------------------------------------------------
def fault(method: str, path: str, status: int, content_type: str, body: bytes) -> str:
    """In what an answer contradicts the document; empty for nothing."""
    method, kind = method.lower(), content_type.partition(";")[0].strip()
    found = operation_at(method, path)
    if found is None or found[1] is None:
        return _fault_nowhere(method, status, kind, is_address=found is not None)
    template, operation = found
    answer = operation["responses"].get(str(status))
    if answer is None:
        return f"the status {status} is not documented ({', '.join(operation['responses'])} are)"
    place = _pointer("paths", template, "get" if method == "head" else method, "responses", str(status))
    if "$ref" in answer:
        place = answer["$ref"].removeprefix("#")
        answer = document()["components"]["responses"][place.rpartition("/")[2]]
    content = answer.get("content", {})
    if not content or method == "head":
        return f"there should be no body, not {body[:80]!r}" if body else ""
    if kind not in content:
        return f"the content type {kind!r} is not documented ({', '.join(content)} are)"
    return _fault_of_body(place + _pointer("content", kind, "schema"), body) if kind in JSON else ""


def _fault_nowhere(method: str, status: int, kind: str, *, is_address: bool) -> str:
    """What the document does not know is answered by an error that says so."""
    right = {401, 403, 405, 406} if is_address else {404}
    right |= {400, 500, 503, 507}
    if method == "options" or (status in right and kind == PROBLEM_JSON):
        return ""
    return f"the document knows no such operation, yet the answer is {status} ({kind})"


def _fault_of_body(place: str, body: bytes) -> str:
    found = [
        f"{'/'.join(map(str, one.instance_path)) or 'the body'}: {one.message[:300]}"
        for one in _validator(place).iter_errors(json.loads(body))
    ]
    return "; ".join(found[:5])


# --- what was asked ---------------------------------------------------------------------------------------------------
def fault_of_request(method: str, path: str, content_type: str, body: bytes) -> str:
    """In what a JSON body that was accepted contradicts the document; empty for nothing."""
    found, kind = operation_at(method.lower(), path), content_type.partition(";")[0].strip()
    if found is None or found[1] is None or kind != "application/json" or not body:
        return ""
    template, operation = found
    if "requestBody" not in operation:
        return "" if json.loads(body) == {} else f"the document knows no body, yet {body[:80]!r} was accepted"
    place = _pointer("paths", template, method.lower(), "requestBody", "content", kind, "schema")
    return _fault_of_body(place, body)


# --- every answer -----------------------------------------------------------------------------------------------------
@contextmanager
def every_answer_held() -> Iterator[None]:
    """Within it an answer that contradicts the document fails the request of the test client that gets it; so does a
    JSON body that was accepted against the document."""
    plain = Client.request

    def request(client: Client, **wanted: Any) -> Any:
        path, method = str(wanted.get("PATH_INFO", "")), str(wanted.get("REQUEST_METHOD", "GET"))
        if not path.startswith(PREFIX):
            return plain(client, **wanted)
        sent = wanted["wsgi.input"].read() if "wsgi.input" in wanted else b""
        if sent:
            wanted["wsgi.input"] = FakePayload(sent)
        response = plain(client, **wanted)
        body = b"" if response.streaming else response.content
        hold(method, path, response.status_code, response.get("Content-Type", ""), body)
        if response.status_code < 300:
            found = fault_of_request(method, path, str(wanted.get("CONTENT_TYPE", "")), sent)
            assert not found, f"{method} {path} accepted a body that the document refuses: {found}"
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "request", request)
        yield


def hold(method: str, path: str, status: int, content_type: str, body: bytes) -> None:
    """Fail where the answer contradicts the document."""
    found = fault(method, path, status, content_type, body)
    assert not found, f"{method.upper()} {path} answered {status}: {found}"
