"""Slices and masks as the pages ask for them."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_safe

from cases.access import annotation_get, series_get
from cases.imaging.downloads import download
from cases.imaging.slices import slice_response


@login_required
@require_safe
def slice_page(request: HttpRequest, series_id: str, z: int) -> HttpResponse:
    series = series_get(request.user, series_id)
    return slice_response(request, series.volume, series.pixel_hash, z)


@login_required
@require_safe
def mask_slice_page(request: HttpRequest, annotation_id: str, z: int) -> HttpResponse:
    annotation = annotation_get(request.user, annotation_id)
    return slice_response(request, annotation.mask, annotation.pixel_hash, z)


@login_required
@require_safe
def mask_download_page(request: HttpRequest, annotation_id: str, kind: str) -> HttpResponseBase:
    return download(request, annotation_get(request.user, annotation_id), kind)
