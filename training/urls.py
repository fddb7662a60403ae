from django.urls import path

from training import pages
from training.urls_datasets import urlpatterns as datasets
from training.urls_evaluations import urlpatterns as evaluations

app_name = "training"
urlpatterns = [
    path("", pages.versions_page, name="versions"),
    path("<uuid:version_id>/download/", pages.version_download, name="download"),
    *datasets,
    *evaluations,
]
