"""Addresses of the REST API about versions, beside those of `training.api`."""

from django.urls import path

from training import api_versions

urlpatterns = [
    path("models/<uuid:version_id>/retire/", api_versions.ModelRetireView.as_view(), name="model-retire"),
    path("models/<uuid:version_id>/restore/", api_versions.ModelRestoreView.as_view(), name="model-restore"),
    path("cases/<uuid:case_id>/versions/", api_versions.CaseVersionsView.as_view(), name="case-versions"),
]
