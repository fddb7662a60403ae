"""Writing the report of a series, in an import worker: reportlab is loaded there alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.utils import timezone

from cases.models import Annotation, Measurement, Review
from cases.selectors_agreement import measurements_for
from inference.models import Prediction, ReportRun
from spineml.case_report import CaseReport, Picture, as_pdf, key_pictures
from spineml.volume_file import SliceFileReader
from spineplatform.shared import storage
from spineplatform.shared.lease import Lease

FOLDER = "reports"
UNITS = {"mm": "mm", "mm2": "mm\u00b2", "hu": "HU", "degrees": "\u00b0"}


def run_report(lease: Lease[ReportRun]) -> None:
    """Work of one ReportRun: key images, facts and measurements, stored as PDF and for the page."""
    run = lease.run
    lease.report(0, 0, "Drawing the key images")
    pictures = _pictures(run)
    lease.check()
    lease.report(0, 0, "Writing the report")
    report = _report(run, pictures)
    with storage.work_folder("report") as folder, storage.stored_or_removed() as stored:
        result = _store(report, folder, stored)
        with lease.finishing() as row:
            row.result = result


def _pictures(run: ReportRun) -> list[Picture]:
    with (
        SliceFileReader(storage.local_path(run.series.volume)) as volume,
        SliceFileReader(storage.local_path(run.annotation.mask)) as mask,
    ):
        return key_pictures(volume, mask, volume.geometry)


def _store(report: CaseReport, folder: Path, stored: list[str]) -> dict[str, Any]:
    def keep(content: bytes, suffix: str) -> str:
        path = folder / f"file{len(stored)}{suffix}"
        path.write_bytes(content)
        stored.append(storage.store(path, storage.unique_name(FOLDER, suffix)))
        return stored[-1]

    return {
        "title": report.title,
        "facts": [list(fact) for fact in report.facts],
        "warnings": list(report.warnings),
        "measurements": [list(row) for row in report.measurements],
        "pictures": [
            {"title": one.title, "width": one.size[0], "height": one.size[1], "file": keep(one.png, ".png")}
            for one in report.pictures
        ],
        "pdf": keep(as_pdf(report), ".pdf"),
    }


# --- what it says -----------------------------------------------------------------------------------------------------
def _report(run: ReportRun, pictures: list[Picture]) -> CaseReport:
    prediction = Prediction.objects.filter(annotation=run.annotation).select_related("model_version").first()
    return CaseReport(
        title=f"Spine CT report, {run.series.case.patient.pseudonym}",
        facts=[*_series_facts(run), *_mask_facts(run.annotation, prediction), *_closing_facts(run)],
        warnings=[one["message"] for one in prediction.deviations] if prediction else [],
        pictures=pictures,
        measurements=[_measurement_row(one) for one in _measurements(run)],
    )


def _series_facts(run: ReportRun) -> Iterator[tuple[str, str]]:
    """Names that people or scanners gave may tell who the patient is: only the case's, and only when it is wished."""
    series, grid = run.series, run.series.geometry
    yield "Patient", series.case.patient.pseudonym
    if run.with_title:
        yield "Case", series.case.title
    yield "Series", str(series.number)
    yield "Size", f"{series.width} x {series.height} x {series.depth}"
    along, down, across = grid.spacing
    known = f"{across:.2f} x {down:.2f} x {along:.2f} mm"
    yield "Spacing", known if grid.spacing_known else "not stated: lengths are in pixels"


def _mask_facts(mask: Annotation, prediction: Prediction | None) -> Iterator[tuple[str, str]]:
    if prediction:
        version = prediction.model_version
        yield "Mask by", f"Model {version}, SHA-256 {version.sha256}"
    else:
        yield "Mask by", mask.author.display_name() if mask.author else str(mask.get_source_display())
    yield "Mask made", f"{mask.created_at:%Y-%m-%d %H:%M} UTC"
    yield "Volume", f"{mask.volume_ml:.1f} ml" if mask.volume_ml is not None else f"{mask.voxels} voxels"
    yield "Slices with mask", f"{mask.slices_with_mask} of {len(mask.areas_px)}"


def _closing_facts(run: ReportRun) -> Iterator[tuple[str, str]]:
    yield "Sign-off", _signature(run)
    if run.requested_by:
        yield "Reported by", run.requested_by.display_name()
    yield "Reported", f"{timezone.now():%Y-%m-%d %H:%M} UTC"


def _signature(run: ReportRun) -> str:
    """The last word on the series, as far as the person who asked may know it."""
    reviews = run.series.reviews.select_related("reader")
    review: Review | None = (reviews.seen_by(run.requested_by) if run.requested_by else reviews).first()
    if review is None:
        return "Not signed off"
    said = f"{review.get_verdict_display()} by {review.reader.display_name()}, {review.created_at:%Y-%m-%d %H:%M} UTC"
    return said if review.annotation_id == run.annotation_id else f"{said} (not this mask)"


def _measurements(run: ReportRun) -> list[Measurement]:
    if run.requested_by is None:
        return list(run.series.measurements.select_related("author"))
    return list(measurements_for(run.series, run.requested_by))


def _measurement_row(one: Measurement) -> list[str]:
    values = ", ".join(_value(name, value) for name, value in one.values.items())
    return [str(one.get_kind_display()), one.plane, str(one.index + 1), values, one.author.display_name()]


def _value(name: str, value: float) -> str:
    """``length_mm`` of 5 as "length 5 mm"."""
    words = name.split("_")
    unit = UNITS.get(words[-1], "")
    return " ".join([*(words[:-1] if unit else words), f"{value:.4g}", unit]).strip()
