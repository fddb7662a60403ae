"""The one door from a user to a protected row of this app. Absent and forbidden look the same to outsiders."""

from __future__ import annotations

from typing import Any

from accounts.access import Capability, Id, row_found, row_get
from cases.exposures import masks_shown
from cases.models import (
    Annotation,
    Case,
    Comment,
    ImportRun,
    Measurement,
    PendingMask,
    ReaderGroup,
    SavedFilter,
    Series,
    Upload,
)


def case_get(user: Any, case_id: Id, capability: Capability = Capability.VIEW_CASES) -> Case:
    return row_get(Case.objects.select_related("patient", "institution"), user, case_id, capability)


def series_get(user: Any, series_id: Id, capability: Capability = Capability.VIEW_CASES) -> Series:
    return row_get(Series.objects.select_related("case__patient", "institution"), user, series_id, capability)


def mask_get(user: Any, annotation_id: Id, capability: Capability = Capability.VIEW_CASES) -> Annotation:
    rows = Annotation.objects.seen_by(user).select_related("series__case", "author")
    mask = row_get(rows, user, annotation_id, capability)
    masks_shown([mask], user)
    return mask


def pending_mask_get(user: Any, pending_id: Id) -> PendingMask:
    """One's own uploaded label map that waits for its mapping: those of others are not there."""
    rows = PendingMask.objects.filter(author=user.pk).select_related(
        "series__case__patient", "series__institution", "task"
    )
    return row_get(rows, user, pending_id, Capability.UPLOAD_MASK)


def comment_get(user: Any, comment_id: Id, capability: Capability = Capability.VIEW_CASES) -> Comment:
    return row_get(Comment.objects.seen_by(user), user, comment_id, capability)


def upload_get(user: Any, upload_id: Id, capability: Capability = Capability.VIEW_CASES) -> Upload:
    return row_get(Upload.objects.select_related("run", "institution"), user, upload_id, capability)


def import_run_get(user: Any, run_id: Id, capability: Capability = Capability.VIEW_CASES) -> ImportRun:
    return row_get(ImportRun.objects.select_related("upload"), user, run_id, capability)


def measurement_get(user: Any, measurement_id: Id, capability: Capability = Capability.VIEW_CASES) -> Measurement:
    return row_get(Measurement.objects.names_for(user).select_related("author"), user, measurement_id, capability)


def group_get(user: Any, group_id: Id, capability: Capability = Capability.ASSIGN) -> ReaderGroup:
    return row_get(ReaderGroup.objects.select_related("institution"), user, group_id, capability)


def filter_get(user: Any, filter_id: Id) -> SavedFilter:
    """Filters are one's own: those of others are not there."""
    return row_found(SavedFilter.objects.filter(user=user), filter_id)
