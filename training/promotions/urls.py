"""Addresses of promotions, below those of this app."""

from django.urls import path

from training.promotions import pages, pages_default

urlpatterns = [
    path("platform/", pages_default.default_page, name="default"),
    path("rollback/", pages.rollback_action, name="rollback"),
    path("<uuid:version_id>/promote/", pages.promote_page, name="promote"),
    path("<uuid:version_id>/promote/evaluate/", pages.evaluate_missing_action, name="promote_evaluate"),
    path("<uuid:version_id>/activate/", pages.activate_action, name="activate"),
]
