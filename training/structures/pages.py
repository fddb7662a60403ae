"""Pages: the tasks, and one task with its labels and rules."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Capability, institution_get, institutions_with, require_anywhere
from registry.access import may_keep_task, task_view, tasks_viewed
from registry.selectors import default_tasks
from registry.services import default_tasks_set
from registry.structures import UnknownTask, tasks_usable
from spineml.errors import SpineError
from spineml.tasks import task as definitions
from spineml.tasks.export import FILES
from spineplatform.shared.errors import Forbidden, UserError, describe
from spineplatform.shared.http import receives_files
from spineplatform.shared.messages import sentence
from training.structures.api_rules import relations_shown
from training.structures.forms import PLATFORM, TaskForm
from training.structures.imports import MAX_BYTES, labels_of_upload
from training.structures.labels import label_given
from training.structures.rules import keeper_of
from training.structures.selectors import SHIPPED_SLUGS, LabelUse, labels_used, task_uses
from training.structures.services import task_create, task_delete, use_words

SWATCHES = 12


# --- the list ---------------------------------------------------------------------------------------------------------
@receives_files(lambda: MAX_BYTES)
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def tasks_page(request: HttpRequest) -> HttpResponse:
    """Context: ``defaults`` (see `_chosen_by_default`), ``tasks`` (each with ``label_list``, ``more_labels`` and
    ``mask_count``), ``form`` of a new one for whoever may make one. POST makes one.
    """
    if request.method == "POST":
        return _create(request)
    return _list(request, _form(request))


def _form(request: HttpRequest) -> TaskForm:
    sent = (request.POST, request.FILES) if request.method == "POST" else ()
    places = institutions_with(request.user, Capability.MANAGE_MODELS).order_by("name")
    return TaskForm(*sent, places=places, tasks=tasks_viewed(request.user), platform=_runs_platform(request))


def _runs_platform(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_superuser)


def _list(request: HttpRequest, form: TaskForm, status: int = 200) -> HttpResponse:
    places = institutions_with(request.user, Capability.VIEW_CASES)
    seen = Count("masks", filter=Q(masks__institution__in=places.values("pk")))
    tasks = list(tasks_viewed(request.user).annotate(mask_count=seen))
    for task in tasks:
        labels = task.definition.labels
        task.label_list, task.more_labels = labels[:SWATCHES], len(labels[SWATCHES:])  # type: ignore[attr-defined]
    context = {
        "tasks": tasks,
        "form": form if form.fields["owner"].choices else None,  # type: ignore[attr-defined]
        "defaults": _chosen_by_default(request),
    }
    return render(request, "training/tasks.html", context, status=status)


def _chosen_by_default(request: HttpRequest) -> list[dict[str, Any]]:
    """For each institution whose models the user manages: its tasks with ``on``, where new series are segmented so."""
    rows = []
    for place in institutions_with(request.user, Capability.MANAGE_MODELS).order_by("name"):
        chosen = set(default_tasks(place.pk))
        tasks = [{"task": task, "on": task.pk in chosen} for task in tasks_usable(place.pk)]
        rows.append({"institution": place, "tasks": tasks})
    return rows


@login_required
@require_POST
def default_tasks_action(request: HttpRequest, institution_id: uuid.UUID) -> HttpResponse:
    institution = institution_get(request.user, institution_id, Capability.MANAGE_MODELS)
    try:
        default_tasks_set(institution=institution, actor=request.user, tasks=request.POST.getlist("tasks"))
    except UnknownTask as error:
        messages.error(request, sentence(error.message))
    else:
        messages.success(request, _("The choice was saved."))
    return redirect("training:tasks")


def _create(request: HttpRequest) -> HttpResponse:
    """What is wrong stands beside the form, with everything else still filled in."""
    if not _runs_platform(request):
        require_anywhere(request.user, Capability.MANAGE_MODELS)
    form = _form(request)
    if not form.is_valid():
        return _list(request, form, status=400)
    try:
        task = task_create(owner=_owner(request, form), actor=request.user, task=_described(form.cleaned_data))
    except (UserError, SpineError) as error:
        form.add_error(None, sentence(describe(error)[1]))
        return _list(request, form, status=error.status if isinstance(error, UserError) else 400)
    messages.success(request, _("The task was created. Check its labels."))
    return redirect("training:task_edit", task.pk)


def _owner(request: HttpRequest, form: TaskForm) -> Any:
    chosen = form.cleaned_data["owner"]
    return None if chosen == PLATFORM else institutions_with(request.user, Capability.MANAGE_MODELS).get(pk=chosen)


def _described(given: dict[str, Any]) -> definitions.Task:
    """A task as a copy, from a file, or with one label of its name."""
    copied = given["copy_of"].definition if given["copy_of"] else None
    if copied is not None:
        labels = copied.labels
    elif given["file"]:
        labels = labels_of_upload(given["file"])
    else:
        labels = (label_given({"value": 1, "name": given["name"]}),)
    modality = copied.modality if copied else "CT"
    return definitions.Task(given["slug"], definitions.clean(given["name"]), labels, modality)


# --- one task ---------------------------------------------------------------------------------------------------------
@login_required
@require_safe
def task_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Context: ``task``, ``rows`` (label and what uses it), ``relations`` and those that the user may delete
    (``kept_rules``), ``related`` (tasks that a rule may lead to), ``files`` (kinds of download), ``may_relate``,
    ``may_change``, ``may_delete``.
    """
    task = task_view(request.user, slug)
    used = labels_used(task, request.user)
    may_change = may_keep_task(request.user, task)
    relations = relations_shown(task, request.user)
    kept = [one for one in relations if may_keep_task(request.user, keeper_of(one.source, one.target))]
    context = {
        "task": task,
        "rows": [(label, use_words(used.get(label.value, LabelUse()))) for label in task.definition.labels],
        "relations": relations,
        "kept_rules": kept,
        "related": tasks_viewed(request.user).exclude(pk=task.pk),
        "files": list(FILES),
        "may_change": may_change,
        "may_relate": may_change or institutions_with(request.user, Capability.MANAGE_MODELS).exists(),
        "may_delete": may_change and task.pk not in SHIPPED_SLUGS and not task_uses(task),
    }
    return render(request, "training/task.html", context)


@login_required
@require_POST
def delete_action(request: HttpRequest, slug: str) -> HttpResponse:
    task = task_view(request.user, slug)
    try:
        task_delete(task=task, actor=request.user)
    except Forbidden:
        raise
    except UserError as error:
        messages.error(request, sentence(error.message))
        return redirect(task)
    messages.success(request, _("The task was deleted."))
    return redirect("training:tasks")
