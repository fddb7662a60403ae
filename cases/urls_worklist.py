from django.urls import path

from cases import pages_worklist

app_name = "worklist"
urlpatterns = [
    path("queue/next/", pages_worklist.next_page, name="next"),
    path("cases/<uuid:case_id>/assign/", pages_worklist.assign_page, name="assign"),
]
