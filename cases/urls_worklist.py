from django.urls import path

from cases import pages_comments, pages_worklist

app_name = "worklist"
urlpatterns = [
    path("queue/next/", pages_worklist.next_page, name="next"),
    path("cases/<uuid:case_id>/assign/", pages_worklist.assign_page, name="assign"),
    path("notices/", pages_comments.notices_page, name="notices"),
    path("series/<uuid:series_id>/comment/", pages_comments.comment_page, name="comment"),
]
