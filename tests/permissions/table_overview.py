"""The doors of the overview: everybody sees that of their own institutions."""

from __future__ import annotations

from tests.permissions.table import Row, known, page

OVERVIEW = [
    Row("GET", "api:overview", known(200)),
    Row("GET", "api:overview-csv", known(200)),
    Row("GET", "inference:overview", page(known(200))),
    Row("GET", "inference:overview_csv", page(known(200))),
]
