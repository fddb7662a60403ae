"""Reads of checks."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from cases.models import Annotation, MaskCheckRun, MaskSuspicion
from spineplatform.shared.messages import sentence


def check_of(mask: Annotation, user: Any) -> dict[str, Any]:
    """How far the check of a mask is (``state``, None without one), whether it is ``held``, and its ``suspicions``."""
    run = MaskCheckRun.objects.filter(annotation=mask).first()
    rows = list(suspicions_of([mask.pk], user))
    held = any(row.confirmed_at is None for row in rows)
    return {"state": run.state if run else None, "held": held, "suspicions": rows}


def suspicions_of(masks: Collection[Any], user: Any) -> Any:
    """The suspicions of masks (ids), with the names that ``user`` may know."""
    return MaskSuspicion.objects.filter(annotation__in=masks).names_for(user).select_related("confirmed_by")


def suspicions_by_mask(masks: Collection[Any], user: Any) -> dict[str, list[dict[str, Any]]]:
    """What the reading room shows, by the id of the mask: the sentence, the slices, and whether it is ``held`` back."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in suspicions_of(masks, user):
        facts = {
            "code": row.code,
            "text": sentence(row.message),
            "slices": row.slices,
            "held": row.confirmed_at is None,
        }
        found.setdefault(str(row.annotation_id), []).append(facts)
    return found
