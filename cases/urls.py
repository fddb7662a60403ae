from django.urls import path

from cases import pages
from cases.checks import pages as checks
from cases.imaging import pages as imaging
from cases.intake import pages as intake
from cases.worklist import pages as worklist

app_name = "cases"
urlpatterns = [
    path("cases/", worklist.list_page, name="list"),
    path("cases/upload/", intake.upload_page, name="upload"),
    path("cases/uploads/<uuid:upload_id>/", intake.upload_detail_page, name="upload_detail"),
    path("cases/<uuid:case_id>/", pages.detail_page, name="detail"),
    path("import-runs/<uuid:run_id>/cancel/", intake.import_run_action, {"action": "cancel"}, name="import_cancel"),
    path("import-runs/<uuid:run_id>/retry/", intake.import_run_action, {"action": "retry"}, name="import_retry"),
    path("series/<uuid:series_id>/", pages.series_page, name="series"),
    path("series/<uuid:series_id>/masks/upload/", intake.mask_upload_page, name="mask_upload"),
    path("masks/pending/<uuid:pending_id>/", intake.mask_mapping_page, name="mask_mapping"),
    path("masks/<uuid:annotation_id>/confirm/", checks.mask_confirm_page, name="mask_confirm"),
    path("masks/<uuid:annotation_id>/download/<str:kind>", imaging.mask_download_page, name="mask_download"),
]
