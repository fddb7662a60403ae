"""The button of the case page."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.access import Capability
from cases.access import mask_get
from cases.checks.services import mask_confirm
from spineplatform.shared.errors import UserError
from spineplatform.shared.messages import sentence


@login_required
@require_POST
def mask_confirm_page(request: HttpRequest, annotation_id: str) -> HttpResponse:
    """Say that a mask is right, and back to its case."""
    mask = mask_get(request.user, annotation_id, Capability.CORRECT_MASK)
    try:
        mask_confirm(mask=mask, actor=request.user)
    except UserError as error:
        messages.error(request, sentence(error.message))
    else:
        messages.success(request, _("Recorded under your name: the mask is right."))
    return redirect(mask.series.case)
