"""Pages: the patients with their splits, drawing them, and setting one by hand."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts.access import Capability, institutions_with, require_anywhere
from spineplatform.shared.errors import UserError
from spineplatform.shared.messages import sentence
from training.access import patient_get
from training.models import Split
from training.splits.forms import DrawForm, PatientFilterForm
from training.splits.selectors import duplicate_images, patients_seen, split_counts
from training.splits.services import patient_split_set, splits_draw

PER_PAGE = 25


@login_required
@require_safe
def splits_page(request: HttpRequest) -> HttpResponse:
    """Context: ``page`` (of Patient), ``filter``, ``draw`` (forms), ``counts`` by institution, ``duplicates``,
    ``splits``, ``query`` (of the filter, for the links to other pages).
    """
    require_anywhere(request.user, Capability.MANAGE_MODELS)
    return _splits(request, DrawForm(institutions=institutions_with(request.user, Capability.MANAGE_MODELS)))


def _splits(request: HttpRequest, draw: DrawForm, status: int = 200) -> HttpResponse:
    places = institutions_with(request.user, Capability.MANAGE_MODELS).order_by("name")
    narrowing = PatientFilterForm(request.GET, institutions=places)
    found = patients_seen(request.user, narrowing.narrowed())
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "page": Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        "filter": narrowing,
        "draw": draw,
        "counts": split_counts(places),
        "duplicates": duplicate_images(request.user),
        "splits": Split,
        "query": query.urlencode(),
    }
    return render(request, "training/splits.html", context, status=status)


@login_required
@require_POST
def draw_action(request: HttpRequest) -> HttpResponse:
    require_anywhere(request.user, Capability.MANAGE_MODELS)
    form = DrawForm(request.POST, institutions=institutions_with(request.user, Capability.MANAGE_MODELS))
    if not form.is_valid():
        return _splits(request, form, status=400)
    rows = splits_draw(
        institution=form.cleaned_data["institution"],
        actor=request.user,
        seed=form.cleaned_data["seed"],
        shares=form.shares(),
    )
    if rows:
        words = ngettext(
            "%(n)s patient was assigned a split, seed %(seed)s.",
            "%(n)s patients were assigned a split, seed %(seed)s.",
            len(rows),
        )
        messages.success(request, words % {"n": len(rows), "seed": rows[0].seed})
    else:
        messages.info(request, _("Every patient with images has a split already."))
    return redirect("training:splits")


@login_required
@require_POST
def set_action(request: HttpRequest, patient_id: str) -> HttpResponse:
    patient = patient_get(request.user, patient_id)
    split, back = request.POST.get("split", ""), request.POST.get("next", "")
    try:
        row = patient_split_set(patient=patient, split=split, reason=request.POST.get("reason", ""), actor=request.user)
    except UserError as error:
        messages.error(request, sentence(error.message))
    else:
        messages.success(request, f"{patient}: {row.get_split_display()}")
    here = url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return redirect(back if here and back.startswith("/") else "training:splits")
