"""Addresses of splits in the REST API."""

from django.urls import path

from training.splits import api

urlpatterns = [
    path("splits/", api.SplitListView.as_view(), name="splits"),
    path("splits/draw/", api.SplitDrawView.as_view(), name="splits-draw"),
    path("splits/<uuid:patient_id>/", api.SplitView.as_view(), name="split"),
    path("duplicates/", api.DuplicateListView.as_view(), name="duplicates"),
]
