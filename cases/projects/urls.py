from django.urls import path

from cases.projects import pages

app_name = "projects"
urlpatterns = [
    path("projects/", pages.projects_page, name="projects"),
    path("projects/<uuid:project_id>/", pages.project_page, name="project"),
    path("projects/<uuid:project_id>/change/", pages.change_page, name="change"),
    path("projects/<uuid:project_id>/series/", pages.series_action, name="add_series"),
    path("projects/<uuid:project_id>/variation/", pages.variation_page, name="variation"),
    path("readings/<uuid:item_id>/", pages.item_page, name="item"),
    path("readings/<uuid:item_id>/finish/", pages.finish_action, name="finish"),
    path("readings/<uuid:item_id>/figures/", pages.figures_action, name="figures"),
    path("readings/<uuid:item_id>/propose/", pages.propose_action, name="propose"),
    path("readings/<uuid:item_id>/decide/", pages.decide_action, name="decide"),
    path("readings/<uuid:item_id>/reopen/", pages.reopen_action, name="reopen"),
    path("readings/<uuid:item_id>/remove/", pages.remove_action, name="remove"),
]
