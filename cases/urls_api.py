"""Every address of this app in the REST API."""

from django.urls import path

from cases.checks import api as checks
from cases.comments import api as comments
from cases.imaging import api_masks, api_pending_masks, api_slices
from cases.intake import api as intake
from cases.projects.urls_api import urlpatterns as agreement
from cases.review import api as review
from cases.viewer import api as reading
from cases.viewer import api_history
from cases.worklist import api as worklist
from cases.worklist import api_assignments, api_groups

urlpatterns = [
    path("uploads/", intake.UploadListView.as_view(), name="uploads"),
    path("uploads/<uuid:upload_id>/", intake.UploadView.as_view(), name="upload"),
    path("cases/", worklist.CaseListView.as_view(), name="cases"),
    path("cases/counts/", worklist.CaseCountsView.as_view(), name="case-counts"),
    path("cases/<uuid:case_id>/", worklist.CaseView.as_view(), name="case"),
    path("series/<uuid:series_id>/slices/<int:z>/", api_slices.SeriesSliceView.as_view(), name="series-slice"),
    path("series/<uuid:series_id>/slices/", api_slices.SeriesSlicesView.as_view(), name="series-slices"),
    path("series/<uuid:series_id>/reading/", reading.ReadingView.as_view(), name="reading"),
    path("series/<uuid:series_id>/corrections/", reading.CorrectionListView.as_view(), name="corrections"),
    path("series/<uuid:series_id>/draft/", reading.DraftView.as_view(), name="draft"),
    path("series/<uuid:series_id>/measurements/", reading.MeasurementListView.as_view(), name="measurements"),
    path("measurements/<uuid:measurement_id>/", reading.MeasurementView.as_view(), name="measurement"),
    path("me/viewer-settings/", reading.ViewerSettingsView.as_view(), name="viewer-settings"),
    path("series/<uuid:series_id>/masks/", api_masks.MaskListView.as_view(), name="masks"),
    path(
        "series/<uuid:series_id>/pending-masks/", api_pending_masks.PendingMaskListView.as_view(), name="pending-masks"
    ),
    path("pending-masks/<uuid:pending_id>/", api_pending_masks.PendingMaskView.as_view(), name="pending-mask"),
    path(
        "pending-masks/<uuid:pending_id>/pictures/<int:value>/",
        api_pending_masks.PendingMaskPictureView.as_view(),
        name="pending-mask-picture",
    ),
    path("masks/<uuid:mask_id>/", api_masks.MaskView.as_view(), name="mask"),
    path("masks/<uuid:mask_id>/check/", checks.MaskCheckView.as_view(), name="mask-check"),
    path("masks/<uuid:mask_id>/confirmation/", checks.MaskConfirmView.as_view(), name="mask-confirm"),
    path("masks/<uuid:mask_id>/slices/", api_slices.MaskSlicesView.as_view(), name="mask-slices"),
    path("masks/<uuid:mask_id>/slices/<int:z>/", api_masks.MaskSliceView.as_view(), name="mask-slice"),
    path("masks/<uuid:mask_id>/download/<str:kind>/", api_masks.MaskDownloadView.as_view(), name="mask-download"),
    path("series/<uuid:series_id>/reviews/", review.ReviewListView.as_view(), name="reviews"),
    path("series/<uuid:series_id>/history/", api_history.HistoryView.as_view(), name="history"),
    path("cases/<uuid:case_id>/open/", review.CaseOpenView.as_view(), name="case-open"),
    path("queue/next/", review.QueueNextView.as_view(), name="queue-next"),
    path("assignments/", api_assignments.AssignmentListView.as_view(), name="assignments"),
    path("cases/<uuid:case_id>/assignees/", api_assignments.AssigneeListView.as_view(), name="assignees"),
    path("groups/", api_groups.GroupListView.as_view(), name="groups"),
    path("groups/<uuid:group_id>/", api_groups.GroupView.as_view(), name="group"),
    path("case-filters/", api_groups.FilterListView.as_view(), name="filters"),
    path("case-filters/<uuid:filter_id>/", api_groups.FilterView.as_view(), name="filter"),
    path("series/<uuid:series_id>/comments/", comments.CommentListView.as_view(), name="comments"),
    path("series/<uuid:series_id>/comments/people/", comments.PeopleView.as_view(), name="comment-people"),
    path("notices/", comments.NoticeListView.as_view(), name="notices"),
    path("notices/read/", comments.NoticeReadView.as_view(), name="notices-read"),
    *agreement,
]
