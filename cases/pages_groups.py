"""Pages of the groups that cases are assigned to."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import Capability, institution_get, institutions_with, require_anywhere
from accounts.models import Institution
from cases.access import group_get
from cases.forms_worklist import GroupForm
from cases.grouping import group_change, group_create, group_delete
from cases.selectors_worklist import readers_at
from spineplatform.shared.errors import UserError


@login_required
@require_http_methods(["GET", "POST"])
def groups_page(request: HttpRequest) -> HttpResponse:
    """Context: ``places``: institutions with their ``groups`` and the ``people`` who can be members. POST makes one."""
    require_anywhere(request.user, Capability.ASSIGN)
    if request.method == "POST":
        home = institution_get(request.user, request.POST.get("institution", ""), Capability.ASSIGN)
        _write(request, lambda **given: group_create(institution=home, actor=request.user, **given))
        return redirect("worklist:groups")
    homes = institutions_with(request.user, Capability.ASSIGN)
    return render(request, "cases/groups.html", {"places": [_place(home) for home in homes]})


def _place(home: Institution) -> dict[str, Any]:
    groups = [
        {"group": group, "members": {one.pk for one in group.members.all()}, "cases": group.case_count}
        for group in home.reader_groups.annotate(case_count=Count("assignments")).prefetch_related("members")
    ]
    return {"institution": home, "groups": groups, "people": readers_at([home.pk]).people}


@login_required
@require_POST
def group_page(request: HttpRequest, group_id: str) -> HttpResponse:
    group = group_get(request.user, group_id)
    _write(request, lambda **given: group_change(group=group, actor=request.user, **given))
    return redirect("worklist:groups")


@login_required
@require_POST
def group_remove_page(request: HttpRequest, group_id: str) -> HttpResponse:
    freed = group_delete(group=group_get(request.user, group_id), actor=request.user)
    said = _("The group was removed.")
    if freed:
        said += " " + ngettext("%(n)s case is open to all again.", "%(n)s cases are open to all again.", freed) % {
            "n": freed
        }
    messages.success(request, said)
    return redirect("worklist:groups")


def _write(request: HttpRequest, action: Any) -> None:
    form = GroupForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Give the group a name of at most 80 characters, and choose its members."))
        return
    try:
        action(**form.cleaned_data)
    except UserError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("The group was saved."))
