from django.urls import path

from accounts import pages

app_name = "accounts"
urlpatterns = [
    path("people/", pages.people_page, name="people"),
    path("people/<uuid:institution_id>/<int:user_id>/roles/", pages.roles_page, name="roles"),
    path("people/<int:user_id>/account/", pages.account_page, name="account"),
    path("profile/", pages.profile_page, name="profile"),
]
