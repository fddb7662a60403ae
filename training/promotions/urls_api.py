"""Addresses of promotions in the REST API."""

from django.urls import path

from training.promotions import api, api_default

urlpatterns = [
    path("models/default/", api_default.DefaultView.as_view(), name="model-default"),
    path("models/<uuid:version_id>/gate/", api.GateApiView.as_view(), name="model-gate"),
    path("models/<uuid:version_id>/promote/", api.PromoteView.as_view(), name="model-promote"),
    path("models/rollback/", api.RollbackView.as_view(), name="model-rollback"),
    path("promotions/", api.PromotionListView.as_view(), name="promotions"),
]
