from django.urls import path

from training import pages, pages_versions
from training.urls_datasets import urlpatterns as datasets
from training.urls_evaluations import urlpatterns as evaluations
from training.urls_training import urlpatterns as trainings
from training.urls_versions import urlpatterns as versions

app_name = "training"
urlpatterns = [
    path("", pages_versions.versions_page, name="versions"),
    path("<uuid:version_id>/download/", pages.version_download, name="download"),
    *datasets,
    *evaluations,
    *versions,
    *trainings,
]
