"""Addresses of versions in the REST API."""

from django.urls import path

from training.versions import api, api_sharing

urlpatterns = [
    path("models/", api.ModelListView.as_view(), name="models"),
    path("models/<uuid:version_id>/", api.ModelView.as_view(), name="model"),
    path("models/<uuid:version_id>/download/", api.ModelDownloadView.as_view(), name="model-download"),
    path("models/<uuid:version_id>/activate/", api.ModelActivateView.as_view(), name="model-activate"),
    path("models/<uuid:version_id>/retire/", api.ModelRetireView.as_view(), name="model-retire"),
    path("models/<uuid:version_id>/restore/", api.ModelRestoreView.as_view(), name="model-restore"),
    path("models/<uuid:version_id>/shares/", api_sharing.SharesView.as_view(), name="model-shares"),
    path("models/<uuid:version_id>/shares/<uuid:institution_id>/", api_sharing.ShareView.as_view(), name="model-share"),
    path("cases/<uuid:case_id>/versions/", api.CaseVersionsView.as_view(), name="case-versions"),
]
