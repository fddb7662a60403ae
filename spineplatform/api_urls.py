"""Every address of the REST API, below /api/v1/."""

from django.urls import path

from accounts import api as accounts
from cases.urls_api import urlpatterns as cases
from inference.urls_api import urlpatterns as inference
from spineplatform import api_runs
from training.urls_api import urlpatterns as training

app_name = "api"
urlpatterns = [
    path("auth/token/", accounts.TokenView.as_view(), name="token"),
    path("auth/tokens/", accounts.TokenListView.as_view(), name="tokens"),
    path("auth/tokens/<slug:start>/", accounts.TokenNamedView.as_view(), name="token-named"),
    path("me/", accounts.MeView.as_view(), name="me"),
    path("institutions/", accounts.InstitutionListView.as_view(), name="institutions"),
    path("users/", accounts.UserListView.as_view(), name="users"),
    path("users/<int:user_id>/", accounts.UserView.as_view(), name="user"),
    path("users/<int:user_id>/roles/", accounts.UserRolesView.as_view(), name="user-roles"),
    *cases,
    *training,
    *inference,
    path("runs/<str:kind>/<uuid:run_id>/", api_runs.RunView.as_view(), name="run"),
    path("runs/<str:kind>/<uuid:run_id>/cancel/", api_runs.RunCancelView.as_view(), name="run-cancel"),
    path("runs/<str:kind>/<uuid:run_id>/retry/", api_runs.RunRetryView.as_view(), name="run-retry"),
]
