"""Reads of an ASGI scope."""

from __future__ import annotations

from typing import Any

from spineplatform.shared.answers import API_PREFIX


def header(scope: dict[str, Any], name: bytes) -> str:
    """The first header of that name (in lower case), empty without any."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def wants_page(scope: dict[str, Any]) -> bool:
    """Whether a page is asked for, and not something that a program or script reads."""
    return not scope["path"].startswith(API_PREFIX) and "text/html" in header(scope, b"accept")
