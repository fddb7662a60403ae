"""Pages: the data sets, and one data set from its choice to the frozen file."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Capability, institutions_with, require_anywhere
from registry.models import ModelVersion
from registry.selectors import known_to, places_of
from spineml.message import message
from spineplatform.shared.errors import Forbidden, UserError
from spineplatform.shared.http import run_action
from spineplatform.shared.messages import sentence
from training.access import dataset_get, dataset_run_get, datasets_manage
from training.datasets.downloads import dataset_file, labels_csv
from training.datasets.findings import missing_words, untaught_words
from training.datasets.forms import DatasetForm
from training.datasets.selectors import (
    Choice,
    Preview,
    datasets_seen,
    dependants,
    findings_seen,
    held_by,
    labels_held_by,
    masks_of,
    masks_seen,
    what_is_missing,
)
from training.datasets.services import (
    dataset_check,
    dataset_create,
    dataset_delete,
    dataset_freeze,
    dataset_splits_draw,
    findings_accept,
    masks_leave_out,
    masks_take_back,
)
from training.datasets.structures import LabelCounts
from training.models import Dataset, EvaluationRun, Split
from training.splits.selectors import NO_SPLIT

PER_PAGE = 25


# --- the list ---------------------------------------------------------------------------------------------------------
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def datasets_page(request: HttpRequest) -> HttpResponse:
    """Context: ``page`` (of Dataset), ``form`` of a new one for whoever may make one. POST makes one."""
    if request.method == "POST":
        return _create(request)
    require_anywhere(request.user, Capability.VIEW_MODELS)
    return _list(request, DatasetForm(institutions=_managed(request)))


def _managed(request: HttpRequest) -> Any:
    return institutions_with(request.user, Capability.MANAGE_MODELS).order_by("name")


def _list(request: HttpRequest, form: DatasetForm, status: int = 200) -> HttpResponse:
    context = {
        "page": Paginator(datasets_seen(request.user).defer("findings"), PER_PAGE).get_page(request.GET.get("page")),
        "form": form if _managed(request).exists() else None,
    }
    return render(request, "training/datasets.html", context, status=status)


def _create(request: HttpRequest) -> HttpResponse:
    require_anywhere(request.user, Capability.MANAGE_MODELS)
    form = DatasetForm(request.POST, institutions=_managed(request))
    if not form.is_valid():
        return _list(request, form, status=400)
    try:
        dataset = dataset_create(
            name=form.cleaned_data["name"],
            institutions=list(form.cleaned_data["institutions"]),
            actor=request.user,
            choice=form.choice(),
            task=form.task_chosen(),
            notes=form.cleaned_data["notes"],
        )
    except UserError as error:
        form.add_error(None, sentence(error.message))
        return _list(request, form, status=error.status)
    return redirect(dataset)


# --- one data set -----------------------------------------------------------------------------------------------------
@login_required
@require_safe
def dataset_page(request: HttpRequest, dataset_id: str) -> HttpResponse:
    """Context: ``dataset``, ``rows`` (split, label and counts), ``labels`` (LabelCounts), ``missing`` sentences,
    ``without_split`` (patients), ``findings``, ``open``, ``left_out`` (how many), ``run`` (the last one), ``used_by``,
    ``trainings``, ``evaluations``, ``choice``, ``masks`` (page) and their ``mask_rows``, ``may_manage``; after an error
    ``error``, the keys of the findings that were ``picked``, and the ``note``.
    """
    return _dataset(request, dataset_get(request.user, dataset_id))


def _dataset(request: HttpRequest, dataset: Dataset, **entered: Any) -> HttpResponse:
    places = places_of(request.user)
    held, labels = held_by(dataset), labels_held_by(dataset)
    findings = findings_seen(request.user, dataset)
    masks = Paginator(masks_of(dataset), PER_PAGE).get_page(request.GET.get("masks"))
    context = {
        "dataset": dataset,
        "rows": _rows(held.counts),
        "labels": labels,
        "missing": _missing(held, labels),
        "without_split": held.without_split,
        "findings": findings,
        "open": sum(1 for one in findings if one.decision == "open"),
        "left_out": len(dataset.decisions.get("left_out", {})),
        "run": dataset.runs.first(),
        "used_by": dependants(dataset),
        "trainings": dataset.training_runs.filter(institution__in=places).select_related("version__owner"),
        "evaluations": evaluations_on(dataset, places),
        "choice": Choice.from_json(dataset.filters),
        "masks": masks,
        "mask_rows": masks_seen(request.user, masks.object_list),
        "ready": _is_ready(dataset, held, findings),
        "may_manage": _may_manage(request, dataset),
        **entered,
    }
    return render(request, "training/dataset.html", context, status=entered["error"].status if entered else 200)


def _missing(held: Preview, labels: list[LabelCounts]) -> list[str]:
    """What it cannot be used for, and which labels it cannot teach."""
    if not held.patients:
        return []
    found = [missing_words(code) for code in what_is_missing(held.counts)]
    return [*found, *filter(None, [untaught_words(labels)])]


def evaluations_on(dataset: Dataset, places: list[uuid.UUID]) -> QuerySet[EvaluationRun]:
    """The evaluations on the data set of versions that these institutions may see."""
    known = ModelVersion.objects.filter(known_to(places))
    return dataset.evaluations.filter(version__in=known).select_related("version__owner").defer("result")


def _rows(counts: dict[str, dict[str, int]]) -> list[dict[str, Any]]:
    labels = {**dict(Split.choices), NO_SPLIT: _("No split yet")}
    return [{"split": split, "label": labels[split], **counts[split]} for split in labels if split in counts]


def _is_ready(dataset: Dataset, held: Preview, findings: list[Any]) -> bool:
    """Whether nothing that is known stands in the way of freezing."""
    open_ones = any(one.decision == "open" for one in findings)
    return not dataset.is_frozen and bool(held.patients) and not held.without_split and not open_ones


def _may_manage(request: HttpRequest, dataset: Dataset) -> bool:
    try:
        datasets_manage(request.user, dataset)
    except Forbidden:
        return False
    return True


# --- what is done with it ---------------------------------------------------------------------------------------------
@login_required
@require_POST
def dataset_action(request: HttpRequest, dataset_id: str, action: str) -> HttpResponse:
    """``check``, ``freeze`` or ``draw`` splits for its patients."""
    dataset = dataset_get(request.user, dataset_id, Capability.MANAGE_MODELS)
    try:
        if action == "check":
            dataset_check(dataset=dataset, actor=request.user)
        elif action == "freeze":
            dataset_freeze(dataset=dataset, actor=request.user)
        else:
            drawn = len(dataset_splits_draw(dataset=dataset, actor=request.user))
            words = ngettext("%(n)s patient was assigned a split.", "%(n)s patients were assigned a split.", drawn)
            messages.success(request, words % {"n": drawn})
    except UserError as error:
        messages.error(request, sentence(error.message))
    return redirect(dataset)


@login_required
@require_POST
def decide_action(request: HttpRequest, dataset_id: str) -> HttpResponse:
    """``finding``: keys; ``decision``: accept (with a ``note``), leave-out or take-back. An error keeps what was
    chosen and written.
    """
    dataset = dataset_get(request.user, dataset_id, Capability.MANAGE_MODELS)
    keys = request.POST.getlist("finding")
    try:
        _decide(request, dataset, keys, request.POST.get("decision", ""))
    except UserError as error:
        return _dataset(request, dataset, error=error, picked=keys, note=request.POST.get("note", ""))
    return redirect(f"{dataset.get_absolute_url()}#findings")


def _decide(request: HttpRequest, dataset: Dataset, keys: list[str], decision: str) -> None:
    note, actor = request.POST.get("note", ""), request.user
    masks = {one["annotation"] for one in dataset.findings if one["key"] in keys}
    if not keys:
        raise UserError(message("Choose at least one finding."))
    if decision == "accept":
        findings_accept(dataset=dataset, keys=keys, note=note, actor=actor)
    elif decision == "leave-out":
        masks_leave_out(dataset=dataset, annotations=masks, note=note, actor=actor)
    elif decision == "take-back":
        masks_take_back(dataset=dataset, annotations=masks, actor=actor)
    else:
        raise UserError(message("Choose what to do with the findings."))


@login_required
@require_POST
def delete_action(request: HttpRequest, dataset_id: str) -> HttpResponse:
    dataset = dataset_get(request.user, dataset_id, Capability.MANAGE_MODELS)
    try:
        dataset_delete(dataset=dataset, actor=request.user)
    except UserError as error:
        messages.error(request, sentence(error.message))
        return redirect("training:dataset", dataset_id)
    messages.success(request, _("The data set was deleted."))
    return redirect("training:datasets")


@login_required
@require_POST
def run_cancel_action(request: HttpRequest, run_id: str) -> HttpResponse:
    run = dataset_run_get(request.user, run_id, Capability.MANAGE_MODELS)
    run_action(request, run, "cancel")
    return redirect(run.dataset)


@login_required
@require_safe
def dataset_download(request: HttpRequest, dataset_id: str) -> HttpResponseBase:
    return dataset_file(request, dataset_get(request.user, dataset_id, Capability.MANAGE_MODELS))


@login_required
@require_safe
def dataset_labels(request: HttpRequest, dataset_id: str) -> HttpResponse:
    return labels_csv(dataset_get(request.user, dataset_id))
