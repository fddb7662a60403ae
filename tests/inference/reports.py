"""Reports for tests."""

from __future__ import annotations

from typing import Any

from cases.models import Annotation
from inference.models import ReportRun
from inference.reports.worker import run_report
from spineplatform.shared.lease import execute
from spineplatform.shared.runs import RunState
from tests import factories


def run(mask: Annotation, state: RunState = RunState.QUEUED, **fields: Any) -> ReportRun:
    values = factories.run_values(state)
    case = mask.series.case
    made = ReportRun.objects.create(
        institution=mask.institution, case=case, series=mask.series, annotation=mask, **values, **fields
    )
    made.masks.add(mask)
    return made


def written(mask: Annotation, **fields: Any) -> ReportRun:
    """One that a worker's code has written in this process."""
    made = run(mask, **fields)
    execute(ReportRun, made.pk, run_report)
    made.refresh_from_db()
    return made


def written_of_case(masks: list[Annotation], **fields: Any) -> ReportRun:
    """One of all series of a case, written in this process."""
    case = masks[0].series.case
    made = ReportRun.objects.create(
        institution=case.institution, case=case, **factories.run_values(RunState.QUEUED), **fields
    )
    made.masks.set(masks)
    execute(ReportRun, made.pk, run_report)
    made.refresh_from_db()
    return made


def result() -> dict[str, Any]:
    """What a report of one picture stores."""
    pictures = [{"title": "Axial", "width": 4, "height": 4, "file": factories.staged(b"PNG")}]
    return {
        "title": "A report",
        "facts": [["Patient", "P"]],
        "summary": [],
        "sections": [{"title": "", "facts": [], "warnings": [], "measurements": [], "pictures": pictures}],
        "pdf": factories.staged(b"%PDF"),
    }
