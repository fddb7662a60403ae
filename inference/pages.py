"""Pages of this app: the result of a series, its runs, and comparisons."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import Capability, has_capability
from cases.access import mask_get, series_get
from cases.access_log import log_series_view
from cases.models import Annotation, AnnotationSource
from cases.viewer.selectors import plain_of
from inference.access import comparison_get, inference_run_get
from inference.downloads import csv_response
from inference.presentation import label_figures
from inference.selectors import SeriesResults, series_results, trained_on
from inference.services import comparison_start, inference_start
from registry.access import version_get
from registry.selectors import active_by_task, versions_usable
from spineml.metrics.overlap import Comparison
from spineplatform.shared.errors import Conflict, UserError
from spineplatform.shared.http import run_action
from spineplatform.shared.messages import sentence


@login_required
@require_safe
def view_page(request: HttpRequest, series_id: str) -> HttpResponse:
    """The result page. Context: ``series``, ``case``, ``results`` (SeriesResults), ``mask`` (shown first, or None),
    ``to_compare`` (the reference and the predicted mask proposed), ``viewer`` (for json_script), ``versions`` (that may
    segment) with the ``active_versions`` first, ``may_segment``, ``may_upload_mask``.
    """
    series = series_get(request.user, series_id)
    log_series_view(series, request.user)
    results = series_results(series, request.user)
    wanted = request.GET.get("mask", "")
    asked = next((one for one in results.masks if str(one.pk) == wanted), None)
    mask = asked or results.approved or results.newest_prediction or next(iter(results.masks), None)
    context = {
        "series": series,
        "case": series.case,
        "results": results,
        "mask": mask,
        "to_compare": _to_compare(results, mask),
        "viewer": plain_of(series, [mask] if mask else []),
        "versions": versions_usable(series.institution_id),
        "active_versions": list(active_by_task(series.institution_id).values()),
        "may_segment": has_capability(request.user, series.institution_id, Capability.SEGMENT),
        "may_upload_mask": has_capability(request.user, series.institution_id, Capability.UPLOAD_MASK),
    }
    return render(request, "inference/view.html", context)


def _to_compare(results: SeriesResults, shown: Annotation | None) -> dict[str, Annotation | None]:
    """A person's mask for the truth and a model's to be judged by it, the shown one being either."""
    by_people = [mask for mask in results.masks if mask.source != AnnotationSource.MODEL]
    others = [mask for mask in results.masks if mask != shown]
    if shown in by_people:
        return {"reference": shown, "predicted": results.newest_prediction or next(iter(others), None)}
    return {"reference": next(iter(by_people + others), None), "predicted": shown}


@login_required
@require_POST
def start_action(request: HttpRequest, series_id: str) -> HttpResponse:
    series = series_get(request.user, series_id, Capability.SEGMENT)
    wanted = request.POST.get("model_version", "")
    try:
        version = version_get(request.user, wanted) if wanted else None
        inference_start(series=series, actor=request.user, model_version=version)
    except Conflict as error:
        messages.error(request, sentence(error.message))
    return redirect("inference:view", series.pk)


@login_required
@require_POST
def inference_run_action(request: HttpRequest, run_id: str, action: str) -> HttpResponse:
    run = inference_run_get(request.user, run_id, Capability.SEGMENT)
    run_action(request, run, action)
    return redirect("inference:view", run.series_id)


@login_required
@require_POST
def compare_action(request: HttpRequest, series_id: str) -> HttpResponse:
    series = series_get(request.user, series_id)
    try:
        run = comparison_start(
            reference=mask_get(request.user, request.POST.get("reference", "")),
            predicted=mask_get(request.user, request.POST.get("predicted", "")),
            actor=request.user,
        )
    except UserError as error:
        messages.error(request, sentence(error.message))
        return redirect("inference:view", series.pk)
    return redirect("inference:comparison", run.pk)


@login_required
@require_safe
def comparison_page(request: HttpRequest, run_id: str) -> HttpResponse:
    """Context: ``run``, ``series``, ``comparison`` (Comparison or None), ``labels`` (LabelFigures or None), ``viewer``,
    ``trained_on``.
    """
    run = comparison_get(request.user, run_id)
    series = run.reference.series
    comparison = Comparison.from_json(run.result) if run.result else None
    context = {
        "run": run,
        "series": series,
        "case": series.case,
        "comparison": comparison,
        "labels": label_figures(comparison, run.task.definition) if comparison else None,
        "viewer": plain_of(series, [run.reference, run.predicted]),
        "trained_on": trained_on(run),
    }
    return render(request, "inference/comparison.html", context)


@login_required
@require_safe
def comparison_csv(request: HttpRequest, run_id: str) -> HttpResponse:
    return csv_response(request, comparison_get(request.user, run_id))
