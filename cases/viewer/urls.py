from django.urls import path

from cases.viewer import pages as pages_reading
from cases.viewer import pages_history

app_name = "viewer"
urlpatterns = [
    path("series/<uuid:series_id>/read/", pages_reading.read_page, name="read"),
    path("series/<uuid:series_id>/history/", pages_history.history_page, name="history"),
    path("series/<uuid:series_id>/measurements.csv", pages_reading.measurements_csv, name="measurements_csv"),
]
