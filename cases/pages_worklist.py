"""Pages of the work list: on to the next case, and who is to read one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import Capability, require_anywhere
from cases.access import case_get
from cases.assigning import cases_assign
from cases.selectors_worklist import reading_address, series_next


@login_required
@require_safe
def next_page(request: HttpRequest) -> HttpResponse:
    """To the reading room of the series that waits longest for this person."""
    require_anywhere(request.user, Capability.REVIEW)
    found = series_next(request.user)
    if found is not None:
        return redirect(reading_address(found))
    messages.info(request, _("Nothing waits for you."))
    return redirect("cases:list")


class AssignForm(forms.Form):
    assignee = forms.IntegerField(required=False)
    due_on = forms.DateField(required=False)


@login_required
@require_POST
def assign_page(request: HttpRequest, case_id: str) -> HttpResponse:
    case = case_get(request.user, case_id, Capability.ASSIGN)
    form = AssignForm(request.POST)
    if form.is_valid():
        given: dict[str, Any] = form.cleaned_data
        cases_assign(cases=[case], actor=request.user, assignee_id=given["assignee"], due_on=given["due_on"])
        messages.success(request, _("The case was assigned.") if given["assignee"] else _("The case is open to all."))
    else:
        messages.error(request, _("Choose a person of the list and a date, or leave both empty."))
    return redirect(case)
