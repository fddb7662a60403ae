"""Pages: the form that changes a task, and the one of a new rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from registry.access import task_kept_by, task_view
from registry.models import Task
from spineml.errors import SpineError
from spineml.tasks.mapping import FoundValue, propose
from spineml.tasks.task import Label
from spineplatform.shared.errors import UserError, describe
from spineplatform.shared.messages import sentence
from training.structures.labels import next_value
from training.structures.rules import rule_create, rule_delete, rule_get
from training.structures.selectors import labels_used
from training.structures.services import TaskChanged, task_change
from training.structures.typed import TypedLabel, as_base, base_of, brought_together, labels_typed, rows_typed

NEW_LABEL = "#d3d3d3"


# --- labels -----------------------------------------------------------------------------------------------------------
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Context: see `_form`. A refused change keeps what was typed; where somebody else was first, both changes are
    brought together, and nothing is saved before it is sent again.
    """
    task = task_view(request.user, slug)
    task_kept_by(request.user, task)
    if request.method != "POST":
        return _form(request, task, task.definition.labels)
    rows, name = rows_typed(request.POST), request.POST.get("name", "")
    try:
        labels = labels_typed(rows, task.definition.labels)
        task_change(task=task, actor=request.user, revision=_revision(request), name=name, labels=labels)
    except TaskChanged as error:
        task = task_view(request.user, slug)
        base = base_of(request.POST.get("base", ""), task.definition.labels)
        both = brought_together(base, labels, task.definition.labels)
        changes = [change["message"] for change in error.fields["changes"]]
        return _form(request, task, both, name=name, changes=changes, status=error.status)
    except (UserError, SpineError) as error:
        status = error.status if isinstance(error, UserError) else 400
        return _form(request, task, rows, name=name, error=sentence(describe(error)[1]), status=status)
    messages.success(request, _("The task was saved."))
    return redirect(task)


def _revision(request: HttpRequest) -> int:
    stated = request.POST.get("revision", "")
    return int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 10 else 0


def _form(
    request: HttpRequest, task: Task, labels: Sequence[Label | TypedLabel], status: int = 200, **said: Any
) -> HttpResponse:
    """Context: ``task``, ``rows`` (`TypedLabel`, and whether its value stays), ``blank`` (a row for a new label),
    ``base``, ``name``, and after a refusal ``error``, or ``changes`` that others made.
    """
    used = labels_used(task, request.user)
    fixed = {str(value) for value, use in used.items() if use.fixed}
    shown = [TypedLabel.of(one) if isinstance(one, Label) else one for one in labels]
    if "error" in said and request.POST.get("revision"):
        base, revision = request.POST.get("base", ""), request.POST["revision"]
    else:
        base, revision = as_base(task.definition.labels), str(task.revision)
    context = {
        "task": task,
        "rows": [(row, row.value in fixed) for row in shown],
        "blank": TypedLabel(str(_free(shown)), "", "", NEW_LABEL, "", "", ""),
        "base": base,
        "revision": revision,
        "name": task.name,
        **said,
    }
    return render(request, "training/task_edit.html", context, status=status)


def _free(rows: Sequence[TypedLabel]) -> int | str:
    """A value for the next label, nothing where none is left."""
    return next_value(int(row.value) for row in rows if row.value.isascii() and row.value.isdigit()) or ""


# --- rules ------------------------------------------------------------------------------------------------------------
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def rule_page(request: HttpRequest, slug: str) -> HttpResponse:
    """A rule from this task to ``target``. Context: ``task``, ``target``, ``rows`` (label, and the value that it
    becomes), ``rule``, ``error``.
    """
    task = task_view(request.user, slug)
    target = task_view(request.user, (request.POST if request.method == "POST" else request.GET).get("target", ""))
    if request.method != "POST":
        return _rule(request, task, target, _proposed(task, target))
    wanted = {label.value: request.POST.get(f"becomes_{label.value}", "") for label in task.definition.labels}
    values = {value: int(becomes) for value, becomes in wanted.items() if becomes.isascii() and becomes.isdigit()}
    try:
        rule_create(
            source=task, target=target, actor=request.user, values=dict(values), rule=request.POST.get("rule", "")[:200]
        )
    except (UserError, SpineError) as error:
        status = error.status if isinstance(error, UserError) else 400
        return _rule(request, task, target, values, sentence(describe(error)[1]), status)
    messages.success(request, _("The rule was saved."))
    return redirect(f"{task.get_absolute_url()}#rules")


def _rule(
    request: HttpRequest, task: Task, target: Task, values: dict[int, int], error: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "task": task,
        "target": target,
        "rows": [(label, values.get(label.value)) for label in task.definition.labels],
        "targets": target.definition.labels,
        "rule": request.POST.get("rule", ""),
        "error": error,
    }
    return render(request, "training/task_rule.html", context, status=status)


def _proposed(task: Task, target: Task) -> dict[int, int]:
    """By code and name; a task of one label is all of the other."""
    goal = target.definition
    if len(goal.labels) == 1:
        return dict.fromkeys([label.value for label in task.definition.labels], goal.labels[0].value)
    found = [FoundValue(label.value, 0, label.name, label.type) for label in task.definition.labels]
    return {one.found.value: one.label.value for one in propose(found, goal) if one.label}


@login_required
@require_POST
def rule_delete_action(request: HttpRequest, slug: str, target: str) -> HttpResponse:
    relation = rule_get(request.user, slug, target)
    rule_delete(relation=relation, actor=request.user)
    messages.success(request, _("The rule was deleted. Masks stay as they are."))
    return redirect(f"{relation.source.get_absolute_url()}#rules")
