"""Pages on which files come in: the upload, what became of it, and a mask for a series."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Capability, has_capability, institutions_with, require, require_anywhere
from cases.access import import_run_get, pending_mask_get, series_get, upload_get
from cases.intake.forms import MappingForm, MaskForm, UploadForm
from cases.intake.uploads import incoming, upload_create
from cases.label_maps import (
    MappingNeeded,
    SentMask,
    found_facts,
    label_map_upload,
    pending_mask_complete,
    pending_mask_discard,
)
from cases.models import Annotation, Series, Verdict
from cases.services import annotation_upload, received
from registry.models import SPINE_CT
from registry.structures import tasks_seen
from spineml.errors import MaskRejected, SpineError
from spineml.masks.labels import MaskTooManyValues
from spineplatform.shared.errors import Unavailable, UserError, describe
from spineplatform.shared.failures import retry_after
from spineplatform.shared.http import receives_files, run_action
from spineplatform.shared.messages import sentence

WORST_FIRST = list(reversed(Verdict))


@receives_files(lambda: settings.UPLOAD_MAX_BYTES)
@login_required
@require_http_methods(["GET", "POST"])
def upload_page(request: HttpRequest) -> HttpResponse:
    """The form, and its receiver. Scripts ask for JSON: ``{"url": ...}`` or a problem; a plain form is redirected."""
    require_anywhere(request.user, Capability.UPLOAD_CT)
    choices: dict[str, Any] = {
        "institutions": institutions_with(request.user, Capability.UPLOAD_CT),
        "tasks": tasks_seen(request.user),
    }
    if request.method == "GET":
        form = UploadForm(**choices, initial={"pairs": "pairs" in request.GET})
        return render(request, "cases/upload.html", {"form": form})
    form = UploadForm(request.POST, request.FILES, **choices)
    if not form.is_valid():
        return _refused(request, form, 400, "invalid", str(next(iter(form.errors.values()))[0]))
    paths = request.POST.getlist("paths")
    try:
        upload, is_new = upload_create(
            institution=form.cleaned_data["institution"],
            actor=request.user,
            files=incoming(form.cleaned_data["files"], paths),
            options=form.options(),
        )
    except UserError as error:
        return _refused(request, form, error.status, error.code, sentence(error.message))
    if not is_new:
        messages.info(request, sentence(upload.known))
    if request.accepts("text/html"):
        return redirect(upload)
    return JsonResponse({"url": upload.get_absolute_url(), "id": str(upload.pk)}, status=201 if is_new else 200)


def _refused(request: HttpRequest, form: UploadForm, status: int, code: str, detail: str) -> HttpResponse:
    if request.accepts("text/html"):
        if not form.errors:
            form.add_error("files", detail)
        return render(request, "cases/upload.html", {"form": form}, status=status)
    problem = {"type": "about:blank", "title": "The upload was refused", "status": status, "code": code}
    return JsonResponse(
        problem | {"detail": detail, "errors": form.errors},
        status=status,
        content_type="application/problem+json",
    )


@login_required
@require_safe
def upload_detail_page(request: HttpRequest, upload_id: str) -> HttpResponse:
    """Context: ``upload``, ``run``, ``verdicts`` (what asks for a look first), ``counts`` (Verdict and number),
    ``cases`` (made or found by it), ``may_change``.
    """
    upload = upload_get(request.user, upload_id)
    verdicts = list(upload.verdicts.select_related("series").prefetch_related("all_series__case"))
    counts = Counter(verdict.status for verdict in verdicts)
    made = [series for verdict in verdicts for series in verdict.all_series.all()]
    cases = list({series.case_id: series.case for series in made}.values())
    context = {
        "upload": upload,
        "run": upload.run,
        "verdicts": sorted(verdicts, key=lambda verdict: WORST_FIRST.index(Verdict(verdict.status))),
        "counts": [(verdict, counts[verdict]) for verdict in WORST_FIRST if counts[verdict]],
        "cases": cases,
        "may_change": has_capability(request.user, upload.institution_id, Capability.UPLOAD_CT),
    }
    return render(request, "cases/upload_detail.html", context)


@login_required
@require_POST
def import_run_action(request: HttpRequest, run_id: str, action: str) -> HttpResponse:
    run = import_run_get(request.user, run_id, Capability.UPLOAD_CT)
    run_action(request, run, action)
    return redirect(run.upload)


@receives_files(lambda: settings.MASK_MAX_BYTES)
@login_required
@require_http_methods(["GET", "POST"])
def mask_upload_page(request: HttpRequest, series_id: str) -> HttpResponse:
    """Context: ``series``, ``form`` (MaskForm)."""
    series = series_get(request.user, series_id)
    require(request.user, series.institution_id, Capability.UPLOAD_MASK)
    form = MaskForm(request.POST or None, request.FILES or None, series=series)
    status, after = 200, ""
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                return _mask_taken(request, series, form.cleaned_data)
            except MappingNeeded as error:
                return redirect("cases:mask_mapping", error.fields["pending"])
            except (UserError, SpineError) as error:
                form.add_error("files", sentence(describe(error)[1]))
                if isinstance(error, MaskRejected) and error.code == MaskTooManyValues.code:
                    form.add_error("task", _("Choose the structures of the label map, so that each keeps its name."))
                if isinstance(error, Unavailable):
                    status, after = error.status, retry_after(error)
    response = render(request, "cases/mask_upload.html", {"series": series, "form": form}, status=status)
    if after:
        response["Retry-After"] = after
    return response


def _mask_taken(request: HttpRequest, series: Series, given: dict[str, Any]) -> HttpResponse:
    files, task = received(given["files"]), given["task"]
    if task is None or task.slug == SPINE_CT:
        mask = annotation_upload(
            series=series,
            actor=request.user,
            files=files,
            label=given["label"],
            every_label=given["every_label"],
            order=given["order"],
        )
    else:
        sent = SentMask(files, given["label"], given["order"])
        mask = label_map_upload(series=series, actor=request.user, task=task, sent=sent, by_numbers=False)
    return _to_mask(request, mask)


def _to_mask(request: HttpRequest, mask: Annotation) -> HttpResponse:
    messages.success(request, _("The mask was added."))
    return redirect(f"{mask.series.get_absolute_url()}?mask={mask.pk}")


@login_required
@require_http_methods(["GET", "POST"])
def mask_mapping_page(request: HttpRequest, pending_id: str) -> HttpResponse:
    """Context: ``pending``, ``form`` (MappingForm) and ``rows`` (what was found, with its field and picture)."""
    pending = pending_mask_get(request.user, pending_id)
    if request.method == "POST" and "discard" in request.POST:
        pending_mask_discard(pending)
        return redirect("cases:mask_upload", pending.series_id)
    found = found_facts(pending)
    form = MappingForm(request.POST or None, task=pending.task, found=found)
    problem = ""
    if request.method == "POST" and form.is_valid():
        try:
            return _to_mask(request, pending_mask_complete(pending=pending, actor=request.user, mapping=form.mapping))
        except (UserError, SpineError) as error:
            problem = sentence(describe(error)[1])
    rows = [
        {
            **one,
            "field": form[f"value_{one['value']}"],
            "picture": reverse("api:pending-mask-picture", args=[pending.pk, one["value"]]),
            "reason": REASONS.get(one["by"], ""),
        }
        for one in found
    ]
    context = {"pending": pending, "series": pending.series, "form": form, "rows": rows, "problem": problem}
    status = 400 if request.method == "POST" else 200
    return render(request, "cases/mask_mapping.html", context, status=status)


# Why a label is proposed.
REASONS = {
    "code": gettext_lazy("by its code"),
    "name": gettext_lazy("by its name"),
    "value": gettext_lazy("same number"),
    "verse": gettext_lazy("numbered as in VerSe"),
    "totalsegmentator": gettext_lazy("numbered as in TotalSegmentator 2"),
    "totalsegmentator-v1": gettext_lazy("numbered as in TotalSegmentator 1 and MONAI"),
    "remembered": gettext_lazy("as chosen here before"),
}
