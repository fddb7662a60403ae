"""Pages of the groups that cases are assigned to."""

from __future__ import annotations

import uuid
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
from cases.worklist.forms import GroupForm
from cases.worklist.groups import group_change, group_create, group_delete
from cases.worklist.queue import readers_at
from spineplatform.shared.errors import UserError
from spineplatform.shared.messages import sentence


@login_required
@require_http_methods(["GET", "POST"])
def groups_page(request: HttpRequest) -> HttpResponse:
    """Context: ``places``, see `_place`. POST makes a group; what was typed stays in the form when it is refused."""
    require_anywhere(request.user, Capability.ASSIGN)
    if request.method == "GET":
        return _shown(request)
    home = institution_get(request.user, request.POST.get("institution", ""), Capability.ASSIGN)
    is_saved = _write(request, lambda **given: group_create(institution=home, actor=request.user, **given))
    return redirect("worklist:groups") if is_saved else _shown(request, refused=home.pk)


@login_required
@require_POST
def group_page(request: HttpRequest, group_id: str) -> HttpResponse:
    group = group_get(request.user, group_id)
    is_saved = _write(request, lambda **given: group_change(group=group, actor=request.user, **given))
    return redirect("worklist:groups") if is_saved else _shown(request, refused=group.pk)


def _shown(request: HttpRequest, refused: uuid.UUID | None = None) -> HttpResponse:
    """The page; ``refused`` is the institution or the group whose form was sent and keeps what was typed."""
    numbers = {int(one) for one in request.POST.getlist("members") if one.isdecimal()}
    typed = {"key": refused, "name": request.POST.get("name", ""), "members": numbers} if refused else {}
    homes = institutions_with(request.user, Capability.ASSIGN)
    context = {"places": [_place(home, typed) for home in homes]}
    return render(request, "cases/groups.html", context, status=400 if refused else 200)


def _place(home: Institution, typed: dict[str, Any]) -> dict[str, Any]:
    """An ``institution`` with its ``groups``, the form of a ``new`` one, and the ``people`` who can be members."""
    rows = home.reader_groups.annotate(case_count=Count("assignments")).order_by("name").prefetch_related("members")
    groups = []
    for group in rows:
        members = {one.pk for one in group.members.all()}
        kept = {"key": group.pk, "name": group.name, "members": members}
        form = typed if typed.get("key") == group.pk else kept
        groups.append({"group": group, "form": form, "size": len(members), "cases": group.case_count})
    empty = {"key": home.pk, "name": "", "members": set()}
    new = typed if typed.get("key") == home.pk else empty
    return {"institution": home, "groups": groups, "new": new, "people": readers_at([home.pk]).people}


@login_required
@require_POST
def group_remove_page(request: HttpRequest, group_id: str) -> HttpResponse:
    freed = group_delete(group=group_get(request.user, group_id), actor=request.user)
    said = _("The group was removed.")
    if freed:
        said += " " + ngettext(
            "%(n)s case of the group is unassigned again.", "%(n)s cases of the group are unassigned again.", freed
        ) % {"n": freed}
    messages.success(request, said)
    return redirect("worklist:groups")


def _write(request: HttpRequest, action: Any) -> bool:
    """Whether it was done; the page says how it went."""
    form = GroupForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Give the group a name of at most 80 characters, and choose its members."))
        return False
    try:
        action(**form.cleaned_data)
    except UserError as error:
        messages.error(request, sentence(error.message))
        return False
    messages.success(request, _("The group was saved."))
    return True
