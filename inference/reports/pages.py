"""Pages of reports: asking for one, reading and printing it, its PDF and pictures."""

from __future__ import annotations

from itertools import count
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from cases.access import case_get, mask_get, series_get
from inference.access import report_get
from inference.models import ReportRun
from inference.reports.downloads import pdf_response, report_result
from inference.reports.services import case_report_start, report_start
from spineplatform.shared import storage
from spineplatform.shared.errors import Conflict, NotFound
from spineplatform.shared.http import run_action
from spineplatform.shared.messages import sentence


@login_required
@require_POST
def report_action(request: HttpRequest, series_id: str) -> HttpResponse:
    """Asks for a report of ``mask`` (else the approved one, else the newest); ``with_title``: of the case."""
    series = series_get(request.user, series_id)
    wanted = request.POST.get("mask", "")
    try:
        run = report_start(
            series=series,
            actor=request.user,
            annotation=mask_get(request.user, wanted) if wanted else None,
            with_title="with_title" in request.POST,
        )
    except Conflict as error:
        messages.error(request, sentence(error.message))
        return redirect("inference:view", series.pk)
    return redirect("inference:report", run.pk)


@login_required
@require_POST
def case_report_action(request: HttpRequest, case_id: str) -> HttpResponse:
    """Asks for one report of all series, with the case's title when ``with_title`` is sent."""
    case = case_get(request.user, case_id)
    try:
        run = case_report_start(case=case, actor=request.user, with_title="with_title" in request.POST)
    except Conflict as error:
        messages.error(request, sentence(error.message))
        return redirect(case)
    return redirect("inference:report", run.pk)


@login_required
@require_safe
def report_page(request: HttpRequest, run_id: str) -> HttpResponse:
    """Context: ``run``, ``case``, ``series`` (None: the whole case), ``sections`` (with numbered ``pictures``); what
    else the report says is in ``run.result``."""
    run = report_get(request.user, run_id)
    context = {"run": run, "case": run.case, "series": run.series, "sections": _sections(run)}
    return render(request, "inference/report.html", context)


def _sections(run: ReportRun) -> list[dict[str, Any]]:
    """The sections, their pictures numbered through as ``report_picture`` counts them."""
    numbers = count()
    sections = run.result["sections"] if run.result else []
    return [{**one, "pictures": [(next(numbers), picture) for picture in one["pictures"]]} for one in sections]


@login_required
@require_POST
def report_run_action(request: HttpRequest, run_id: str, action: str) -> HttpResponse:
    run = report_get(request.user, run_id)
    run_action(request, run, action)
    return redirect("inference:report", run.pk)


@login_required
@require_safe
def report_picture(request: HttpRequest, run_id: str, number: int) -> HttpResponse:
    """Key image ``number``, from 0, through all sections."""
    sections = report_result(report_get(request.user, run_id))["sections"]
    pictures = [picture for section in sections for picture in section["pictures"]]
    if number >= len(pictures):
        raise NotFound
    content = storage.local_path(pictures[number]["file"]).read_bytes()
    return HttpResponse(content, content_type="image/png", headers={"Cache-Control": "private, max-age=3600"})


@login_required
@require_safe
def report_pdf(request: HttpRequest, run_id: str) -> HttpResponseBase:
    return pdf_response(request, report_get(request.user, run_id))
