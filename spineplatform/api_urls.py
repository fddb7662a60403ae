"""Every address of the REST API, below /api/v1/."""

from django.urls import path

from accounts import api as accounts
from cases.urls_api import urlpatterns as cases
from inference import api_comparisons, api_report, api_runs, api_series
from inference import api_versions as inference_versions
from inference.urls_overview import api_urlpatterns as overview
from training.urls_api import urlpatterns as training

app_name = "api"
urlpatterns = [
    path("auth/token/", accounts.TokenView.as_view(), name="token"),
    path("me/", accounts.MeView.as_view(), name="me"),
    path("institutions/", accounts.InstitutionListView.as_view(), name="institutions"),
    path("users/", accounts.UserListView.as_view(), name="users"),
    path("users/<int:user_id>/roles/", accounts.UserRolesView.as_view(), name="user-roles"),
    *cases,
    path("series/<uuid:series_id>/", api_series.SeriesView.as_view(), name="series"),
    path("series/<uuid:series_id>/masks/", api_series.MaskListView.as_view(), name="masks"),
    path("series/<uuid:series_id>/segment/", api_runs.SegmentView.as_view(), name="segment"),
    path("series/<uuid:series_id>/comparisons/", api_comparisons.ComparisonListView.as_view(), name="comparisons"),
    path("cases/<uuid:case_id>/reports/", api_report.CaseReportListView.as_view(), name="case-reports"),
    path("series/<uuid:series_id>/reports/", api_report.ReportListView.as_view(), name="reports"),
    path("reports/<uuid:run_id>/pdf/", api_report.ReportPdfView.as_view(), name="report-pdf"),
    path("masks/<uuid:mask_id>/", api_series.MaskView.as_view(), name="mask"),
    path("comparisons/<uuid:run_id>/", api_comparisons.ComparisonView.as_view(), name="comparison"),
    path("comparisons/<uuid:run_id>/csv/", api_comparisons.ComparisonCsvView.as_view(), name="comparison-csv"),
    path(
        "comparisons/<uuid:run_id>/slices/<int:z>.png",
        api_comparisons.ComparisonSliceView.as_view(),
        name="comparison-slice",
    ),
    path("runs/inference/", api_runs.InferenceRunListView.as_view(), name="inference-runs"),
    path("runs/<str:kind>/<uuid:run_id>/", api_runs.RunView.as_view(), name="run"),
    path("runs/<str:kind>/<uuid:run_id>/cancel/", api_runs.RunCancelView.as_view(), name="run-cancel"),
    path("runs/<str:kind>/<uuid:run_id>/retry/", api_runs.RunRetryView.as_view(), name="run-retry"),
    path("models/<uuid:version_id>/masks/", inference_versions.VersionMasksView.as_view(), name="model-masks"),
    *training,
    *overview,
]
