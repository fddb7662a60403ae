"""Addresses of trainings in the REST API."""

from django.urls import path

from training import api_training

urlpatterns = [
    path("trainings/", api_training.TrainingListView.as_view(), name="trainings"),
    path("trainings/defaults/", api_training.TrainingDefaultsView.as_view(), name="training-defaults"),
    path("trainings/<uuid:run_id>/", api_training.TrainingView.as_view(), name="training"),
    path("trainings/<uuid:run_id>/cancel/", api_training.TrainingCancelView.as_view(), name="training-cancel"),
    path("trainings/<uuid:run_id>/keep/", api_training.TrainingKeepView.as_view(), name="training-keep"),
    path(
        "trainings/<uuid:run_id>/samples/<uuid:sample_id>.png",
        api_training.TrainingSampleView.as_view(),
        name="training-sample",
    ),
]
