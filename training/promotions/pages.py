"""Pages: the gate with its figures, and every promotion there was."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import Capability, has_capability, institutions_with, require_anywhere
from accounts.models import Institution
from registry.access import version_get
from registry.models import ModelVersion
from spineplatform.shared.errors import Conflict, NotFound, UserError
from spineplatform.shared.messages import sentence
from training.evaluations.selectors import datasets_to_judge_by
from training.evaluations.services import evaluation_start
from training.models import Dataset, EvaluationRun, Split
from training.promotions.flaws import flaw_words
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
    """Context: ``version``, its ``flaw``, ``place`` (whose gate it is) of ``places``, ``view`` (GateView), ``refusal``
    (sentence), ``settings``, ``datasets``, ``promotions``, ``rollback`` (version or None), ``going`` (evaluations),
    ``may_manage``, ``may_evaluate``.

    POST promotes at the place, with ``reason`` past the gate.
    """
    if request.method == "POST":
        return promote_action(request, version_id)
    version = version_get(request.user, version_id)
    place, places = place_chosen(request, Capability.VIEW_MODELS)
    view = gate_view(version, place, dataset_chosen(request.GET.get("dataset", ""), place, version))
    decided = promotions_seen(request.user).filter(Q(institution=place) | Q(institution__isnull=True))
    context = {
        "version": version,
        "flaw": flaw_words(version),
        "place": place,
        "places": places,
        "view": view,
        "refusal": "" if view.passed else refusal_of(view).message,
        "settings": gate_settings(),
        "datasets": datasets_with_test_patients(place, version.task_id),
        "promotions": decided.filter(version__task=version.task_id)[:HISTORY],
        "rollback": rollback_target(place, version.task_id),
        "may_manage": has_capability(request.user, place.pk, Capability.MANAGE_MODELS),
        "may_evaluate": _may_evaluate(request.user, view),
        "going": _going(view),
    }
    return render(request, "training/promote.html", context)


def place_chosen(
    request: HttpRequest, capability: Capability = Capability.MANAGE_MODELS
) -> tuple[Institution, list[Institution]]:
    """The institution whose active version it is about, and all that may be chosen: those where the user manages models
    first.

    Raises:
        NotFound: the one that was named is not the user's.
        Forbidden: no institution of the user's, or no right there.
    """
    require_anywhere(request.user, capability)
    found = list(institutions_with(request.user, capability).order_by("name"))
    managed = set(institutions_with(request.user, Capability.MANAGE_MODELS).values_list("pk", flat=True))
    found.sort(key=lambda one: one.pk not in managed)
    wanted = (request.POST or request.GET).get("institution", "")
    place = next((one for one in found if str(one.pk) == wanted), None) if wanted else found[0]
    if place is None:
        raise NotFound
    return place, found


def dataset_chosen(wanted: str, place: Institution, version: ModelVersion) -> Dataset | None:
    """The frozen data set with test patients of that id; the gate takes the newest when there is none."""
    return next((one for one in datasets_with_test_patients(place, version.task_id) if str(one.pk) == wanted), None)


def _may_evaluate(user: Any, view: GateView) -> bool:
    return view.dataset is not None and datasets_to_judge_by(user).filter(pk=view.dataset.pk).exists()


def _going(view: GateView) -> QuerySet[EvaluationRun]:
    """The evaluations that the gate is waiting for and that are on their way."""
    runs = EvaluationRun.objects.unfinished().filter(version__in=view.missing, dataset=view.dataset, split=Split.TEST)
    return runs.select_related("version__owner")


def promote_action(request: HttpRequest, version_id: str) -> HttpResponse:
    version = version_get(request.user, version_id, Capability.MANAGE_MODELS)
    place, _places = place_chosen(request)
    dataset = dataset_chosen(request.POST.get("dataset", ""), place, version)
    reason = request.POST.get("reason", "")[:2000]
    try:
        version_promote(version=version, actor=request.user, institution=place, dataset=dataset, reason=reason)
    except Conflict as error:
        messages.error(request, sentence(error.message))
        return _to_gate(version, place)
    messages.success(request, _("%(version)s is now the active version.") % {"version": version.name_at(place.pk)})
    return _to_gate(version, place)


def _to_gate(version: ModelVersion, place: Institution) -> HttpResponse:
    return redirect(f"{reverse('training:promote', args=[version.pk])}?institution={place.pk}")


@login_required
@require_POST
def evaluate_missing_action(request: HttpRequest, version_id: str) -> HttpResponse:
    """Start whatever evaluation the gate is waiting for."""
    version = version_get(request.user, version_id, Capability.MANAGE_MODELS)
    place, _places = place_chosen(request)
    view = gate_view(version, place, dataset_chosen(request.POST.get("dataset", ""), place, version))
    try:
        if view.dataset is None:
            raise refusal_of(view)
        for one in view.missing:
            evaluation_start(version=one, dataset=view.dataset, split=Split.TEST, actor=request.user)
    except UserError as error:
        messages.error(request, sentence(error.message))
    return _to_gate(version, place)


@login_required
@require_POST
def activate_action(request: HttpRequest, version_id: str) -> HttpResponse:
    """The button of the list: what the gate lets pass is active at once, for the rest its page says why not."""
    version = version_get(request.user, version_id, Capability.MANAGE_MODELS)
    place, _places = place_chosen(request)
    try:
        version_promote(version=version, actor=request.user, institution=place)
    except Conflict as error:
        messages.error(request, sentence(error.message))
        return _to_gate(version, place)
    return redirect("training:versions")


@login_required
@require_POST
def rollback_action(request: HttpRequest) -> HttpResponse:
    place, _places = place_chosen(request)
    try:
        promotion = version_rollback(
            actor=request.user, institution=place, reason=request.POST.get("reason", "")[:2000]
        )
    except Conflict as error:
        messages.error(request, sentence(error.message))
        return redirect("training:versions")
    if promotion is None:
        return redirect("training:versions")
    version = promotion.version
    messages.success(request, _("%(version)s is the active version again.") % {"version": version.name_at(place.pk)})
    return _to_gate(version, place)
