"""Addresses of trainings in the REST API."""

from django.urls import path

from training.trainings import api

urlpatterns = [
    path("trainings/", api.TrainingListView.as_view(), name="trainings"),
    path("trainings/defaults/", api.TrainingDefaultsView.as_view(), name="training-defaults"),
    path("trainings/<uuid:run_id>/", api.TrainingView.as_view(), name="training"),
    path("trainings/<uuid:run_id>/cancel/", api.TrainingCancelView.as_view(), name="training-cancel"),
    path("trainings/<uuid:run_id>/keep/", api.TrainingKeepView.as_view(), name="training-keep"),
    path(
        "trainings/<uuid:run_id>/samples/<uuid:sample_id>.png",
        api.TrainingSampleView.as_view(),
        name="training-sample",
    ),
]
