"""A REST client that logs in as programs do, and what every test of the API asks."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import token_create


def api(user: User | None = None) -> APIClient:
    """A client that sends JSON by default, with a token of ``user``."""
    client = APIClient()
    client.default_format = "json"
    if user is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Token {token_create(user=user).token}")
    return client


def problem(response: Any) -> tuple[int, str]:
    """Status and code of an error, after checking that it has the one error shape."""
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert {"type", "title", "status", "code", "detail"} <= set(body)
    assert body["status"] == response.status_code
    assert body["detail"]
    return response.status_code, body["code"]
