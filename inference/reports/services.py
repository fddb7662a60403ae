"""Writes about reports: asking for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import get_language

from accounts.access import Capability, require
from cases.approved import mask_handed_out
from cases.models import Annotation, Case, Series
from inference.models import ReportRun
from spineml.message import message
from spineplatform.shared import audit
from spineplatform.shared.errors import Conflict
from spineplatform.shared.runs import run_enqueue


class NothingToReport(Conflict):
    """This series has no mask to report on yet. Segment it or upload a mask first."""

    code = "nothing-to-report"


def report_start(
    *, series: Series, actor: Any, annotation: Annotation | None = None, with_title: bool = False
) -> ReportRun:
    """Queue the report of the named mask, else of the approved one, else of the newest, in the active language.

    The same that is already going for ``actor`` is returned.

    Raises:
        NothingToReport: no mask that ``actor`` sees, or a mask of another series.
        Forbidden, NotFound: ``actor`` may not see the series.
    """
    require(actor, series.institution_id, Capability.VIEW_CASES)
    mask = annotation or mask_handed_out(Annotation.objects.seen_by(actor), series.pk, actor)
    if mask is None or mask.series_id != series.pk:
        raise NothingToReport
    wanted = {"case": series.case, "series": series, "annotation": mask, "with_title": with_title}
    return _queue(wanted, [mask], actor)


def case_report_start(*, case: Case, actor: Any, with_title: bool = False) -> ReportRun:
    """Queue the report of all series of a case, each with its approved or newest mask; of one alone that of it.

    Raises:
        NothingToReport: no series has a mask that ``actor`` sees.
        Forbidden, NotFound: ``actor`` may not see the case.
    """
    require(actor, case.institution_id, Capability.VIEW_CASES)
    series = list(case.series.select_related("case"))
    if len(series) == 1:
        return report_start(series=series[0], actor=actor, with_title=with_title)
    seen = Annotation.objects.seen_by(actor)
    found = (mask_handed_out(seen, one.pk, actor) for one in series)
    masks = [mask for mask in found if mask is not None]
    if not masks:
        raise NothingToReport(
            message("No series of this case has a mask to report on yet. Segment one or upload a mask first.")
        )
    return _queue({"case": case, "series": None, "annotation": None, "with_title": with_title}, masks, actor)


def _queue(wanted: dict[str, Any], masks: Sequence[Annotation], actor: Any) -> ReportRun:
    wanted = {**wanted, "language": get_language() or settings.LANGUAGE_CODE, "requested_by": actor}
    case, series = wanted["case"], wanted["series"]
    try:
        with transaction.atomic():
            run = ReportRun.objects.create(
                institution_id=case.institution_id, progress_message=message("Waiting for a worker"), **wanted
            )
            run.masks.set(masks)
            audit.record(
                actor=actor,
                action="report.requested",
                object_id=run.pk,
                institution_id=run.institution_id,
                with_title=wanted["with_title"],
                **({"series": str(series.pk)} if series else {"case": str(case.pk)}),
            )
            run_enqueue(run)
    except IntegrityError:  # one is already going; it may end at this very moment
        return ReportRun.objects.filter(**wanted).latest("created_at")
    return run
