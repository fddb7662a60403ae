from django.urls import path

from cases import pages_comments, pages_groups, pages_worklist

app_name = "worklist"
urlpatterns = [
    path("queue/next/", pages_worklist.next_page, name="next"),
    path("cases/assign/", pages_worklist.assign_many_page, name="assign_many"),
    path("cases/filters/", pages_worklist.filter_page, name="filter"),
    path("cases/filters/<uuid:filter_id>/remove/", pages_worklist.filter_remove_page, name="filter_remove"),
    path("cases/<uuid:case_id>/assign/", pages_worklist.assign_page, name="assign"),
    path("groups/", pages_groups.groups_page, name="groups"),
    path("groups/<uuid:group_id>/", pages_groups.group_page, name="group"),
    path("groups/<uuid:group_id>/remove/", pages_groups.group_remove_page, name="group_remove"),
    path("notices/", pages_comments.notices_page, name="notices"),
    path("series/<uuid:series_id>/comment/", pages_comments.comment_page, name="comment"),
]
