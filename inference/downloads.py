"""What is handed out of a comparison, for pages and REST: its figures as CSV, and the differences as pictures."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from cases.imaging.slices import check_slice
from inference.comparison_worker import slices_in_task
from inference.models import ComparisonRun
from spineml.message import message
from spineml.metrics.overlap import Comparison
from spineml.volumes import render as pictures
from spineml.volumes.canonical_file import SliceFileReader
from spineplatform.shared import audit, storage
from spineplatform.shared.errors import Conflict


def csv_response(request: HttpRequest, run: ComparisonRun) -> HttpResponse:
    """The comparison as a CSV attachment; the download is recorded.

    Raises:
        Conflict: it is not ready.
    """
    if run.result is None:
        raise Conflict(message("The comparison is not ready yet. Wait until it has finished and try again."))
    names = {label.value: label.name for label in run.task.definition.labels}
    response = HttpResponse(Comparison.from_json(run.result).to_csv(names), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="comparison-{run.pk}.csv"'
    audit.record(
        actor=request.user, action="comparison.downloaded", object_id=run.pk, institution_id=run.institution_id
    )
    return response


def difference_response(run: ComparisonRun, z: int) -> HttpResponse:
    """Slice ``z`` with true positives, false positives, false negatives and other labels in colour, as PNG."""
    series = run.reference.series
    check_slice(series.depth, z)
    with (
        SliceFileReader(storage.local_path(series.volume)) as volume,
        slices_in_task(run.reference, run.task_id) as reference,
        slices_in_task(run.predicted, run.task_id) as predicted,
    ):
        image = pictures.difference(volume.read(z), reference.read(z), predicted.read(z))
    return HttpResponse(pictures.encode(image, "png"), content_type="image/png")
