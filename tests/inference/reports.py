"""Reports for tests."""

from __future__ import annotations

from typing import Any

from cases.models import Annotation
from inference.models import ReportRun
from inference.reporting import run_report
from spineplatform.shared.lease import execute
from spineplatform.shared.runs import RunState
from tests import factories


def run(mask: Annotation, state: RunState = RunState.QUEUED, **fields: Any) -> ReportRun:
    values = factories.run_values(state)
    return ReportRun.objects.create(
        institution=mask.institution, series=mask.series, annotation=mask, **values, **fields
    )


def written(mask: Annotation, **fields: Any) -> ReportRun:
    """One that a worker's code has written in this process."""
    made = run(mask, **fields)
    execute(ReportRun, made.pk, run_report)
    made.refresh_from_db()
    return made


def result() -> dict[str, Any]:
    """What a report of one picture stores."""
    pictures = [{"title": "Axial", "width": 4, "height": 4, "file": factories.staged(b"PNG")}]
    return {
        "title": "A report",
        "facts": [["Patient", "P"]],
        "warnings": [],
        "measurements": [],
        "pictures": pictures,
        "pdf": factories.staged(b"%PDF"),
    }
