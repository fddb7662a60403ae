from django.urls import path

from training import pages

app_name = "training"
urlpatterns = [
    path("", pages.versions_page, name="versions"),
    path("<uuid:version_id>/download/", pages.version_download, name="download"),
    path("<uuid:version_id>/activate/", pages.activate_action, name="activate"),
]
