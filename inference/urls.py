"""Every page of this app."""

from django.urls import path

from inference import pages, pages_versions
from inference.overview.urls import urlpatterns as overview
from inference.reports.urls import urlpatterns as reports

app_name = "inference"
urlpatterns = [
    path("series/<uuid:series_id>/view/", pages.view_page, name="view"),
    path("series/<uuid:series_id>/segment/", pages.start_action, name="start"),
    path("series/<uuid:series_id>/compare/", pages.compare_action, name="compare"),
    path("inference-runs/<uuid:run_id>/cancel/", pages.inference_run_action, {"action": "cancel"}, name="cancel"),
    path("inference-runs/<uuid:run_id>/retry/", pages.inference_run_action, {"action": "retry"}, name="retry"),
    path("models/<uuid:version_id>/masks/", pages_versions.version_masks, name="version_masks"),
    path("comparisons/<uuid:run_id>/", pages.comparison_page, name="comparison"),
    path("comparisons/<uuid:run_id>/comparison.csv", pages.comparison_csv, name="comparison_csv"),
    *reports,
    *overview,
]
