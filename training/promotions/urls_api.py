"""Addresses of promotions in the REST API."""

from django.urls import path

from training.promotions import api

urlpatterns = [
    path("models/<uuid:version_id>/gate/", api.GateApiView.as_view(), name="model-gate"),
    path("models/<uuid:version_id>/promote/", api.PromoteView.as_view(), name="model-promote"),
    path("models/rollback/", api.RollbackView.as_view(), name="model-rollback"),
    path("promotions/", api.PromotionListView.as_view(), name="promotions"),
]
