"""The door to the rows of this app."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.access import Capability, Id, row_get
from cases.exposures import masks_shown
from cases.models import Annotation, Series
from cases.models.hidden_names import names_hide, settled_without_names
from inference.models import ComparisonRun, InferenceRun, ReportRun


def inference_run_get(user: Any, run_id: Id, capability: Capability = Capability.VIEW_CASES) -> InferenceRun:
    rows = InferenceRun.objects.select_related("series__case", "model_version")
    return row_get(rows, user, run_id, capability)


def comparison_get(user: Any, run_id: Id, capability: Capability = Capability.VIEW_CASES) -> ComparisonRun:
    seen = Annotation.objects.seen_by(user).values("pk")
    rows = ComparisonRun.objects.filter(reference__in=seen, predicted__in=seen)
    rows = rows.select_related("reference__series__case", "reference__task", "predicted__task", "task")
    run = row_get(rows, user, run_id, capability)
    names_hide([run.reference, run.predicted], "author", user)
    masks_shown([run.reference, run.predicted], user)
    return run


def reports_seen(user: Any) -> QuerySet[ReportRun]:
    """A report tells of the masks, measurements, signatures and names that whoever asked for it could see: while
    ``user`` reads one of its series blindly, or settles it without names, only their own.
    """
    shown = Annotation.objects.filter(reports=OuterRef("pk"))
    unseen = shown.exclude(pk__in=Annotation.objects.seen_by(user).values("pk"))
    nameless = Q(series__reading_item__project__in=settled_without_names(user))
    blindly = shown.filter(Q(series__in=Series.objects.blind_to(user).values("pk")) | nameless)
    by_others = ~Q(requested_by=user.pk) | Q(requested_by=None)
    return ReportRun.objects.filter(~Exists(unseen)).exclude(by_others, Exists(blindly))


def report_get(user: Any, run_id: Id, capability: Capability = Capability.VIEW_CASES) -> ReportRun:
    rows = reports_seen(user).select_related("case__patient", "series", "annotation", "requested_by")
    run = row_get(rows, user, run_id, capability)
    masks_shown(run.masks.all(), user)
    return run
