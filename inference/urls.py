from django.urls import path

from inference import pages, pages_report, pages_versions
from inference.urls_overview import urlpatterns as overview

app_name = "inference"
urlpatterns = [
    path("series/<uuid:series_id>/view/", pages.view_page, name="view"),
    path("series/<uuid:series_id>/segment/", pages.start_action, name="start"),
    path("series/<uuid:series_id>/compare/", pages.compare_action, name="compare"),
    path("inference-runs/<uuid:run_id>/cancel/", pages.inference_run_action, {"action": "cancel"}, name="cancel"),
    path("inference-runs/<uuid:run_id>/retry/", pages.inference_run_action, {"action": "retry"}, name="retry"),
    path("models/<uuid:version_id>/masks/", pages_versions.version_masks, name="version_masks"),
    path("cases/<uuid:case_id>/report/", pages_report.case_report_action, name="case_report_start"),
    path("series/<uuid:series_id>/report/", pages_report.report_action, name="report_start"),
    path("reports/<uuid:run_id>/", pages_report.report_page, name="report"),
    path("reports/<uuid:run_id>/report.pdf", pages_report.report_pdf, name="report_pdf"),
    path("reports/<uuid:run_id>/pictures/<int:number>.png", pages_report.report_picture, name="report_picture"),
    path("reports/<uuid:run_id>/cancel/", pages_report.report_run_action, {"action": "cancel"}, name="report_cancel"),
    path("reports/<uuid:run_id>/retry/", pages_report.report_run_action, {"action": "retry"}, name="report_retry"),
    path("comparisons/<uuid:run_id>/", pages.comparison_page, name="comparison"),
    path("comparisons/<uuid:run_id>/comparison.csv", pages.comparison_csv, name="comparison_csv"),
    path("comparisons/<uuid:run_id>/slices/<int:z>.png", pages.comparison_slice, name="comparison_slice"),
    *overview,
]
