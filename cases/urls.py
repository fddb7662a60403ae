from django.urls import path

from cases import pages, pages_worklist

app_name = "cases"
urlpatterns = [
    path("cases/", pages_worklist.list_page, name="list"),
    path("cases/upload/", pages.upload_page, name="upload"),
    path("cases/uploads/<uuid:upload_id>/", pages.upload_detail_page, name="upload_detail"),
    path("cases/<uuid:case_id>/", pages.detail_page, name="detail"),
    path("import-runs/<uuid:run_id>/cancel/", pages.import_run_action, {"action": "cancel"}, name="import_cancel"),
    path("import-runs/<uuid:run_id>/retry/", pages.import_run_action, {"action": "retry"}, name="import_retry"),
    path("series/<uuid:series_id>/", pages.series_page, name="series"),
    path("series/<uuid:series_id>/slices/<int:z>", pages.slice_page, name="slice"),
    path("series/<uuid:series_id>/masks/upload/", pages.mask_upload_page, name="mask_upload"),
    path("masks/<uuid:annotation_id>/slices/<int:z>", pages.mask_slice_page, name="mask_slice"),
    path("masks/<uuid:annotation_id>/download/<str:kind>", pages.mask_download_page, name="mask_download"),
]
