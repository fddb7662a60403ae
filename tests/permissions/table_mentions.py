"""Rows of the permission table about whom a comment can mention."""

from __future__ import annotations

from tests.permissions.table import Row, members, series

MENTIONS = [Row("GET", "api:comment-people", members(200), series)]
