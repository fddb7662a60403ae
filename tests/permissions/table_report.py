"""Rows of the permission table about reports."""

from __future__ import annotations

from typing import Any

from tests.permissions.table import Row, case, members, page, run, series
from tests.permissions.world import World


def report(world: World) -> dict[str, Any]:
    return {"run_id": world.report.pk}


def waiting(world: World) -> dict[str, Any]:
    return {"run_id": world.waiting_report.pk}


def failed(world: World) -> dict[str, Any]:
    return {"run_id": world.failed_report.pk}


def picture(world: World) -> dict[str, Any]:
    return {**report(world), "number": 0}


REPORT = [
    Row("GET", "api:reports", members(200), series),
    Row("POST", "api:reports", members(202), series),
    Row("GET", "api:case-reports", members(200), case),
    Row("POST", "api:case-reports", members(202), case),
    Row("GET", "api:report-pdf", members(200), report),
    Row("GET", "api:run", members(200), run("report", "report")),
    Row("POST", "api:run-cancel", members(200), run("report", "waiting_report")),
    Row("POST", "api:run-retry", members(200), run("report", "failed_report")),
    Row("POST", "inference:case_report_start", page(members(302)), case),
    Row("POST", "inference:report_start", page(members(302)), series),
    Row("GET", "inference:report", page(members(200)), report),
    Row("GET", "inference:report_pdf", page(members(200)), report),
    Row("GET", "inference:report_picture", page(members(200)), picture),
    Row("POST", "inference:report_cancel", page(members(302)), waiting),
    Row("POST", "inference:report_retry", page(members(302)), failed),
]
