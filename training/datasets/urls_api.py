"""Addresses of data sets in the REST API."""

from django.urls import path

from training.datasets import api

urlpatterns = [
    path("datasets/", api.DatasetListView.as_view(), name="datasets"),
    path("datasets/<uuid:dataset_id>/", api.DatasetView.as_view(), name="dataset"),
    path("datasets/<uuid:dataset_id>/masks/", api.DatasetMasksView.as_view(), name="dataset-masks"),
    path("datasets/<uuid:dataset_id>/splits/", api.DatasetSplitsView.as_view(), name="dataset-splits"),
    path("datasets/<uuid:dataset_id>/check/", api.DatasetCheckView.as_view(), name="dataset-check"),
    path("datasets/<uuid:dataset_id>/decide/", api.DatasetDecideView.as_view(), name="dataset-decide"),
    path("datasets/<uuid:dataset_id>/freeze/", api.DatasetFreezeView.as_view(), name="dataset-freeze"),
    path("datasets/<uuid:dataset_id>/labels.csv", api.DatasetLabelsView.as_view(), name="dataset-labels"),
    path("datasets/<uuid:dataset_id>/download/", api.DatasetDownloadView.as_view(), name="dataset-download"),
]
