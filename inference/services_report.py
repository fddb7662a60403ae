"""Writes about reports: asking for one."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from accounts.access import Capability, require
from cases.models import Annotation, Series
from inference.models import ReportRun
from spineplatform.shared import audit
from spineplatform.shared.errors import Conflict
from spineplatform.shared.runs import run_enqueue


class NothingToReport(Conflict):
    """This series has no mask to report on yet. Segment it or upload a mask first."""

    code = "nothing-to-report"


def report_start(
    *, series: Series, actor: Any, annotation: Annotation | None = None, with_title: bool = False
) -> ReportRun:
    """Queue the report of the named mask, or the newest; the same that is already going for ``actor`` is returned.

    Raises:
        NothingToReport: no mask that ``actor`` sees, or a mask of another series.
        Forbidden, NotFound: ``actor`` may not see the series.
    """
    require(actor, series.institution_id, Capability.VIEW_CASES)
    mask = annotation or series.annotations.seen_by(actor).first()
    if mask is None or mask.series_id != series.pk:
        raise NothingToReport
    wanted = {"series": series, "annotation": mask, "with_title": with_title, "requested_by": actor}
    try:
        with transaction.atomic():
            run = ReportRun.objects.create(
                institution_id=series.institution_id, progress_message="Waiting for a worker", **wanted
            )
            audit.record(
                actor=actor,
                action="report.requested",
                object_id=run.pk,
                institution_id=run.institution_id,
                series=str(series.pk),
                with_title=with_title,
            )
            run_enqueue(run)
    except IntegrityError:  # one is already going; it may end at this very moment
        return ReportRun.objects.filter(**wanted).latest("created_at")
    return run
