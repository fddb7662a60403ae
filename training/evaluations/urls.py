"""Addresses of evaluations, below those of this app."""

from django.urls import path

from training.evaluations import pages

urlpatterns = [
    path("evaluations/", pages.evaluations_page, name="evaluations"),
    path("evaluations/compare/", pages.compare_page, name="evaluations_compare"),
    path("evaluations/compare/versions.<str:kind>", pages.compare_plot, name="evaluations_compare_plot"),
    path("evaluations/<uuid:run_id>/", pages.evaluation_page, name="evaluation"),
    path(
        "evaluations/<uuid:run_id>/cancel/",
        pages.evaluation_action,
        {"action": "cancel"},
        name="evaluation_cancel",
    ),
    path(
        "evaluations/<uuid:run_id>/retry/",
        pages.evaluation_action,
        {"action": "retry"},
        name="evaluation_retry",
    ),
    path(
        "evaluations/<uuid:run_id>/plots/<slug:name>.<str:kind>",
        pages.evaluation_plot,
        name="evaluation_plot",
    ),
    path("evaluations/<uuid:run_id>/<str:scope>.csv", pages.evaluation_csv, name="evaluation_csv"),
    path("evaluations/<uuid:run_id>/report.pdf", pages.evaluation_report, name="evaluation_report"),
]
