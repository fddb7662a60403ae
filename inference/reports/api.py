"""REST: reports of a series and of a whole case, and their PDF."""

from __future__ import annotations

from typing import Any

from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from cases.access import case_get, mask_get, series_get
from inference.access import report_get, reports_seen
from inference.models import ReportRun
from inference.reports.downloads import pdf_response
from inference.reports.services import case_report_start, report_start
from spineplatform.shared.api import FileView, ListView, checked
from spineplatform.shared.api_runs import RunDetailOut
from spineplatform.shared.api_schema import problems


class ReportOut(RunDetailOut):
    """``pdf`` is where the report is, once the run has succeeded. The report of a case has no one series or mask."""

    case = serializers.UUIDField(source="case_id")
    series = serializers.UUIDField(source="series_id", allow_null=True)
    mask = serializers.UUIDField(source="annotation_id", allow_null=True)
    with_title = serializers.BooleanField()
    language = serializers.CharField(help_text="Language of the PDF: that of the requester.")
    pdf = serializers.SerializerMethodField()

    def get_pdf(self, run: ReportRun) -> str:
        return reverse("api:report-pdf", args=[run.pk])


class CaseReportIn(serializers.Serializer[Any]):
    with_title = serializers.BooleanField(default=False, help_text="Also name the case by its title.")


class ReportIn(CaseReportIn):
    mask = serializers.UUIDField(required=False, allow_null=True, help_text="Else the approved one, else the newest.")


class ReportListView(ListView):
    @extend_schema(operation_id="report_list", responses=ReportOut(many=True))
    def get(self, request: Request, series_id: str) -> Response:
        """The reports of a series that you may see, newest first."""
        series = series_get(request.user, series_id)
        return self.page(reports_seen(request.user).filter(series=series), ReportOut)

    @extend_schema(
        operation_id="report_start",
        request=ReportIn,
        responses={202: ReportOut, **problems(s404="No such series or mask.", s409="The series has no mask.")},
    )
    def post(self, request: Request, series_id: str) -> Response:
        """Write a report: key images, measurements, volume, who made and who signed the mask. By pseudonym only."""
        series = series_get(request.user, series_id)
        given = checked(ReportIn, request.data)
        mask = mask_get(request.user, given["mask"]) if given.get("mask") else None
        run = report_start(series=series, actor=request.user, annotation=mask, with_title=given["with_title"])
        return _started(run)


def _started(run: ReportRun) -> Response:
    body = ReportOut(run).data
    return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": body["url"]})


class CaseReportListView(ListView):
    @extend_schema(operation_id="case_report_list", responses=ReportOut(many=True))
    def get(self, request: Request, case_id: str) -> Response:
        """The reports of a case and of its series that you may see, newest first."""
        case = case_get(request.user, case_id)
        return self.page(reports_seen(request.user).filter(case=case), ReportOut)

    @extend_schema(
        operation_id="case_report_start",
        request=CaseReportIn,
        responses={202: ReportOut, **problems(s409="No series of the case has a mask.")},
    )
    def post(self, request: Request, case_id: str) -> Response:
        """Write one report of all series of a case, each with its approved mask, else its newest. By pseudonym only."""
        case = case_get(request.user, case_id)
        given = checked(CaseReportIn, request.data)
        return _started(case_report_start(case=case, actor=request.user, with_title=given["with_title"]))


class ReportPdfView(FileView):
    @extend_schema(
        operation_id="report_pdf",
        responses={
            (200, "application/pdf"): OpenApiResponse(OpenApiTypes.BINARY, "The report."),
            **problems(s409="The report is not ready."),
        },
    )
    def get(self, request: Request, run_id: str) -> HttpResponseBase:
        """The report as PDF."""
        return pdf_response(request._request, report_get(request.user, run_id))
