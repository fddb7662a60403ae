"""Addresses of evaluations in the REST API."""

from django.urls import path

from training.evaluations import api

urlpatterns = [
    path("evaluations/", api.EvaluationListView.as_view(), name="evaluations"),
    path("evaluations/compare/", api.EvaluationCompareView.as_view(), name="evaluation-compare"),
    path(
        "evaluations/compare/versions.<str:kind>",
        api.EvaluationComparePlotView.as_view(),
        name="evaluation-compare-plot",
    ),
    path("evaluations/<uuid:run_id>/", api.EvaluationView.as_view(), name="evaluation"),
    path("evaluations/<uuid:run_id>/report/", api.EvaluationReportView.as_view(), name="evaluation-report"),
    path("evaluations/<uuid:run_id>/csv/<str:scope>/", api.EvaluationCsvView.as_view(), name="evaluation-csv"),
    path(
        "evaluations/<uuid:run_id>/plots/<slug:name>.<str:kind>",
        api.EvaluationPlotView.as_view(),
        name="evaluation-plot",
    ),
]
