from django.urls import path

from cases.comments import pages as comments
from cases.worklist import pages, pages_groups

app_name = "worklist"
urlpatterns = [
    path("queue/next/", pages.next_page, name="next"),
    path("cases/now/", pages.now_page, name="now"),
    path("cases/assign/", pages.assign_many_page, name="assign_many"),
    path("cases/filters/", pages.filter_page, name="filter"),
    path("cases/filters/<uuid:filter_id>/remove/", pages.filter_remove_page, name="filter_remove"),
    path("cases/<uuid:case_id>/assign/", pages.assign_page, name="assign"),
    path("groups/", pages_groups.groups_page, name="groups"),
    path("groups/<uuid:group_id>/", pages_groups.group_page, name="group"),
    path("groups/<uuid:group_id>/remove/", pages_groups.group_remove_page, name="group_remove"),
    path("notices/", comments.notices_page, name="notices"),
    path("series/<uuid:series_id>/comments/", comments.comments_page, name="comments"),
    path("series/<uuid:series_id>/comment/", comments.comment_page, name="comment"),
]
