"""Pages: the trainings, a new one, and one that is going or has ended."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Capability, institutions_with, require_anywhere
from cases.models import Series
from registry.models import ModelVersion
from registry.selectors import as_seen_by
from spineml.learning.settings import TrainingSettings
from spineplatform.shared.errors import UserError
from spineplatform.shared.http import run_action
from spineplatform.shared.messages import sentence
from training.access import dataset_get, training_get
from training.models import Dataset, TrainingRun
from training.trainings.api import sample_response
from training.trainings.curves import curves_of
from training.trainings.selectors import (
    Setting,
    bases_of,
    datasets_to_learn_from,
    settings_explained,
    settings_for,
    trainings_seen,
)
from training.trainings.services import base_get, training_cancel, training_keep, training_start

PER_PAGE = 25
# Shown at once; the others lie behind “More settings”.
USUAL = ("epochs", "learning_rate", "batch_size", "loss", "augmentation", "patience")


@login_required
@require_safe
def trainings_page(request: HttpRequest) -> HttpResponse:
    """Context: ``page`` (of TrainingRun), ``may_manage``."""
    require_anywhere(request.user, Capability.VIEW_MODELS)
    context = {
        "page": Paginator(trainings_seen(request.user), PER_PAGE).get_page(request.GET.get("page")),
        "may_manage": institutions_with(request.user, Capability.MANAGE_MODELS).exists(),
    }
    return render(request, "training/trainings.html", context)


# --- a new one --------------------------------------------------------------------------------------------------------
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def training_new_page(request: HttpRequest) -> HttpResponse:
    """Context: ``datasets``, ``versions``, the chosen ``dataset`` and ``base``, ``usual`` and ``more`` settings."""
    require_anywhere(request.user, Capability.MANAGE_MODELS)
    datasets = list(datasets_to_learn_from(request.user))
    given = request.POST if request.method == "POST" else request.GET
    dataset, base = _chosen(request, given, datasets)
    if dataset is None:
        return render(request, "training/training_new.html", {"datasets": datasets})
    settings = settings_explained(settings_for(dataset, base))
    context: dict[str, Any] = {"datasets": datasets, "versions": as_seen_by(request.user, bases_of(request.user))}
    if request.method == "POST" and "start" in given:
        values = {one.name: _given(one, request) for one in settings}
        try:
            run = training_start(
                dataset=dataset, base=base, actor=request.user, settings=values, notes=given.get("notes", "")
            )
        except UserError as error:
            context |= {"error": error.message, "wrong": error.fields.get("field"), "notes": given.get("notes", "")}
            settings = [_with_value(one, values[one.name]) for one in settings]
        else:
            return redirect(run.get_absolute_url())
    context |= {
        "dataset": dataset,
        "base": base,
        "usual": [one for one in settings if one.name in USUAL],
        "more": [one for one in settings if one.name not in USUAL],
    }
    return render(request, "training/training_new.html", context, status=400 if "error" in context else 200)


def _chosen(request: HttpRequest, given: Any, datasets: list[Dataset]) -> tuple[Dataset | None, ModelVersion | None]:
    """The data set and the base that were chosen; the newest data set and no base before anything was."""
    wanted, base = given.get("dataset", ""), given.get("base", "")
    dataset = dataset_get(request.user, wanted, Capability.MANAGE_MODELS) if wanted else next(iter(datasets), None)
    if dataset is not None and not dataset.is_frozen:
        dataset = None
    return dataset, base_get(request.user, base)


def _given(setting: Setting, request: HttpRequest) -> Any:
    """What the form says, as the settings want it: a list of names, a name, or a number where it is one."""
    if isinstance(setting.value, list):
        return request.POST.getlist(setting.name)
    text = request.POST.get(setting.name, "").strip()
    if isinstance(setting.value, str):
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() and isinstance(setting.value, int) else number


def _with_value(setting: Setting, value: Any) -> Setting:
    return Setting(setting.name, value, setting.explanation, setting.choices, setting.low, setting.high)


# --- one training -----------------------------------------------------------------------------------------------------
@login_required
@require_safe
def training_page(request: HttpRequest, run_id: str) -> HttpResponse:
    """Context: ``run``, ``may_manage``, ``curves`` (names and charts), ``settings``; newest first
    ``epochs``, ``pictures``.
    """
    run = training_get(request.user, run_id)
    epochs = list(run.epochs.all())
    context = {
        "run": run,
        "may_manage": _may_manage(request.user, run),
        "curves": curves_of(epochs, run.live),
        "settings": settings_explained(TrainingSettings.from_json(run.settings)),
        "epochs": epochs[::-1],
        "best": run.epochs.filter(validation_dice__isnull=False).order_by("-validation_dice", "epoch").first(),
        "pictures": run.samples.exclude(series__in=Series.objects.blind_to(request.user)).order_by(
            "-epoch", "series", "slice_index"
        ),
    }
    return render(request, "training/training.html", context)


def _may_manage(user: Any, run: TrainingRun) -> bool:
    managed = institutions_with(user, Capability.MANAGE_MODELS)
    return not run.dataset.institutions.exclude(pk__in=managed.values("pk")).exists()


@login_required
@require_POST
def training_cancel_action(request: HttpRequest, run_id: str) -> HttpResponse:
    run = training_get(request.user, run_id, Capability.MANAGE_MODELS)
    try:
        training_cancel(run=run, actor=request.user, keep_best=request.POST.get("keep_best") == "1")
    except UserError as error:
        messages.error(request, sentence(error.message))
    return redirect(run.get_absolute_url())


@login_required
@require_POST
def training_keep_action(request: HttpRequest, run_id: str) -> HttpResponse:
    run = training_get(request.user, run_id, Capability.MANAGE_MODELS)
    try:
        training_keep(run=run, actor=request.user)
    except UserError as error:
        messages.error(request, sentence(error.message))
    return redirect(run.get_absolute_url())


@login_required
@require_POST
def training_retry_action(request: HttpRequest, run_id: str) -> HttpResponse:
    run = training_get(request.user, run_id, Capability.MANAGE_MODELS)
    run_action(request, run, "retry")
    return redirect(run.get_absolute_url())


@login_required
@require_safe
def training_sample(request: HttpRequest, run_id: str, sample_id: str) -> HttpResponse:
    return sample_response(request.user, training_get(request.user, run_id), sample_id)
