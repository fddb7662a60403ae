"""Addresses of the registry of versions, below those of this app."""

from django.urls import path

from training import pages_versions

urlpatterns = [
    path("import/", pages_versions.import_action, name="version_import"),
    path("compare/", pages_versions.compare_page, name="versions_compare"),
    path("patients-of/<uuid:case_id>/", pages_versions.case_versions, name="case_versions"),
    path("<uuid:version_id>/", pages_versions.version_page, name="version"),
    path("<uuid:version_id>/notes/", pages_versions.notes_action, name="version_notes"),
    path("<uuid:version_id>/retire/", pages_versions.version_action, {"action": "retire"}, name="version_retire"),
    path("<uuid:version_id>/restore/", pages_versions.version_action, {"action": "restore"}, name="version_restore"),
    path("<uuid:version_id>/delete/", pages_versions.delete_action, name="version_delete"),
]
