"""Pages: reading projects, a series of one, and whether the model is inside human variation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Capability, has_capability, institutions_with, require_anywhere
from cases.access import mask_get
from cases.comments.services import notices_followed
from cases.models import ReadingItem, ReadingProject
from cases.models.projects import BEING_READ, SETTLED, AgreementJob, ProjectRole
from cases.projects.access import item_get, project_get
from cases.projects.forms import AddSeriesForm, ProjectChangeForm, ProjectForm
from cases.projects.presentation import equal_masks, pair_rows, summary_shown, variation_shown
from cases.projects.reading_services import agreement_compute, item_decide, jobs_offered, proposal_make, reading_finish
from cases.projects.reopening import item_reopen, may_reopen
from cases.projects.selectors import (
    ItemSeen,
    have_read,
    item_seen,
    items_listed,
    names_of,
    projects_seen,
    ready_to_adjudicate,
    series_offered,
)
from cases.projects.services import item_remove, project_add_series, project_change, project_create
from spineml.message import message
from spineplatform.shared.errors import UserError
from spineplatform.shared.messages import sentence


# --- projects ---------------------------------------------------------------------------------------------------------
@login_required
@require_http_methods(["GET", "POST"])
def projects_page(request: HttpRequest) -> HttpResponse:
    """Context: ``projects`` (with ``series_count``, ``settled_count``), ``form`` (ProjectForm; None: may not)."""
    require_anywhere(request.user, Capability.VIEW_CASES)
    if request.method == "POST":
        require_anywhere(request.user, Capability.MANAGE_PROJECTS)
    places = institutions_with(request.user, Capability.MANAGE_PROJECTS)
    form = ProjectForm(request.POST or None, institutions=places) if places.exists() else None
    if form is not None and request.method == "POST" and form.is_valid():
        try:
            project = project_create(
                institution=form.cleaned_data["institution"], actor=request.user, project=form.project()
            )
            return redirect(project)
        except UserError as error:
            form.add_error(None, sentence(error.message))
    context = {"projects": projects_seen(request.user), "form": form}
    return render(request, "projects/projects.html", context, status=400 if request.method == "POST" else 200)


@login_required
@require_safe
def project_page(request: HttpRequest, project_id: str) -> HttpResponse:
    """Context: ``project``, ``members``, ``items``, ``summary`` (see showing), ``form`` (AddSeriesForm; None
    for whoever may not), ``may_manage``, ``to_read`` and ``to_settle`` (the person's next series, or None)."""
    project = project_get(request.user, project_id)
    notices_followed(project=project, actor=request.user)
    return _project(request, project)


def _project(request: HttpRequest, project: ReadingProject, form: AddSeriesForm | None = None) -> HttpResponse:
    may_manage = has_capability(request.user, project.institution_id, Capability.MANAGE_PROJECTS)
    if form is None and may_manage:
        form = AddSeriesForm(offered=series_offered(project))
    members = list(project.members.select_related("user"))
    items = items_listed(project, request.user)
    part = next((one.role for one in members if one.user_id == request.user.pk and one.left_at is None), None)
    unread = (item for item in items if item.state in BEING_READ and item.mine is None)
    context = {
        "project": project,
        "members": members,
        "items": items,
        "summary": summary_shown(project.summary),
        "form": form,
        "may_manage": may_manage,
        "to_read": next(unread, None) if part == ProjectRole.READER else None,
        "to_settle": ready_to_adjudicate(project).first() if part == ProjectRole.ADJUDICATOR else None,
    }
    return render(request, "projects/project.html", context, status=400 if form and form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def change_page(request: HttpRequest, project_id: str) -> HttpResponse:
    """Context: ``project``, ``form`` (ProjectChangeForm), ``have_read`` (whose readings stay when they leave)."""
    project = project_get(request.user, project_id, Capability.MANAGE_PROJECTS)
    form = ProjectChangeForm(request.POST or None, project=project)
    if request.method == "POST" and form.is_valid():
        try:
            project_change(project=project, actor=request.user, changes=form.changes())
            messages.success(request, _("The project was changed. Decided series stay as they are."))
            return redirect(project)
        except UserError as error:
            form.add_error(None, sentence(error.message))
    context = {"project": project, "form": form, "have_read": have_read(project)}
    return render(request, "projects/change.html", context, status=400 if request.method == "POST" else 200)


@login_required
@require_POST
def series_action(request: HttpRequest, project_id: str) -> HttpResponse:
    project = project_get(request.user, project_id, Capability.MANAGE_PROJECTS)
    form = AddSeriesForm(request.POST, offered=series_offered(project))
    if not form.is_valid():
        return _project(request, project, form)
    try:
        project_add_series(project=project, series=form.cleaned_data["series"], actor=request.user)
    except UserError as error:
        messages.error(request, sentence(error.message))
    return redirect(project)


@login_required
@require_safe
def variation_page(request: HttpRequest, project_id: str) -> HttpResponse:
    """Is the model inside human variation? Context: ``project``, ``variation`` (see showing, or None),
    ``items`` (those with figures)."""
    project = project_get(request.user, project_id)
    context = {
        "project": project,
        "variation": variation_shown(project.summary),
        "items": [item for item in items_listed(project, request.user) if item.figures],
    }
    return render(request, "projects/variation.html", context)


# --- a series ---------------------------------------------------------------------------------------------------------
@login_required
@require_safe
def item_page(request: HttpRequest, item_id: str) -> HttpResponse:
    """Context: ``seen`` (ItemSeen), ``item``, ``project``, ``series``, ``pairs`` (rows of text), ``proposals``
    (pairs of job and words), ``equal`` (sentences), ``may_manage``, ``may_reopen``."""
    item = item_get(request.user, item_id)
    seen = item_seen(item, request.user)
    context = {
        "seen": seen,
        "item": item,
        "project": item.project,
        "series": item.series,
        "case": item.series.case,
        "pairs": pair_rows(seen.figures, names_of(item, request.user)),
        "proposals": [(job.value, job.label_for(len(seen.readings))) for job in jobs_offered(item)],
        "equal": _equal(seen),
        "may_manage": has_capability(request.user, item.institution_id, Capability.MANAGE_PROJECTS),
        "may_reopen": item.state in SETTLED and may_reopen(item, request.user),
        "may_compute": has_capability(request.user, item.institution_id, Capability.CORRECT_MASK),
    }
    return render(request, "projects/item.html", context)


def _equal(seen: ItemSeen) -> list[str]:
    masks = [(one.reader.display_name(), one.annotation) for one in seen.readings]
    masks += [(_("Model"), seen.model_mask)] if seen.model_mask else []
    return equal_masks([*masks, *((str(mask), mask) for mask in seen.proposals)])


def _do(request: HttpRequest, item: ReadingItem, deed: Callable[[], Any], done: str = "") -> HttpResponse:
    """Do it and go back to the series, which says what went wrong."""
    try:
        deed()
        if done:
            messages.success(request, done)
    except UserError as error:
        if error.status in (403, 404):
            raise
        messages.error(request, sentence(error.message))
    return redirect(item)


@login_required
@require_POST
def finish_action(request: HttpRequest, item_id: str) -> HttpResponse:
    item = item_get(request.user, item_id, Capability.CORRECT_MASK)
    mask = mask_get(request.user, request.POST.get("mask", ""))
    done = _("Your reading was finished.")
    return _do(request, item, lambda: reading_finish(item=item, annotation=mask, actor=request.user), done)


@login_required
@require_POST
def figures_action(request: HttpRequest, item_id: str) -> HttpResponse:
    item = item_get(request.user, item_id, Capability.CORRECT_MASK)
    return _do(request, item, lambda: agreement_compute(item=item, actor=request.user))


@login_required
@require_POST
def propose_action(request: HttpRequest, item_id: str) -> HttpResponse:
    item = item_get(request.user, item_id, Capability.CORRECT_MASK)
    return _do(request, item, lambda: proposal_make(item=item, job=_job(request), actor=request.user))


def _job(request: HttpRequest) -> AgreementJob:
    known = {job.value: job for job in AgreementJob if job != AgreementJob.FIGURES}
    try:
        return known[request.POST.get("method", "")]
    except KeyError:
        raise UserError(message("Choose how the proposal is computed.")) from None


@login_required
@require_POST
def decide_action(request: HttpRequest, item_id: str) -> HttpResponse:
    item = item_get(request.user, item_id, Capability.CORRECT_MASK)
    mask = mask_get(request.user, request.POST.get("mask", ""))
    note = request.POST.get("note", "")[:2000]
    done = _("The series is decided. Its mask is approved for training.")
    return _do(request, item, lambda: item_decide(item=item, annotation=mask, actor=request.user, note=note), done)


@login_required
@require_POST
def reopen_action(request: HttpRequest, item_id: str) -> HttpResponse:
    item = item_get(request.user, item_id)
    reason = request.POST.get("reason", "")[:2000]
    done = _("The series was reopened. None of its masks is approved until an adjudicator decides it.")
    return _do(request, item, lambda: item_reopen(item=item, actor=request.user, reason=reason), done)


@login_required
@require_POST
def remove_action(request: HttpRequest, item_id: str) -> HttpResponse:
    item = item_get(request.user, item_id, Capability.MANAGE_PROJECTS)
    project = item.project
    try:
        item_remove(item=item, actor=request.user)
    except UserError as error:
        messages.error(request, sentence(error.message))
        return redirect(item)
    return redirect(project)
