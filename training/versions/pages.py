"""Pages: the registry of versions, one version, two side by side, and which versions know a patient."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import Capability, institutions_with, require_anywhere
from cases.access import case_get
from registry.access import may_keep, version_get, version_get_kept
from registry.models import ModelVersion, VersionStatus
from registry.selectors import as_seen_by, places_of, versions_seen
from registry.services import version_register
from registry.structures import tasks_seen
from spineml.errors import SpineError
from spineml.message import message
from spineml.model.model_file import MAX_FILE_BYTES
from spineplatform.shared.errors import Conflict, TooLarge, UserError, describe
from spineplatform.shared.failures import retry_after
from spineplatform.shared.http import receives_files
from spineplatform.shared.messages import sentence
from training.evaluations.selectors import evaluations_seen
from training.promotions.flaws import flaw_words
from training.promotions.selectors import promotions_seen
from training.versions.forms import ImportForm, foreign_of
from training.versions.lineage import lineage_graph
from training.versions.selectors import (
    IN_USE,
    dependants,
    evaluations_shared,
    judged_by_version,
    own_dice,
    spec_sections,
    spec_shown,
    training_shown,
    versions_narrowed,
    versions_that_saw,
)
from training.versions.services import version_delete, version_note, version_restore, version_retire
from training.versions.sharing import shares_of, version_share, version_unshare

PER_PAGE = 50
ACTIONS = {"retire": version_retire, "restore": version_restore}


# --- the registry -----------------------------------------------------------------------------------------------------
@login_required
@require_safe
def versions_page(request: HttpRequest) -> HttpResponse:
    """Context: see `_registry`."""
    return _registry(request, import_form(request))


def _registry(request: HttpRequest, form: ImportForm, status: int = 200) -> HttpResponse:
    """Context: ``page`` of versions, ``rows`` (version, judged, own, training), ``chosen`` status of ``statuses``,
    ``lineage`` (Graph), ``form`` (ImportForm), ``may_manage``, and whether the user has ``several`` institutions.
    """
    chosen = request.GET.get("status", IN_USE)
    page = Paginator(versions_narrowed(request.user, chosen), PER_PAGE).get_page(request.GET.get("page"))
    listed = as_seen_by(request.user, page.object_list)
    every = {one.pk: one for one in as_seen_by(request.user, versions_seen(request.user).defer("spec", "parent__spec"))}
    judged = judged_by_version(request.user, every.values())
    context = {
        "page": page,
        "rows": [(one, judged.get(one.pk), own_dice(one), training_shown(one)) for one in listed],
        "chosen": chosen,
        "statuses": [(IN_USE, _("In use")), *VersionStatus.choices, ("all", _("All"))],
        "lineage": lineage_graph(request.user, every.values(), judged),
        "form": form,
        "may_manage": may_manage(request.user),
        "several": len(places_of(request.user)) > 1,
    }
    return render(request, "training/versions.html", context, status=status)


def may_manage(user: Any) -> bool:
    return institutions_with(user, Capability.MANAGE_MODELS).exists()


@receives_files(lambda: MAX_FILE_BYTES)
@login_required
@require_POST
def import_action(request: HttpRequest) -> HttpResponse:
    """Bring a file in. What is wrong with it stands beside the form, with everything else still filled in."""
    require_anywhere(request.user, Capability.MANAGE_MODELS)
    form = import_form(request)
    if not form.is_valid():
        return _registry(request, form, 400)
    try:
        version = _register(request, form.cleaned_data)
    except (UserError, SpineError) as error:
        form.add_error("file", sentence(describe(error)[1]))
        response = _registry(request, form, error.status if isinstance(error, UserError) else 400)
        if after := retry_after(error):
            response["Retry-After"] = after
        return response
    return redirect(version)


def import_form(request: HttpRequest) -> ImportForm:
    managed, tasks = institutions_with(request.user, Capability.MANAGE_MODELS), tasks_seen(request.user)
    if request.method == "POST":
        return ImportForm(request.POST, request.FILES, institutions=managed, tasks=tasks)
    return ImportForm(institutions=managed, tasks=tasks)


def _register(request: HttpRequest, given: dict[str, Any]) -> ModelVersion:
    file = given["file"]
    if file.size > MAX_FILE_BYTES:
        raise TooLarge(
            message(
                "The file has {size} MB; a model may have {limit} MB.",
                size=f"{file.size / 1e6:.0f}",
                limit=f"{MAX_FILE_BYTES / 1e6:.0f}",
            )
        )
    known = set(versions_seen(request.user).values_list("pk", flat=True))
    version = version_register(
        path=Path(file.temporary_file_path()),
        actor=request.user,
        institution=given.get("institution"),
        notes=given["notes"],
        foreign=foreign_of(given),
    )
    if version.pk in known:
        messages.info(request, _("This file was registered before: it is %(version)s.") % {"version": version})
    else:
        messages.success(request, _("The file was imported as the candidate %(version)s.") % {"version": version})
    flaw = flaw_words(version)
    if flaw is not None:
        messages.warning(request, sentence(flaw))
    return version


# --- one version ------------------------------------------------------------------------------------------------------
@login_required
@require_safe
def version_page(request: HttpRequest, version_id: str) -> HttpResponse:
    """Context: ``version``, its ``flaw``, ``run`` (TrainingRun or None), ``children``, its ``spec`` and ``sections`` of
    it, ``evaluations``, ``promotions``, ``others`` to compare with, ``may_manage`` (promote it), ``may_keep`` (write
    about it) with ``dependants`` and ``shares``.
    """
    version = version_get(request.user, version_id)
    family = versions_seen(request.user).filter(task=version.task_id).defer("spec", "parent__spec")
    kept = may_keep(request.user, version)
    context = {
        "version": version,
        "flaw": flaw_words(version),
        "run": training_shown(version),
        "children": family.filter(parent=version) | family.filter(training_run__base=version),
        "spec": spec_shown(version),
        "sections": spec_sections([version]),
        "evaluations": evaluations_seen(request.user).filter(version=version).defer("result"),
        "promotions": promotions_seen(request.user).filter(version=version),
        "others": as_seen_by(request.user, family.exclude(pk=version.pk)),
        "dependants": dependants(version) if kept else [],
        "shares": shares_of(version) if kept else [],
        "may_manage": may_manage(request.user),
        "may_keep": kept,
    }
    return render(request, "training/version.html", context)


@login_required
@require_POST
def notes_action(request: HttpRequest, version_id: str) -> HttpResponse:
    version = version_get_kept(request.user, version_id)
    version_note(version=version, actor=request.user, notes=request.POST.get("notes", "").strip()[:2000])
    messages.success(request, _("The notes were saved."))
    return redirect(version)


@login_required
@require_POST
def version_action(request: HttpRequest, version_id: str, action: str) -> HttpResponse:
    version = version_get_kept(request.user, version_id)
    try:
        ACTIONS[action](version=version, actor=request.user)
    except Conflict as error:
        messages.error(request, sentence(error.message))
    return redirect(version)


@login_required
@require_POST
def delete_action(request: HttpRequest, version_id: str) -> HttpResponse:
    """What stands in the way is an error page with status 409, and its list."""
    version = version_get_kept(request.user, version_id)
    version_delete(version=version, actor=request.user)
    messages.success(request, _("%(version)s was deleted.") % {"version": version})
    return redirect("training:versions")


@login_required
@require_POST
def share_action(request: HttpRequest, version_id: str) -> HttpResponse:
    version = version_get_kept(request.user, version_id)
    try:
        share = version_share(version=version, name=request.POST.get("institution", "")[:120], actor=request.user)
    except UserError as error:
        messages.error(request, sentence(error.message))
    else:
        said = _("%(version)s is now shared with %(institution)s.")
        messages.success(request, said % {"institution": share.institution, "version": version})
    return redirect(f"{version.get_absolute_url()}#sharing")


@login_required
@require_POST
def unshare_action(request: HttpRequest, version_id: str, institution_id: uuid.UUID) -> HttpResponse:
    version = version_get_kept(request.user, version_id)
    version_unshare(version=version, institution_id=institution_id, actor=request.user)
    messages.success(request, _("%(version)s is no longer shared with that institution.") % {"version": version})
    return redirect(f"{version.get_absolute_url()}#sharing")


# --- two side by side -------------------------------------------------------------------------------------------------
@login_required
@require_safe
def compare_page(request: HttpRequest) -> HttpResponse:
    """Context: ``versions``, ``sections`` of their specs side by side, ``shared`` evaluations."""
    ids = list(dict.fromkeys(request.GET.getlist("version")))
    if len(ids) < 2:
        raise TooFew
    versions = sorted((version_get(request.user, one) for one in ids), key=lambda one: one.created_at)
    context = {
        "versions": versions,
        "sections": spec_sections(versions),
        "shared": evaluations_shared(request.user, versions),
    }
    return render(request, "training/versions_compare.html", context)


class TooFew(UserError):
    """Choose at least two versions to compare."""

    code = "too-few-versions"


# --- part of the page of a case ---------------------------------------------------------------------------------------
@login_required
@require_safe
def case_versions(request: HttpRequest, case_id: str) -> HttpResponse:
    """Context: ``sights``, the versions that know the patient of the case."""
    case = case_get(request.user, case_id)
    context = {"case": case, "sights": versions_that_saw(case.patient, request.user)}
    return render(request, "training/_case_versions.html", context)
