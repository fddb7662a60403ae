"""Pages of the reading room."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from cases.access import series_get
from cases.access_log import log_series_view
from cases.comments.services import notices_followed
from cases.models import ReadingItem
from cases.projects.selectors import item_taken_part, measurements_for
from cases.viewer.selectors import first_slice, measurements_as_csv, reading_of
from spineplatform.shared import audit


@login_required
@require_safe
@ensure_csrf_cookie
def read_page(request: HttpRequest, series_id: str) -> HttpResponse:
    """The viewer. Context: ``series``, ``case``, ``reading`` (for json_script, see reading_of of reading.selectors),
    ``item`` (the series in a project, which signs it, or None), ``takes_part`` (is it to be read or settled by the
    person?).

    ``mask`` in the address names the mask to work on, ``compare`` the one whose difference is shown, ``slice`` the
    slice to start on, counted from 1.
    """
    series = series_get(request.user, series_id)
    log_series_view(series, request.user)
    notices_followed(case=series.case, actor=request.user)
    reading = reading_of(series, request.user)
    reading["first_slice"] = first_slice(reading, *(request.GET.get(name, "") for name in ("mask", "compare", "slice")))
    item = ReadingItem.objects.filter(series=series).select_related("project").first()
    part = item_taken_part(series, request.user)
    context = {"series": series, "case": series.case, "reading": reading, "item": item, "takes_part": part is not None}
    return render(request, "viewer/read.html", context)


@login_required
@require_safe
def measurements_csv(request: HttpRequest, series_id: str) -> HttpResponse:
    """The measurements of a series as a CSV attachment; the download is recorded."""
    series = series_get(request.user, series_id)
    measurements = measurements_for(series, request.user)
    response = HttpResponse(measurements_as_csv(measurements), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="measurements-{series.pk}.csv"'
    audit.record(
        actor=request.user,
        action="measurements.downloaded",
        object_id=series.pk,
        institution_id=series.institution_id,
    )
    return response
