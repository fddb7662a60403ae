"""Pages: the evaluations, one evaluation, and versions side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Capability, institutions_with, require_anywhere
from registry.access import version_get
from registry.models import Task
from registry.selectors import as_seen_by, versions_seen
from spineml.metrics.evaluation import MEASURES, Unit
from spineml.metrics.tables import label
from spineml.metrics.version_comparison import VersionComparison
from spineplatform.shared.errors import UserError
from spineplatform.shared.http import run_action
from spineplatform.shared.messages import sentence
from training.access import evaluation_get
from training.evaluations.downloads import compare_plot_response, csv_response, plot_response, report_response
from training.evaluations.figures import compared_cells, label_tables, summary_tables
from training.evaluations.selectors import (
    datasets_to_judge_by,
    evaluated_rows,
    evaluations_compared,
    evaluations_seen,
    patient_names,
    runs_to_compare,
)
from training.evaluations.services import evaluation_start
from training.models import EvaluatedSeries, EvaluationRun, Split

PER_PAGE = 25


# --- the list ---------------------------------------------------------------------------------------------------------
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def evaluations_page(request: HttpRequest) -> HttpResponse:
    """Context: ``page`` (of EvaluationRun), ``may_manage``, ``versions``, ``datasets``, ``splits``. POST starts one."""
    if request.method == "POST":
        return _start(request)
    require_anywhere(request.user, Capability.VIEW_MODELS)
    context = {
        "page": Paginator(evaluations_seen(request.user).defer("result"), PER_PAGE).get_page(request.GET.get("page")),
        "may_manage": institutions_with(request.user, Capability.MANAGE_MODELS).exists(),
        "versions": as_seen_by(request.user, versions_seen(request.user).filter(retired=False)),
        "datasets": datasets_to_judge_by(request.user),
        "splits": [Split.TEST, Split.VALIDATION, Split.TRAIN],
        "chosen": {name: request.GET.get(name, "") for name in ("version", "dataset", "split")},
    }
    return render(request, "training/evaluations.html", context)


def _start(request: HttpRequest) -> HttpResponse:
    version = version_get(request.user, request.POST.get("version", ""), Capability.MANAGE_MODELS)
    wanted, split = request.POST.get("dataset", ""), request.POST.get("split", Split.TEST)
    dataset = next((one for one in datasets_to_judge_by(request.user) if str(one.pk) == wanted), None)
    if dataset is None or split not in Split.values:
        messages.error(request, _("Choose a frozen data set and one of its splits."))
        return redirect("training:evaluations")
    try:
        run = evaluation_start(version=version, dataset=dataset, split=split, actor=request.user)
    except UserError as error:
        messages.error(request, sentence(error.message))
        return redirect("training:evaluations")
    return redirect(run.get_absolute_url())


# --- one evaluation ---------------------------------------------------------------------------------------------------
@login_required
@require_safe
def evaluation_page(request: HttpRequest, run_id: str) -> HttpResponse:
    """Context: ``run``, ``may_manage``; once it is ready ``sets`` (name, summary, tables), ``worst`` images, ``plots``,
    and ``others`` of the same split to compare with.
    """
    run = evaluation_get(request.user, run_id)
    context: dict[str, Any] = {"run": run, "may_manage": may_manage(request.user, run)}
    if run.result:
        rows = list(evaluated_rows(run).select_related("series__case").defer("images"))
        others = evaluations_seen(request.user).filter(dataset=run.dataset, split=run.split, state="succeeded")
        context |= {
            "sets": _sets(run),
            "worst": _worst(request.user, run, rows),
            "others": others.exclude(pk=run.pk).defer("result"),
            "plots": run.result["plots"],
        }
    return render(request, "training/evaluation.html", context)


def may_manage(user: Any, run: EvaluationRun) -> bool:
    places = [run.institution_id, *run.dataset.institutions.values_list("pk", flat=True)]
    return institutions_with(user, Capability.MANAGE_MODELS).filter(pk__in=places).exists()


def _sets(run: EvaluationRun) -> list[dict[str, Any]]:
    """The patients that the version never saw first, then all of them, when they differ."""
    everything, unseen = run.result["all"], run.result["unseen"]
    differ = unseen and unseen["patients"] < everything["patients"]
    chosen = {"unseen": unseen, "all": everything} if differ else {"all": everything}
    task = Task.objects.prefetch_related("labels").get(pk=run.task_id).definition
    return [
        {"name": name, "summary": one, "tables": summary_tables(one), "labels": label_tables(one, task)}
        for name, one in chosen.items()
    ]


def _worst(user: Any, run: EvaluationRun, rows: Sequence[EvaluatedSeries]) -> list[dict[str, Any]]:
    """The worst images; ``url`` leads to the viewer where the user may see the case."""
    by_series = {str(row.series_id): row for row in rows}
    names = patient_names(user, rows)
    places = set(institutions_with(user, Capability.VIEW_CASES).values_list("pk", flat=True))
    found = []
    for image in run.result[run.result["plots_of"]]["worst"]:
        row = by_series[image["key"]]
        series = row.series
        url = f"{series.get_absolute_url()}?mask={row.annotation_id}#z={image['z']}"
        found.append(
            {
                "dice": image["dice"],
                "slice": image["z"] + 1,
                "series": series if series.institution_id in places else None,
                "patient": names[str(row.patient_id)],
                "seen": row.seen,
                "url": url if series.institution_id in places else "",
            }
        )
    return found


@login_required
@require_POST
def evaluation_action(request: HttpRequest, run_id: str, action: str) -> HttpResponse:
    run = evaluation_get(request.user, run_id, Capability.MANAGE_MODELS)
    run_action(request, run, action)
    return redirect("training:evaluation", run.pk)


@login_required
@require_safe
def evaluation_plot(request: HttpRequest, run_id: str, name: str, kind: str) -> HttpResponse:
    return plot_response(evaluation_get(request.user, run_id), name, kind)


@login_required
@require_safe
def evaluation_csv(request: HttpRequest, run_id: str, scope: str) -> HttpResponse:
    return csv_response(request, evaluation_get(request.user, run_id), scope)


@login_required
@require_safe
def evaluation_report(request: HttpRequest, run_id: str) -> HttpResponseBase:
    return report_response(request, evaluation_get(request.user, run_id))


# --- versions side by side --------------------------------------------------------------------------------------------
@login_required
@require_safe
def compare_page(request: HttpRequest) -> HttpResponse:
    """Context: ``runs``, ``comparison`` (VersionComparison), ``names`` of patients, ``query`` for the plot."""
    runs = runs_to_compare(request.user, request.GET.getlist("run"))
    comparison, names = evaluations_compared(request.user, runs)
    context = {
        "runs": runs,
        "comparison": comparison,
        "lines": sorted(((names[line.patient], line) for line in comparison.patients), key=lambda pair: pair[0]),
        "measures": _compared_measures(comparison, runs[0].result["all"]["unit"]),
        "dataset": runs[0].dataset,
        "split": Split(runs[0].split),
        "query": "&".join(f"run={run.pk}" for run in runs),
    }
    return render(request, "training/evaluations_compare.html", context)


def _compared_measures(comparison: VersionComparison, unit: Unit) -> list[tuple[str, list[dict[str, Any]]]]:
    """For each measure its label and, version by version, the mean and the difference from the first."""
    return [
        (
            label(name, unit),
            [
                compared_cells(comparison.spreads[version][name], comparison.differences.get(version, {}).get(name))
                for version in comparison.versions
            ],
        )
        for name in MEASURES
    ]


@login_required
@require_safe
def compare_plot(request: HttpRequest, kind: str) -> HttpResponse:
    return compare_plot_response(request.user, kind, request.GET.getlist("run"))
