"""The door to the rows of this app."""

from __future__ import annotations

from typing import Any

from accounts.access import Capability
from cases.access import Id, row_get
from cases.models import Annotation
from inference.models import ComparisonRun, InferenceRun


def inference_run_get(user: Any, run_id: Id, capability: Capability = Capability.VIEW_CASES) -> InferenceRun:
    rows = InferenceRun.objects.select_related("series__case", "model_version")
    return row_get(rows, user, run_id, capability)


def comparison_get(user: Any, run_id: Id, capability: Capability = Capability.VIEW_CASES) -> ComparisonRun:
    seen = Annotation.objects.seen_by(user).values("pk")
    rows = ComparisonRun.objects.filter(reference__in=seen, predicted__in=seen)
    rows = rows.select_related("reference__series__case", "predicted")
    return row_get(rows, user, run_id, capability)
