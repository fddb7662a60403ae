"""The page of a case, and the way to that of a series."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.access import Capability, has_capability
from cases.access import case_get, series_get
from cases.access_log import log_case_view
from cases.comments.services import notices_followed
from cases.models import Assignment
from cases.worklist.forms import reader_choices
from cases.worklist.queue import readers_at
from cases.worklist.selectors import series_of


@login_required
@require_safe
def detail_page(request: HttpRequest, case_id: str) -> HttpResponse:
    """Context: ``case``, ``series_list`` (each with ``annotations``), ``assignment``, ``assign_to`` (choices; None:
    the person may not assign), ``may_segment``, ``may_confirm``, ``may_upload_mask``.
    """
    case = case_get(request.user, case_id)
    log_case_view(case, request.user)
    notices_followed(case=case, actor=request.user)
    may_assign = has_capability(request.user, case.institution_id, Capability.ASSIGN)
    context = {
        "case": case,
        "series_list": list(series_of(case, request.user)),
        "assignment": Assignment.objects.filter(case=case).select_related("assignee", "group").first(),
        "assign_to": reader_choices(readers_at([case.institution_id])) if may_assign else None,
        "may_segment": has_capability(request.user, case.institution_id, Capability.SEGMENT),
        "may_confirm": has_capability(request.user, case.institution_id, Capability.CORRECT_MASK),
        "may_upload_mask": has_capability(request.user, case.institution_id, Capability.UPLOAD_MASK),
    }
    return render(request, "cases/detail.html", context)


@login_required
@require_safe
def series_page(request: HttpRequest, series_id: str) -> HttpResponse:
    """The series' one page is the result page, which also shows a series without a mask; the query goes with it."""
    address = reverse("inference:view", args=[series_get(request.user, series_id).pk])
    query = request.META.get("QUERY_STRING", "")
    return redirect(f"{address}?{query}" if query else address)
