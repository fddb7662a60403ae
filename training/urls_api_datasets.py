"""Addresses of splits and data sets, below those of the API."""

from django.urls import path

from training import api_datasets, api_splits

urlpatterns = [
    path("splits/", api_splits.SplitListView.as_view(), name="splits"),
    path("splits/draw/", api_splits.SplitDrawView.as_view(), name="splits-draw"),
    path("splits/<uuid:patient_id>/", api_splits.SplitView.as_view(), name="split"),
    path("duplicates/", api_splits.DuplicateListView.as_view(), name="duplicates"),
    path("datasets/", api_datasets.DatasetListView.as_view(), name="datasets"),
    path("datasets/<uuid:dataset_id>/", api_datasets.DatasetView.as_view(), name="dataset"),
    path("datasets/<uuid:dataset_id>/masks/", api_datasets.DatasetMasksView.as_view(), name="dataset-masks"),
    path("datasets/<uuid:dataset_id>/splits/", api_datasets.DatasetSplitsView.as_view(), name="dataset-splits"),
    path("datasets/<uuid:dataset_id>/check/", api_datasets.DatasetCheckView.as_view(), name="dataset-check"),
    path("datasets/<uuid:dataset_id>/decide/", api_datasets.DatasetDecideView.as_view(), name="dataset-decide"),
    path("datasets/<uuid:dataset_id>/freeze/", api_datasets.DatasetFreezeView.as_view(), name="dataset-freeze"),
    path("datasets/<uuid:dataset_id>/download/", api_datasets.DatasetDownloadView.as_view(), name="dataset-download"),
]
