"""Addresses of trainings, below those of this app."""

from django.urls import path

from training import pages_training

urlpatterns = [
    path("trainings/", pages_training.trainings_page, name="trainings"),
    path("trainings/new/", pages_training.training_new_page, name="training_new"),
    path("trainings/<uuid:run_id>/", pages_training.training_page, name="training"),
    path("trainings/<uuid:run_id>/cancel/", pages_training.training_cancel_action, name="training_cancel"),
    path("trainings/<uuid:run_id>/keep/", pages_training.training_keep_action, name="training_keep"),
    path("trainings/<uuid:run_id>/retry/", pages_training.training_retry_action, name="training_retry"),
    path(
        "trainings/<uuid:run_id>/samples/<uuid:sample_id>.png", pages_training.training_sample, name="training_sample"
    ),
]
