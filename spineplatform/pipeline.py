"""What follows what, on the way of an image from its import to a mask that others learn from.

    import ──▶ segmentation, if the upload asked for it ──▶ a model's mask
           └─▶ splits of the patients, if images came with their masks
    mask ──▶ whoever has the case open sees it
         ├─▶ a person's: does it fit its images? what is suspected holds it back from its signature
         └─▶ a model's: figures of agreement, where readers have read the series
    approval ──▶ how far the approved mask is from the model's

Runs are queued by each step and done by workers; everything here is called inside the transaction that wrote what it
follows (ADR 23).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from cases.checks.services import mask_check_start
from cases.models import Annotation, AnnotationSource, ImportRun, Patient, Review, Series
from cases.notifications import notify_mask
from cases.projects.reading_services import figures_outdated
from inference.correction_effort import acceptance_record
from inference.services import segment_imported
from training.splits.services import splits_give


class Pipeline:
    """The followers of ``cases`` (see `cases.followers.Followers`)."""

    def after_import(self, run: ImportRun, series: Sequence[Series], splits: Mapping[Patient, str]) -> set[uuid.UUID]:
        """Segment what is new, and give the patients their splits; who keeps another one is returned."""
        if run.upload.options.get("segment", True):
            for one in series:
                segment_imported(series=one, actor=run.requested_by, tasks=run.upload.options.get("tasks", ()))
        if not splits:
            return set()
        return splits_give(institution=run.institution, actor=run.upload.created_by, wanted=splits)

    def after_mask(self, mask: Annotation) -> None:
        """Show it where the case is open, and check what a person made; another mask by a model asks for other figures
        of agreement.
        """
        notify_mask(mask)
        if mask.source == AnnotationSource.MODEL:
            figures_outdated(series_id=mask.series_id, task=mask.task_id)
        else:
            mask_check_start(mask)

    def after_approval(self, review: Review) -> None:
        """Keep what a reader made of a model's mask."""
        acceptance_record(review)
