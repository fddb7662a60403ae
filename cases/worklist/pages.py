"""Pages of the work list: the list with its filters, on to the next case, and who is to read one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts.access import Capability, institutions_with, require_anywhere
from cases.access import case_get, filter_get
from cases.models import Case, CaseState
from cases.models.comments import read_address
from cases.worklist.assignments import MOST_AT_ONCE, To, cases_assign
from cases.worklist.filters import HELD, SENT_BACK
from cases.worklist.forms import AssignForm, FilterForm, ManyAssignForm, WorkListForm, reader_choices
from cases.worklist.groups import filter_remove, filter_save
from cases.worklist.queue import readers_at, series_next
from cases.worklist.selectors import (
    PAGE_SIZE,
    case_counts,
    case_page,
    held_count,
    institutions_seen,
    list_version,
    lists_followed,
    sent_back_count,
)
from spineplatform.shared.errors import UserError
from spineplatform.shared.messages import sentence

MOST_SHOWN = 200


# --- the list ---------------------------------------------------------------------------------------------------------
@login_required
@require_safe
def list_page(request: HttpRequest) -> HttpResponse:
    """Context: that of `_listed`; htmx asks for the rows alone.

    The whole page has also ``states`` (of the cases that fit, with their number and address), ``saved`` (filters),
    ``query`` (of what is narrowed now), ``assign_to`` (choices, empty where the person may not assign) and
    ``most_shown`` (rows of `now_page`).
    """
    form, context = _listed(request, PAGE_SIZE)
    if request.htmx and not request.htmx.boosted:  # type: ignore[attr-defined]
        return render(request, "cases/_rows.html", context)
    may_assign = institutions_with(request.user, Capability.ASSIGN)
    context |= {
        "states": _states(request, form),
        "most_shown": MOST_SHOWN,
        "saved": request.user.case_filters.all(),  # type: ignore[union-attr]
        "query": form.query(),
        "assign_to": reader_choices(readers_at(list(may_assign))),
    }
    return render(request, "cases/list.html", context)


@login_required
@require_safe
def now_page(request: HttpRequest) -> HttpResponse:
    """What an open list that shows so many rows (``shown``) compares itself with. Context: `_listed` and ``states``."""
    form, context = _listed(request, _size(request.GET.get("shown", "")))
    return render(request, "cases/_now.html", context | {"states": _states(request, form)})


def _listed(request: HttpRequest, size: int) -> tuple[WorkListForm, dict[str, Any]]:
    """``page`` (CasePage), ``form`` (WorkListForm), ``next_url``, ``may_assign``, and ``followed``: the institutions
    whose cases are listed, each with its ``version``.
    """
    require_anywhere(request.user, Capability.VIEW_CASES)
    form = _form(request)
    followed = _followed(request, form)  # first: what changes from here on is another version
    page = case_page(request.user, form.narrowed(), after=request.GET.get("after", ""), size=size)
    return form, {
        "page": page,
        "form": form,
        "next_url": f"?{form.query(after=page.after)}" if page.after else "",
        "may_assign": institutions_with(request.user, Capability.ASSIGN).exists(),
        "followed": followed,
    }


def _form(request: HttpRequest) -> WorkListForm:
    seen = institutions_seen(request.user)
    return WorkListForm(request.GET, institutions=seen, readers=readers_at(list(seen)))


def _followed(request: HttpRequest, form: WorkListForm) -> list[dict[str, Any]]:
    narrowed = form.narrowed().institution
    lists = lists_followed(request.user)
    return [{"pk": one.pk, "version": list_version(one)} for one in (lists.filter(pk=narrowed) if narrowed else lists)]


def _size(shown: str) -> int:
    """Of a page that has grown by “Show more”; what is no number of rows counts as none."""
    return min(max(int(shown), PAGE_SIZE), MOST_SHOWN) if shown.isdecimal() and len(shown) < 9 else PAGE_SIZE


def _states(request: HttpRequest, form: WorkListForm) -> list[dict[str, Any]]:
    counts = case_counts(request.user, form.narrowed())
    chosen = form.narrowed().state
    every = [("", _("All"), sum(counts.values()))]
    every += [(state.value, str(state.label), counts.get(state, 0)) for state in CaseState]
    returned = sent_back_count(request.user, form.narrowed())
    if returned or chosen == SENT_BACK:
        every.append((SENT_BACK, _("Sent back"), returned))
    held = held_count(request.user, form.narrowed())
    if held or chosen == HELD:
        every.append((HELD, _("Mask held back"), held))
    return [
        {"label": label, "count": count, "url": f"?{form.query(state=value)}", "is_chosen": value == chosen}
        for value, label, count in every
    ]


@login_required
@require_POST
def filter_page(request: HttpRequest) -> HttpResponse:
    """Keep the filter in the query of the address under the name that was sent."""
    form, named = _form(request), FilterForm(request.POST)
    address = f"{reverse('cases:list')}?{form.query()}"
    if not named.is_valid():
        messages.error(request, _("Give the filter a name of at most 60 characters."))
        return redirect(address)
    try:
        filter_save(actor=request.user, name=named.cleaned_data["name"], query=form.query())
    except UserError as error:
        messages.error(request, sentence(error.message))
    else:
        messages.success(request, _("The filter was saved."))
    return redirect(address)


@login_required
@require_POST
def filter_remove_page(request: HttpRequest, filter_id: str) -> HttpResponse:
    filter_remove(saved=filter_get(request.user, filter_id))
    return redirect("cases:list")


# --- reading on -------------------------------------------------------------------------------------------------------
@login_required
@require_safe
def next_page(request: HttpRequest) -> HttpResponse:
    """To the reading room of the series that waits longest for this person."""
    require_anywhere(request.user, Capability.REVIEW)
    found = series_next(request.user)
    if found is not None:
        return redirect(read_address(found.pk))
    messages.info(request, _("Nothing is assigned to you or waiting."))
    return redirect("cases:list")


# --- who is to read ---------------------------------------------------------------------------------------------------
@login_required
@require_POST
def assign_page(request: HttpRequest, case_id: str) -> HttpResponse:
    case = case_get(request.user, case_id, Capability.ASSIGN)
    _assign(request, [case], AssignForm(request.POST))
    return redirect(case)


@login_required
@require_POST
def assign_many_page(request: HttpRequest) -> HttpResponse:
    """Assign the chosen cases of the list; back to it as it was."""
    require_anywhere(request.user, Capability.ASSIGN)
    form = ManyAssignForm(request.POST)
    chosen = list(dict.fromkeys(form.cleaned_data["cases"])) if form.is_valid() else []
    if not chosen:
        messages.error(request, _("Choose at least one case from the list, and a person or a group."))
        return _back_to_list(request)
    _assign(request, [case_get(request.user, pk, Capability.ASSIGN) for pk in chosen[:MOST_AT_ONCE]], form)
    if len(chosen) > MOST_AT_ONCE:
        messages.warning(
            request,
            _(
                "Only the first of the chosen cases were assigned: too many were chosen at once. Choose the remaining "
                "ones again."
            ),
        )
    return _back_to_list(request)


def _assign(request: HttpRequest, cases: Sequence[Case], form: AssignForm) -> None:
    if not form.is_valid():
        messages.error(request, _("Choose a person or a group from the list and a date, or leave both empty."))
        return
    to: To = form.cleaned_data["assignee"]
    try:
        cases_assign(cases=cases, actor=request.user, to=to, due_on=form.cleaned_data["due_on"])
    except UserError as error:
        messages.error(request, sentence(error.message))
        return
    count = len(cases)
    if to.is_nobody:
        said = ngettext("%(n)s case is no longer assigned.", "%(n)s cases are no longer assigned.", count)
    else:
        said = ngettext("%(n)s case was assigned.", "%(n)s cases were assigned.", count)
    messages.success(request, said % {"n": count})


def _back_to_list(request: HttpRequest) -> HttpResponseRedirect:
    query = _form(request).query()
    return redirect(f"{reverse('cases:list')}?{query}" if query else "cases:list")
