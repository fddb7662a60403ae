"""Addresses of tasks in the REST API."""

from django.urls import path

from training.structures import api, api_defaults, api_rules

urlpatterns = [
    path(
        "institutions/<uuid:institution_id>/default-tasks/",
        api_defaults.DefaultTasksView.as_view(),
        name="default-tasks",
    ),
    path("tasks/", api.TaskListView.as_view(), name="tasks"),
    path("task-files/", api.TaskFileView.as_view(), name="task-files"),
    path("tasks/<str:slug>/", api.TaskView.as_view(), name="task"),
    path("tasks/<str:slug>/rules/", api_rules.RelationListView.as_view(), name="task-rules"),
    path("tasks/<str:slug>/rules/<str:target>/", api_rules.RelationView.as_view(), name="task-rule"),
]
