"""Pages: the overview for whoever leads."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import Capability, institutions_with
from inference.overview.api import OverviewIn, csv_response, scope_of
from inference.overview.presentation import charts_of, tables_of
from inference.overview.selectors import Scope, waiting_times


@login_required
@require_safe
def overview_page(request: HttpRequest) -> HttpResponse:
    """Context: ``scope``, ``waiting``, ``charts`` by name, ``tables``, ``institutions``, ``chosen`` (id or empty)."""
    scope = _scope(request)
    context = {
        "scope": scope,
        "waiting": waiting_times(scope),
        "charts": charts_of(scope),
        "tables": tables_of(scope),
        "institutions": institutions_with(request.user, Capability.VIEW_CASES).order_by("name"),
        "chosen": request.GET.get("institution", ""),
        "query": request.GET.urlencode(),
    }
    return render(request, "inference/overview.html", context)


@login_required
@require_safe
def overview_csv(request: HttpRequest) -> HttpResponse:
    return csv_response(_scope(request))


def _scope(request: HttpRequest) -> Scope:
    """What the address asks for; what cannot be understood is said and left out."""
    wanted = {name: value for name, value in request.GET.items() if value}
    given = OverviewIn(data=wanted)
    if given.is_valid():
        return scope_of(request.user, dict(given.validated_data))
    messages.error(request, _("The dates or the institution are not valid; showing the default of twelve weeks."))
    usual: dict[str, Any] = {}
    return scope_of(request.user, usual)
