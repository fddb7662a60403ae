"""Addresses of data sets, below those of this app."""

from django.urls import path

from training.datasets import pages

urlpatterns = [
    path("datasets/", pages.datasets_page, name="datasets"),
    path("datasets/<uuid:dataset_id>/", pages.dataset_page, name="dataset"),
    path("datasets/<uuid:dataset_id>/check/", pages.dataset_action, {"action": "check"}, name="dataset_check"),
    path("datasets/<uuid:dataset_id>/freeze/", pages.dataset_action, {"action": "freeze"}, name="dataset_freeze"),
    path("datasets/<uuid:dataset_id>/draw/", pages.dataset_action, {"action": "draw"}, name="dataset_draw"),
    path("datasets/<uuid:dataset_id>/decide/", pages.decide_action, name="dataset_decide"),
    path("datasets/<uuid:dataset_id>/delete/", pages.delete_action, name="dataset_delete"),
    path("datasets/<uuid:dataset_id>/labels.csv", pages.dataset_labels, name="dataset_labels"),
    path("datasets/<uuid:dataset_id>/download/", pages.dataset_download, name="dataset_download"),
    path("dataset-runs/<uuid:run_id>/cancel/", pages.run_cancel_action, name="dataset_cancel"),
]
