"""Writes of checks: a check that is asked for, and somebody's word that a mask is right."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.access import Capability, require
from cases.changes import touch_cases
from cases.models import Annotation, Case, MaskCheckRun, MaskSuspicion
from cases.notifications import notify_suspected
from spineml.message import message, sentences
from spineplatform.shared import audit
from spineplatform.shared.errors import Conflict
from spineplatform.shared.runs import run_enqueue


class MaskSuspected(Conflict):
    """Something about this mask does not fit its images. Correct it, or confirm that it is right."""

    code = "mask-suspected"


class NothingSuspected(Conflict):
    """Nothing is suspected of this mask, so there is nothing to confirm."""

    code = "nothing-suspected"


def mask_check_start(mask: Annotation) -> MaskCheckRun:
    """Have a mask compared with its images; call inside the transaction that records it."""
    run = MaskCheckRun.objects.create(
        institution_id=mask.institution_id,
        requested_by=mask.author,
        annotation=mask,
        progress_message=message("Waiting for a worker"),
    )
    run_enqueue(run)
    return run


def mask_confirm(*, mask: Annotation, actor: Any) -> None:
    """Say that a mask is right although something is suspected of it. What was confirmed before stays as it was.

    Raises:
        NothingSuspected: of this mask nothing is, or ever was.
        Forbidden: ``actor`` may not correct masks there.
    """
    require(actor, mask.institution_id, Capability.CORRECT_MASK)
    with transaction.atomic():
        rows = list(mask.suspicions.select_for_update())
        if not rows:
            raise NothingSuspected
        held = [row for row in rows if row.confirmed_at is None]
        if not held:
            return
        mask.suspicions.filter(pk__in=[row.pk for row in held]).update(confirmed_by=actor, confirmed_at=timezone.now())
        audit.record(
            actor=actor,
            action="mask.confirmed",
            object_id=mask.pk,
            institution_id=mask.institution_id,
            suspicions=[row.code for row in held],
        )
        touch_cases(Case.objects.filter(series=mask.series_id))
        notify_suspected(mask)


def require_unsuspected(mask: Annotation) -> None:
    """Whoever signs a mask asks first.

    Raises:
        MaskSuspected: something is suspected of it, and nobody has said that it is right.
    """
    held = list(MaskSuspicion.objects.holding().filter(annotation=mask))
    if held:
        raise MaskSuspected(
            sentences(
                [
                    message("This mask is held back from sign-off until it is corrected, or confirmed as right."),
                    *(row.message for row in held),
                ]
            ),
            annotation=str(mask.pk),
        )
