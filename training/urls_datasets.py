"""Addresses of splits and data sets, below those of this app."""

from django.urls import path

from training import pages_datasets, pages_splits

urlpatterns = [
    path("datasets/", pages_datasets.datasets_page, name="datasets"),
    path("datasets/<uuid:dataset_id>/", pages_datasets.dataset_page, name="dataset"),
    path("datasets/<uuid:dataset_id>/check/", pages_datasets.dataset_action, {"action": "check"}, name="dataset_check"),
    path(
        "datasets/<uuid:dataset_id>/freeze/", pages_datasets.dataset_action, {"action": "freeze"}, name="dataset_freeze"
    ),
    path("datasets/<uuid:dataset_id>/draw/", pages_datasets.dataset_action, {"action": "draw"}, name="dataset_draw"),
    path("datasets/<uuid:dataset_id>/decide/", pages_datasets.decide_action, name="dataset_decide"),
    path("datasets/<uuid:dataset_id>/delete/", pages_datasets.delete_action, name="dataset_delete"),
    path("datasets/<uuid:dataset_id>/download/", pages_datasets.dataset_download, name="dataset_download"),
    path("dataset-runs/<uuid:run_id>/cancel/", pages_datasets.run_cancel_action, name="dataset_cancel"),
    path("splits/", pages_splits.splits_page, name="splits"),
    path("splits/draw/", pages_splits.draw_action, name="splits_draw"),
    path("splits/<uuid:patient_id>/set/", pages_splits.set_action, name="split_set"),
]
