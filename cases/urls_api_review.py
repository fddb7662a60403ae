"""Addresses of the REST API about the sign-off."""

from django.urls import path

from cases import api_assignments, api_comments, api_groups, api_history, api_review

urlpatterns = [
    path("series/<uuid:series_id>/reviews/", api_review.ReviewListView.as_view(), name="reviews"),
    path("series/<uuid:series_id>/history/", api_history.HistoryView.as_view(), name="history"),
    path("cases/<uuid:case_id>/open/", api_review.CaseOpenView.as_view(), name="case-open"),
    path("queue/next/", api_review.QueueNextView.as_view(), name="queue-next"),
    path("assignments/", api_assignments.AssignmentListView.as_view(), name="assignments"),
    path("cases/<uuid:case_id>/assignees/", api_assignments.AssigneeListView.as_view(), name="assignees"),
    path("groups/", api_groups.GroupListView.as_view(), name="groups"),
    path("groups/<uuid:group_id>/", api_groups.GroupView.as_view(), name="group"),
    path("case-filters/", api_groups.FilterListView.as_view(), name="filters"),
    path("case-filters/<uuid:filter_id>/", api_groups.FilterView.as_view(), name="filter"),
    path("series/<uuid:series_id>/comments/", api_comments.CommentListView.as_view(), name="comments"),
    path("series/<uuid:series_id>/comments/people/", api_comments.PeopleView.as_view(), name="comment-people"),
    path("notices/", api_comments.NoticeListView.as_view(), name="notices"),
    path("notices/read/", api_comments.NoticeReadView.as_view(), name="notices-read"),
]
