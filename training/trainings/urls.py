"""Addresses of trainings, below those of this app."""

from django.urls import path

from training.trainings import pages

urlpatterns = [
    path("trainings/", pages.trainings_page, name="trainings"),
    path("trainings/new/", pages.training_new_page, name="training_new"),
    path("trainings/<uuid:run_id>/", pages.training_page, name="training"),
    path("trainings/<uuid:run_id>/cancel/", pages.training_cancel_action, name="training_cancel"),
    path("trainings/<uuid:run_id>/keep/", pages.training_keep_action, name="training_keep"),
    path("trainings/<uuid:run_id>/retry/", pages.training_retry_action, name="training_retry"),
    path("trainings/<uuid:run_id>/samples/<uuid:sample_id>.png", pages.training_sample, name="training_sample"),
]
