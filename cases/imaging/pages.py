"""Files of masks as the pages ask for them."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from cases.access import mask_get
from cases.imaging.downloads import download


@login_required
@require_safe
def mask_download_page(request: HttpRequest, annotation_id: str, kind: str) -> HttpResponseBase:
    return download(request, mask_get(request.user, annotation_id), kind)
