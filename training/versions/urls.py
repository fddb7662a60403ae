"""Addresses of the registry of versions, below those of this app."""

from django.urls import path

from training.versions import downloads, pages

urlpatterns = [
    path("", pages.versions_page, name="versions"),
    path("<uuid:version_id>/download/", downloads.version_download, name="download"),
    path("import/", pages.import_action, name="version_import"),
    path("compare/", pages.compare_page, name="versions_compare"),
    path("patients-of/<uuid:case_id>/", pages.case_versions, name="case_versions"),
    path("<uuid:version_id>/", pages.version_page, name="version"),
    path("<uuid:version_id>/notes/", pages.notes_action, name="version_notes"),
    path("<uuid:version_id>/retire/", pages.version_action, {"action": "retire"}, name="version_retire"),
    path("<uuid:version_id>/restore/", pages.version_action, {"action": "restore"}, name="version_restore"),
    path("<uuid:version_id>/delete/", pages.delete_action, name="version_delete"),
    path("<uuid:version_id>/share/", pages.share_action, name="version_share"),
    path("<uuid:version_id>/share/<uuid:institution_id>/end/", pages.unshare_action, name="version_unshare"),
]
