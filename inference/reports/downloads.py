"""The PDF of a report, for pages and REST."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase

from inference.models import ReportRun
from spineplatform.shared import audit, storage
from spineplatform.shared.errors import Conflict
from spineplatform.shared.http import file_download


class ReportNotReady(Conflict):
    """The report is not ready yet. Wait until it has finished and try again."""

    code = "not-ready"


def pdf_response(request: HttpRequest, run: ReportRun) -> HttpResponseBase:
    """The PDF, named by the pseudonym; the download is recorded.

    Raises:
        ReportNotReady: it is not written yet.
    """
    path = storage.local_path(report_result(run)["pdf"])
    audit.record(actor=request.user, action="report.downloaded", object_id=run.pk, institution_id=run.institution_id)
    whose = f"report-{run.case.patient.pseudonym}"
    name = f"{whose}-{run.series.number}.pdf" if run.series else f"{whose}.pdf"
    return file_download(request, path, name=name, content_type="application/pdf")


def report_result(run: ReportRun) -> dict[str, Any]:
    """What the report says and where its files are.

    Raises:
        ReportNotReady: it is not written yet.
    """
    if run.result is None:
        raise ReportNotReady
    return dict(run.result)
