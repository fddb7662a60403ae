"""Addresses of evaluations and promotions, below those of this app."""

from django.urls import path

from training import pages_evaluations, pages_promotions

urlpatterns = [
    path("evaluations/", pages_evaluations.evaluations_page, name="evaluations"),
    path("evaluations/compare/", pages_evaluations.compare_page, name="evaluations_compare"),
    path("evaluations/compare/versions.<str:kind>", pages_evaluations.compare_plot, name="evaluations_compare_plot"),
    path("evaluations/<uuid:run_id>/", pages_evaluations.evaluation_page, name="evaluation"),
    path(
        "evaluations/<uuid:run_id>/cancel/",
        pages_evaluations.evaluation_action,
        {"action": "cancel"},
        name="evaluation_cancel",
    ),
    path(
        "evaluations/<uuid:run_id>/retry/",
        pages_evaluations.evaluation_action,
        {"action": "retry"},
        name="evaluation_retry",
    ),
    path(
        "evaluations/<uuid:run_id>/plots/<slug:name>.<str:kind>",
        pages_evaluations.evaluation_plot,
        name="evaluation_plot",
    ),
    path("evaluations/<uuid:run_id>/<str:scope>.csv", pages_evaluations.evaluation_csv, name="evaluation_csv"),
    path("evaluations/<uuid:run_id>/report.pdf", pages_evaluations.evaluation_report, name="evaluation_report"),
    path("rollback/", pages_promotions.rollback_action, name="rollback"),
    path("<uuid:version_id>/promote/", pages_promotions.promote_page, name="promote"),
    path("<uuid:version_id>/promote/evaluate/", pages_promotions.evaluate_missing_action, name="promote_evaluate"),
    path("<uuid:version_id>/activate/", pages_promotions.activate_action, name="activate"),
]
