"""Addresses of reading projects, below those of the API."""

from django.urls import path

from cases.projects import api

urlpatterns = [
    path("projects/", api.ProjectListView.as_view(), name="projects"),
    path("projects/<uuid:project_id>/", api.ProjectView.as_view(), name="project"),
    path("projects/<uuid:project_id>/series/", api.ProjectSeriesView.as_view(), name="project-series"),
    path("readings/<uuid:item_id>/", api.ItemView.as_view(), name="reading-item"),
    path("readings/<uuid:item_id>/finish/", api.ItemFinishView.as_view(), name="reading-finish"),
    path("readings/<uuid:item_id>/figures/", api.ItemFiguresView.as_view(), name="reading-figures"),
    path("readings/<uuid:item_id>/proposals/", api.ItemProposalsView.as_view(), name="reading-proposals"),
    path("readings/<uuid:item_id>/decision/", api.ItemDecisionView.as_view(), name="reading-decision"),
    path("readings/<uuid:item_id>/reopening/", api.ItemReopeningView.as_view(), name="reading-reopening"),
]
