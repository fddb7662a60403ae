"""Every address of this app in the REST API."""

from django.urls import path

from inference import api_comparisons, api_runs, api_series, api_versions
from inference.overview.urls import api_urlpatterns as overview
from inference.reports import api as reports

urlpatterns = [
    path("series/<uuid:series_id>/", api_series.SeriesView.as_view(), name="series"),
    path("series/<uuid:series_id>/segment/", api_runs.SegmentView.as_view(), name="segment"),
    path("series/<uuid:series_id>/comparisons/", api_comparisons.ComparisonListView.as_view(), name="comparisons"),
    path("cases/<uuid:case_id>/reports/", reports.CaseReportListView.as_view(), name="case-reports"),
    path("series/<uuid:series_id>/reports/", reports.ReportListView.as_view(), name="reports"),
    path("reports/<uuid:run_id>/pdf/", reports.ReportPdfView.as_view(), name="report-pdf"),
    path("comparisons/<uuid:run_id>/", api_comparisons.ComparisonView.as_view(), name="comparison"),
    path("comparisons/<uuid:run_id>/csv/", api_comparisons.ComparisonCsvView.as_view(), name="comparison-csv"),
    path(
        "comparisons/<uuid:run_id>/slices/<int:z>.png",
        api_comparisons.ComparisonSliceView.as_view(),
        name="comparison-slice",
    ),
    path("runs/inference/", api_runs.InferenceRunListView.as_view(), name="inference-runs"),
    path("models/<uuid:version_id>/masks/", api_versions.VersionMasksView.as_view(), name="model-masks"),
    *overview,
]
