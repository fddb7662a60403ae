"""Addresses of reports, below those of this app."""

from django.urls import path

from inference.reports import pages

urlpatterns = [
    path("cases/<uuid:case_id>/report/", pages.case_report_action, name="case_report_start"),
    path("series/<uuid:series_id>/report/", pages.report_action, name="report_start"),
    path("reports/<uuid:run_id>/", pages.report_page, name="report"),
    path("reports/<uuid:run_id>/report.pdf", pages.report_pdf, name="report_pdf"),
    path("reports/<uuid:run_id>/pictures/<int:number>.png", pages.report_picture, name="report_picture"),
    path("reports/<uuid:run_id>/cancel/", pages.report_run_action, {"action": "cancel"}, name="report_cancel"),
    path("reports/<uuid:run_id>/retry/", pages.report_run_action, {"action": "retry"}, name="report_retry"),
]
