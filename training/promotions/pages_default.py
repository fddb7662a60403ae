"""Page: the platform's versions and its default, for whoever runs the platform."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.models import Institution
from registry.access import platform_required, version_get
from registry.models import ActiveVersion
from registry.selectors import as_seen_by, versions_seen
from spineplatform.shared.errors import UserError
from spineplatform.shared.messages import sentence
from training.promotions.pages import HISTORY
from training.promotions.selectors import promotions_seen
from training.promotions.services import default_choose


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def default_page(request: HttpRequest) -> HttpResponse:
    """Context: ``versions`` of the platform, those that are ``choosable``, ``promotions`` of its default, ``following``
    and ``choosing`` (how many institutions use the default, and have chosen a version). POST chooses the default.
    """
    platform_required(request.user)
    if request.method == "POST":
        return _choose(request)
    choosing = ActiveVersion.objects.filter(institution__isnull=False).values("institution").distinct().count()
    versions = as_seen_by(request.user, versions_seen(request.user).filter(owner__isnull=True))
    context = {
        "versions": versions,
        "choosable": [one for one in versions if not one.retired and not one.is_default],
        "promotions": promotions_seen(request.user).filter(institution__isnull=True)[:HISTORY],
        "choosing": choosing,
        "following": Institution.objects.count() - choosing,
    }
    return render(request, "training/default.html", context)


def _choose(request: HttpRequest) -> HttpResponse:
    version = version_get(request.user, request.POST.get("version", ""))
    try:
        default_choose(version=version, actor=request.user, reason=request.POST.get("reason", "")[:2000])
    except UserError as error:
        messages.error(request, sentence(error.message))
    else:
        said = _("%(version)s is now the platform default.")
        messages.success(request, said % {"version": version})
    return redirect("training:default")
