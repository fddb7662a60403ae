"""Pages: the gate with its figures, and every promotion there was."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import Capability, institutions_with
from spineplatform.shared.errors import Conflict, UserError
from training.access import version_get
from training.evaluations.selectors import datasets_to_judge_by
from training.evaluations.services import evaluation_start
from training.models import Dataset, EvaluationRun, Split
from training.promotions.selectors import (
    GateView,
    datasets_with_test_patients,
    gate_settings,
    gate_view,
    promotions_seen,
    rollback_target,
)
from training.promotions.services import refusal_of, version_promote, version_rollback

HISTORY = 50


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def promote_page(request: HttpRequest, version_id: str) -> HttpResponse:
    """Context: ``version``, ``view`` (GateView), ``refusal`` (sentence), ``settings``, ``datasets``, ``promotions``,
    ``rollback`` (version or None), ``going`` (evaluations), ``may_manage``, ``may_evaluate``.

    POST promotes, with ``reason`` past the gate.
    """
    if request.method == "POST":
        return promote_action(request, version_id)
    version = version_get(request.user, version_id)
    view = gate_view(version, dataset_chosen(request.GET.get("dataset", "")))
    context = {
        "version": version,
        "view": view,
        "refusal": "" if view.passed else refusal_of(view).message,
        "settings": gate_settings(),
        "datasets": datasets_with_test_patients(),
        "promotions": promotions_seen(request.user).filter(version__task=version.task)[:HISTORY],
        "rollback": rollback_target(version.task),
        "may_manage": institutions_with(request.user, Capability.MANAGE_MODELS).exists(),
        "may_evaluate": _may_evaluate(request.user, view),
        "going": _going(view),
    }
    return render(request, "training/promote.html", context)


def dataset_chosen(wanted: str) -> Dataset | None:
    """The frozen data set with test patients of that id; the gate takes the newest when there is none."""
    return next((one for one in datasets_with_test_patients() if str(one.pk) == wanted), None)


def _may_evaluate(user: Any, view: GateView) -> bool:
    return view.dataset is not None and datasets_to_judge_by(user).filter(pk=view.dataset.pk).exists()


def _going(view: GateView) -> QuerySet[EvaluationRun]:
    """The evaluations that the gate is waiting for and that are on their way."""
    runs = EvaluationRun.objects.unfinished().filter(version__in=view.missing, dataset=view.dataset, split=Split.TEST)
    return runs.select_related("version")


def promote_action(request: HttpRequest, version_id: str) -> HttpResponse:
    version = version_get(request.user, version_id, Capability.MANAGE_MODELS)
    dataset = dataset_chosen(request.POST.get("dataset", ""))
    try:
        version_promote(
            version=version, actor=request.user, dataset=dataset, reason=request.POST.get("reason", "")[:2000]
        )
    except Conflict as error:
        messages.error(request, error.message)
        return redirect("training:promote", version.pk)
    messages.success(request, _("%(version)s segments from now on.") % {"version": version})
    return redirect("training:promote", version.pk)


@login_required
@require_POST
def evaluate_missing_action(request: HttpRequest, version_id: str) -> HttpResponse:
    """Start whatever evaluation the gate is waiting for."""
    version = version_get(request.user, version_id, Capability.MANAGE_MODELS)
    view = gate_view(version, dataset_chosen(request.POST.get("dataset", "")))
    try:
        if view.dataset is None:
            raise refusal_of(view)
        for one in view.missing:
            evaluation_start(version=one, dataset=view.dataset, split=Split.TEST, actor=request.user)
    except UserError as error:
        messages.error(request, error.message)
    return redirect("training:promote", version.pk)


@login_required
@require_POST
def activate_action(request: HttpRequest, version_id: str) -> HttpResponse:
    """The button of the list: what the gate lets pass is active at once, for the rest its page says why not."""
    version = version_get(request.user, version_id, Capability.MANAGE_MODELS)
    try:
        version_promote(version=version, actor=request.user)
    except Conflict as error:
        messages.error(request, error.message)
        return redirect("training:promote", version.pk)
    return redirect("training:versions")


@login_required
@require_POST
def rollback_action(request: HttpRequest) -> HttpResponse:
    try:
        promotion = version_rollback(actor=request.user, reason=request.POST.get("reason", "")[:2000])
    except Conflict as error:
        messages.error(request, error.message)
        return redirect("training:versions")
    if promotion is None:
        return redirect("training:versions")
    messages.success(request, _("%(version)s segments again.") % {"version": promotion.version})
    return redirect("training:promote", promotion.version_id)
