"""Addresses of tasks, below those of this app."""

from django.urls import path

from training.structures import downloads, pages, pages_edit

urlpatterns = [
    path("tasks/", pages.tasks_page, name="tasks"),
    path("tasks/default/<uuid:institution_id>/", pages.default_tasks_action, name="default_tasks"),
    path("tasks/<str:slug>/", pages.task_page, name="task"),
    path("tasks/<str:slug>/edit/", pages_edit.edit_page, name="task_edit"),
    path("tasks/<str:slug>/delete/", pages.delete_action, name="task_delete"),
    path("tasks/<str:slug>/rules/", pages_edit.rule_page, name="task_rule"),
    path("tasks/<str:slug>/rules/<str:target>/delete/", pages_edit.rule_delete_action, name="task_rule_delete"),
    path("tasks/<str:slug>/labels/<str:kind>", downloads.labels_download, name="task_labels"),
]
