"""Pages on which files come in: the upload, what became of it, and a mask for a series."""

from __future__ import annotations

from collections import Counter

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Capability, has_capability, institutions_with, require, require_anywhere
from cases.access import import_run_get, series_get, upload_get
from cases.intake.forms import MaskForm, UploadForm
from cases.intake.uploads import incoming, upload_create
from cases.models import Verdict
from cases.services import annotation_upload, received
from spineml.errors import SpineError
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
    institutions = institutions_with(request.user, Capability.UPLOAD_CT)
    if request.method == "GET":
        form = UploadForm(institutions=institutions, initial={"pairs": "pairs" in request.GET})
        return render(request, "cases/upload.html", {"form": form})
    form = UploadForm(request.POST, request.FILES, institutions=institutions)
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
    form = MaskForm(request.POST or None, request.FILES or None)
    status, after = 200, ""
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                annotation = annotation_upload(
                    series=series,
                    actor=request.user,
                    files=received(form.cleaned_data["files"]),
                    label=form.cleaned_data["label"],
                    every_label=form.cleaned_data["every_label"],
                    order=form.cleaned_data["order"],
                )
            except (UserError, SpineError) as error:
                form.add_error("files", sentence(describe(error)[1]))
                if isinstance(error, Unavailable):
                    status, after = error.status, retry_after(error)
            else:
                messages.success(request, _("The mask was added."))
                return redirect(f"{series.get_absolute_url()}?mask={annotation.pk}")
    response = render(request, "cases/mask_upload.html", {"series": series, "form": form}, status=status)
    if after:
        response["Retry-After"] = after
    return response
