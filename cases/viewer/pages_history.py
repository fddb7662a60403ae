"""The page that tells what happened to a series."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from cases.access import series_get
from cases.viewer.history import history_of


@login_required
@require_safe
def history_page(request: HttpRequest, series_id: str) -> HttpResponse:
    """Context: ``series``, ``case``, ``events`` (Event, newest first)."""
    series = series_get(request.user, series_id)
    context = {"series": series, "case": series.case, "events": history_of(series, request.user)}
    return render(request, "cases/history.html", context)
