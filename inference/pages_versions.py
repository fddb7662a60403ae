"""Part of the page of a version: the masks that it made."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from inference.selectors import masks_of_version
from registry.access import version_get

PER_PAGE = 10


@login_required
@require_safe
def version_masks(request: HttpRequest, version_id: str) -> HttpResponse:
    """Context: ``version``, ``page`` of its masks (Prediction)."""
    version = version_get(request.user, version_id)
    page = Paginator(masks_of_version(request.user, version), PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "inference/_version_masks.html", {"version": version, "page": page})
