"""Addresses of splits, below those of this app."""

from django.urls import path

from training.splits import pages

urlpatterns = [
    path("splits/", pages.splits_page, name="splits"),
    path("splits/draw/", pages.draw_action, name="splits_draw"),
    path("splits/<uuid:patient_id>/set/", pages.set_action, name="split_set"),
]
