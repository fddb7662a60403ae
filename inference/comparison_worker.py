"""The comparison itself, in a worker without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cases.models import Annotation
from inference.models import ComparisonRun
from registry.structures import merge_between
from spineml.masks.merged import MergedSlices
from spineml.message import message
from spineml.metrics import overlap
from spineml.volumes.canonical_file import SliceFileReader
from spineml.volumes.volume import SliceSource
from spineplatform.shared import storage
from spineplatform.shared.errors import UserError
from spineplatform.shared.lease import Lease


def run_comparison(lease: Lease[ComparisonRun]) -> None:
    """Work of one ComparisonRun: every metric per image, per label and pooled, as one JSON on the row."""
    run = lease.run
    labels = run.task.definition.labels
    with (
        slices_in_task(run.reference, run.task_id) as reference,
        slices_in_task(run.predicted, run.task_id) as predicted,
    ):
        comparison = overlap.compare(
            reference,
            predicted,
            run.reference.series.geometry,
            progress=lambda done, total: lease.report(done, total, message("Comparing slices")),
            values=[label.value for label in labels] if len(labels) > 1 else (),
        )
    with lease.finishing() as row:
        row.result = comparison.as_json()


@contextmanager
def slices_in_task(mask: Annotation, task: str) -> Iterator[SliceSource]:
    """The slices of a mask in the labels of ``task`` (a slug), merged where the mask is of another.

    Raises:
        UserError: the relation between both tasks has been removed.
    """
    merge = merge_between(mask.task_id, task) if mask.task_id != task else None
    if merge is None and mask.task_id != task:
        raise UserError(
            message("The relation between the tasks of both masks has been removed. Compare masks of one task.")
        )
    with SliceFileReader(storage.local_path(mask.mask)) as slices:
        yield MergedSlices(slices, merge) if merge else slices
