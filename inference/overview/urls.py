"""Addresses of the overview, as pages and by REST."""

from django.urls import path

from inference.overview import api, pages

urlpatterns = [
    path("overview/", pages.overview_page, name="overview"),
    path("overview/overview.csv", pages.overview_csv, name="overview_csv"),
]
api_urlpatterns = [
    path("overview/", api.OverviewView.as_view(), name="overview"),
    path("overview/csv/", api.OverviewCsvView.as_view(), name="overview-csv"),
]
