"""The comparison itself, in a worker without TensorFlow."""

from __future__ import annotations

from inference.models import ComparisonRun
from spineml.message import message
from spineml.metrics import overlap
from spineml.volumes.canonical_file import SliceFileReader
from spineplatform.shared import storage
from spineplatform.shared.lease import Lease


def run_comparison(lease: Lease[ComparisonRun]) -> None:
    """Work of one ComparisonRun: every metric per image and pooled, as one JSON on the row."""
    run = lease.run
    with (
        SliceFileReader(storage.local_path(run.reference.mask)) as reference,
        SliceFileReader(storage.local_path(run.predicted.mask)) as predicted,
    ):
        comparison = overlap.compare(
            reference,
            predicted,
            reference.geometry,
            progress=lambda done, total: lease.report(done, total, message("Comparing slices")),
        )
    with lease.finishing() as row:
        row.result = comparison.as_json()
