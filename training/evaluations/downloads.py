"""What is handed out of evaluations, for pages and REST: figures as CSV, plots, and the report."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import get_language

from spineml.message import message
from spineml.metrics.evaluation import SeriesRow
from spineml.metrics.tables import images_csv, labels_csv, patients_csv
from spineplatform.shared import audit, storage
from spineplatform.shared.errors import Conflict, NotFound
from spineplatform.shared.http import file_download
from training.evaluations.selectors import (
    as_series_row,
    evaluated_rows,
    evaluations_compared,
    label_names,
    patient_names,
    runs_to_compare,
)
from training.models import EvaluationRun

PICTURES = {"svg": "image/svg+xml", "png": "image/png"}
CSV = "text/csv; charset=utf-8"
SCOPES = ("images", "patients", "labels", "summary")


def plot_response(run: EvaluationRun, name: str, kind: str) -> HttpResponse:
    """The stored plot; a browser shows it in a page and saves it when followed.

    Raises:
        NotFound: there is no such plot.
    """
    plot = next((one for one in finished(run)["plots"] if one["name"] == name), None)
    if plot is None or kind not in PICTURES:
        raise NotFound
    return attachment(
        storage.local_path(plot[kind]).read_bytes(),
        f"{name}-{run.version.file_name}.{kind}",
        PICTURES[kind],
        lasting=True,
    )


def finished(run: EvaluationRun) -> dict[str, Any]:
    """The result.

    Raises:
        Conflict: it is not there yet.
    """
    if not run.result:
        raise Conflict(message("The evaluation is not ready yet. Wait until it has finished and try again."))
    return dict(run.result)


def attachment(content: bytes | str, name: str, content_type: str, *, lasting: bool = False) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    if lasting:
        response["Cache-Control"] = "private, max-age=86400, immutable"
    return response


def csv_response(request: HttpRequest, run: EvaluationRun, scope: str) -> HttpResponse:
    """Figures per image, per patient, per label of each patient, or the summary; the download is recorded.

    Raises:
        NotFound: another ``scope``.
    """
    result = finished(run)
    if scope not in SCOPES:
        raise NotFound
    if scope == "summary":
        text = storage.local_path(result["summary"]).read_text()
    else:
        text = _rows_csv(request.user, run, scope)
    audit.record(
        actor=request.user,
        action="evaluation.downloaded",
        object_id=run.pk,
        institution_id=run.institution_id,
        scope=scope,
    )
    return attachment(text, f"evaluation-{run.version.file_name}-{run.split}-{scope}.csv", CSV)


def _rows_csv(user: Any, run: EvaluationRun, scope: str) -> str:
    stored = list(evaluated_rows(run))
    names = patient_names(user, stored)
    numbers = {str(row.series_id): f"series {number}" for number, row in enumerate(stored, start=1)}
    rows: list[SeriesRow] = [as_series_row(row) for row in stored]
    if scope == "images":
        return images_csv(rows, names.__getitem__, numbers.__getitem__)
    if scope == "labels":
        return labels_csv(rows, label_names(run), names.__getitem__)
    return patients_csv(rows, names.__getitem__)


def report_response(request: HttpRequest, run: EvaluationRun) -> HttpResponseBase:
    """The PDF in the language of whoever asks; the download is recorded."""
    path = storage.local_path(_report_file(finished(run)))
    audit.record(
        actor=request.user,
        action="evaluation.downloaded",
        object_id=run.pk,
        institution_id=run.institution_id,
        scope="report",
    )
    return file_download(
        request, path, name=f"evaluation-{run.version.file_name}-{run.split}.pdf", content_type="application/pdf"
    )


def _report_file(result: dict[str, Any]) -> str:
    """Its name in the storage. An earlier worker wrote one ``report``, in English."""
    reports = result.get("reports", {})
    return str(reports.get(get_language()) or reports.get(settings.LANGUAGE_CODE) or result["report"])


def compare_plot_response(user: Any, kind: str, ids: Sequence[str]) -> HttpResponse:
    """Box plots per version. Which versions is chosen on the page, so a process of its own draws them when asked: a
    web process would never give matplotlib's memory back."""
    if kind not in PICTURES:
        raise NotFound
    comparison, _ = evaluations_compared(user, runs_to_compare(user, ids))
    values = json.dumps(comparison.dice)
    return attachment(_drawn(values, kind), f"versions.{kind}", PICTURES[kind])


def _drawn(values: str, kind: str) -> bytes:
    name = hashlib.sha256(f"{kind} {values}".encode()).hexdigest()
    kept = Path(settings.CACHE_DIR) / "plots" / f"{name}.{kind}"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "spineml.reports.plots", kind]
        done = subprocess.run(
            command, input=values.encode(), stdout=subprocess.PIPE, cwd=settings.BASE_DIR, timeout=60, check=True
        )
        partial = kept.with_name(f"{name}.{id(done)}.partial")
        partial.write_bytes(done.stdout)
        partial.replace(kept)
    return kept.read_bytes()
