"""Addresses of the overview, as pages and by REST."""

from django.urls import path

from inference import api_overview, pages_overview

urlpatterns = [
    path("overview/", pages_overview.overview_page, name="overview"),
    path("overview/overview.csv", pages_overview.overview_csv, name="overview_csv"),
]
api_urlpatterns = [
    path("overview/", api_overview.OverviewView.as_view(), name="overview"),
    path("overview/csv/", api_overview.OverviewCsvView.as_view(), name="overview-csv"),
]
