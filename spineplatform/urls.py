"""Every address of the platform."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path
from django.views.decorators.cache import cache_control
from django.views.i18n import JavaScriptCatalog, set_language
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from accounts.pages import PasswordChange, PasswordResetConfirm, home_page
from spineplatform.health import HEALTH, READY, health_page, ready_page

# Another language is another address (see base.html), so a browser may keep what it has for an hour.
javascript_catalogue = cache_control(private=True, max_age=3600)(JavaScriptCatalog.as_view(packages=None))

urlpatterns = [
    path("", home_page, name="home"),
    path("accounts/login/", auth.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("accounts/logout/", auth.LogoutView.as_view(), name="logout"),
    path("accounts/password/change/", PasswordChange.as_view(), name="password_change"),
    path("accounts/password/change/done/", auth.PasswordChangeDoneView.as_view(), name="password_change_done"),
    path("accounts/password/reset/", auth.PasswordResetView.as_view(), name="password_reset"),
    path("accounts/password/reset/done/", auth.PasswordResetDoneView.as_view(), name="password_reset_done"),
    path(
        "accounts/password/reset/<uidb64>/<token>/",
        PasswordResetConfirm.as_view(),
        name="password_reset_confirm",
    ),
    path("accounts/password/reset/complete/", auth.PasswordResetCompleteView.as_view(), name="password_reset_complete"),
    path("accounts/", include("accounts.urls")),
    path("", include("cases.urls")),
    path("", include("cases.viewer.urls")),
    path("", include("cases.worklist.urls")),
    path("", include("cases.projects.urls")),
    path("", include("inference.urls")),
    path("models/", include("training.urls")),
    path("language/", set_language, name="set_language"),
    path("language/words.js", javascript_catalogue, name="javascript_catalogue"),
    path("api/v1/", include("spineplatform.api_urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="api-docs"),
    path(HEALTH[1:], health_page, name="health"),
    path(READY[1:], ready_page, name="ready"),
    path("admin/", admin.site.urls),
]

# Under /api/ these answer in the API's one error shape.
handler400 = "spineplatform.shared.api.bad_request"
handler404 = "spineplatform.shared.api.not_found"
handler500 = "spineplatform.shared.api.server_error"
