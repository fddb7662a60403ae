"""Writing the report of a series or a case, in an import worker: reportlab is loaded there alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.utils import timezone

from cases.approved import approved_masks
from cases.models import (
    Annotation,
    AnnotationSource,
    Measurement,
    MeasurementKind,
    Review,
    ReviewVerdict,
)
from cases.projects.selectors import measurements_for
from inference.models import ReportRun
from spineml.message import Message, message, verbatim
from spineml.reports.case_report import CaseReport, Picture, ReportSection, as_pdf, key_pictures
from spineml.tasks.label_sizes import LabelSize
from spineml.volumes.canonical_file import SliceFileReader
from spineplatform.shared import storage
from spineplatform.shared.lease import Lease
from spineplatform.shared.messages import language_named

FOLDER = "reports"
SOURCES = {
    AnnotationSource.MODEL: message("Model"),
    AnnotationSource.UPLOAD: message("Uploaded"),
    AnnotationSource.DRAWN: message("Drawn"),
    AnnotationSource.EDIT: message("Edited"),
}
VERDICTS = {
    ReviewVerdict.APPROVED: message("Approved"),
    ReviewVerdict.REJECTED: message("Rejected"),
    ReviewVerdict.SENT_BACK: message("Sent back"),
}
KINDS = {
    MeasurementKind.LENGTH: message("Length"),
    MeasurementKind.ANGLE: message("Angle"),
    MeasurementKind.COBB: message("Cobb angle"),
    MeasurementKind.RECTANGLE: message("Rectangle"),
    MeasurementKind.ELLIPSE: message("Ellipse"),
    MeasurementKind.HEIGHT_RATIO: message("Vertebral height ratio"),
}
PLANES = {"axial": message("axial"), "sagittal": message("sagittal"), "coronal": message("coronal")}
# By the name of a measured value without its unit.
VALUES = {
    "length": message("length"),
    "anterior": message("anterior"),
    "posterior": message("posterior"),
    "ratio": message("ratio"),
    "mean": message("mean"),
    "sd": message("sd"),
    "min": message("min"),
    "max": message("max"),
    "area": message("area"),
}
UNITS = {"mm": "mm", "mm2": "mm\u00b2", "hu": "HU", "degrees": "\u00b0"}


def run_report(lease: Lease[ReportRun]) -> None:
    """Work of one ReportRun: key images, facts and measurements, stored as messages for the page, and as PDF."""
    run = lease.run
    rows = run.masks.select_related("series__case__patient", "author", "task").order_by("series__number")
    masks = list(rows.names_for(run.requested_by) if run.requested_by else rows)
    pictures = []
    for done, mask in enumerate(masks):
        lease.report(done, len(masks), message("Drawing the key images"))
        pictures.append(_pictures(mask))
        lease.check()
    lease.report(0, 0, message("Writing the report"))
    report = _report(run, [_Told(run, mask) for mask in masks], pictures)
    with storage.work_folder("report") as folder, storage.stored_or_removed() as stored:
        result = _store(report, run.language, folder, stored)
        with lease.finishing() as row:
            row.result = result


def _pictures(mask: Annotation) -> list[Picture]:
    with (
        SliceFileReader(storage.local_path(mask.series.volume)) as volume,
        SliceFileReader(storage.local_path(mask.mask)) as labels,
    ):
        return key_pictures(volume, labels, volume.geometry, mask.task.definition)


def _store(report: CaseReport, language: str, folder: Path, stored: list[str]) -> dict[str, Any]:
    def keep(content: bytes, suffix: str) -> str:
        stored.append(storage.store_bytes(content, storage.unique_name(FOLDER, suffix), folder))
        return stored[-1]

    def kept(section: ReportSection) -> dict[str, Any]:
        pictures = [
            {"title": one.title, "width": one.size[0], "height": one.size[1], "file": keep(one.png, ".png")}
            for one in section.pictures
        ]
        return {**vars(section), "pictures": pictures}

    sections = [kept(section) for section in report.sections]
    return {**vars(report), "sections": sections, "pdf": keep(as_pdf(report, language_named(language)), ".pdf")}


# --- what it says -----------------------------------------------------------------------------------------------------
def _report(run: ReportRun, told: list[_Told], pictures: list[list[Picture]]) -> CaseReport:
    title = message("Spine CT report, {patient}", patient=run.case.patient.pseudonym)
    if run.series_id:
        (one,), (drawn,) = told, pictures
        facts = [*_case_facts(run), *one.facts(), *_closing_facts(run)]
        return CaseReport(title, facts, [one.section(drawn)])
    facts = [*_case_facts(run), *_series_facts(run, told), *_closing_facts(run)]
    sections = [
        replace(one.section(drawn), title=message("Series {number}", number=one.series.number), facts=list(one.facts()))
        for one, drawn in zip(told, pictures, strict=True)
    ]
    return CaseReport(title, facts, sections, [one.summary() for one in told])


def _case_facts(run: ReportRun) -> Iterator[tuple[str, str]]:
    """Names that people or scanners gave may tell who the patient is: only the case's, and only when it is wished."""
    yield message("Patient"), run.case.patient.pseudonym
    if run.with_title:
        yield message("Case"), run.case.title


def _series_facts(run: ReportRun, told: list[_Told]) -> Iterator[tuple[str, str]]:
    numbers = list(run.case.series.order_by("number").values_list("number", flat=True))
    yield message("Series"), str(len(numbers))
    bare = set(numbers) - {one.series.number for one in told}
    if bare:
        yield message("Series without a mask"), ", ".join(map(str, sorted(bare)))


def _closing_facts(run: ReportRun) -> Iterator[tuple[str, str]]:
    if run.requested_by:
        yield message("Reported by"), run.requested_by.display_name()
    yield message("Reported"), f"{timezone.now():%Y-%m-%d %H:%M} UTC"


class _Told:
    """What is said of one mask and its series."""

    def __init__(self, run: ReportRun, mask: Annotation) -> None:
        self.run, self.mask, self.series = run, mask, mask.series

    def section(self, pictures: list[Picture]) -> ReportSection:
        return ReportSection(
            warnings=[*self._unapproved(), *self.series.warnings, *(one["message"] for one in self.mask.deviations)],
            pictures=pictures,
            measurements=[_measurement_row(one) for one in self._measurements()],
            structures=[_structure_row(one) for one in self.mask.structures],
        )

    def _unapproved(self) -> list[str]:
        place = (self.series.pk, self.mask.task_id)
        approved = approved_masks([self.series.pk], self.run.requested_by).get(place)
        if approved in (None, self.mask.pk):
            return []
        return [message("This is not the approved mask of the series.")]

    def facts(self) -> Iterator[tuple[str, str]]:
        series, grid, mask = self.series, self.series.geometry, self.mask
        yield message("Series"), str(series.number)
        yield message("Size"), f"{series.width} x {series.height} x {series.depth}"
        along, down, across = grid.spacing
        known = f"{across:.2f} x {down:.2f} x {along:.2f} mm"
        yield message("Spacing"), known if grid.spacing_known else message("not given: lengths are in pixels")
        yield message("Mask by"), self._maker(with_checksum=True)
        yield message("Mask created"), f"{mask.created_at:%Y-%m-%d %H:%M} UTC"
        yield message("Volume"), self._volume()
        yield message("Slices with mask"), self._slices()
        yield message("Sign-off"), self._signature()

    def summary(self) -> list[str]:
        """One row, as ``SUMMARY_HEAD`` names it."""
        return [str(self.series.number), self._maker(), self._volume(), self._slices(), self._signature()]

    def _maker(self, *, with_checksum: bool = False) -> str:
        version = self.mask.model_version
        if version is not None:
            name = version.name_at(self.series.institution_id)
            if with_checksum:
                return message("Model {version}, SHA-256 {checksum}", version=name, checksum=version.sha256)
            return message("Model {version}", version=name)
        author = self.mask.author
        return author.display_name() if author else SOURCES[AnnotationSource(self.mask.source)]

    def _volume(self) -> str:
        return (
            f"{self.mask.volume_ml:.1f} ml"
            if self.mask.volume_ml is not None
            else message("{voxels} voxels", voxels=self.mask.voxels)
        )

    def _slices(self) -> str:
        return f"{self.mask.slices_with_mask} / {len(self.mask.areas_px)}"

    def _signature(self) -> str:
        """The last word on the series and task, as far as the person who asked may know it."""
        reviews = self.series.reviews.filter(task=self.mask.task_id).select_related("reader")
        person = self.run.requested_by
        review: Review | None = (reviews.seen_by(person) if person else reviews).first()
        if review is None:
            return message("Not signed off")
        signed: dict[str, Any] = {
            "verdict": VERDICTS[ReviewVerdict(review.verdict)],
            "reader": review.reader.display_name(),
            "time": f"{review.created_at:%Y-%m-%d %H:%M}",
        }
        if review.annotation_id == self.mask.pk:
            return message("{verdict} by {reader}, {time} UTC", **signed)
        return message("{verdict} by {reader}, {time} UTC (not this mask)", **signed)

    def _measurements(self) -> list[Measurement]:
        person = self.run.requested_by
        if person is None:
            return list(self.series.measurements.select_related("author"))
        return list(measurements_for(self.series, person))


def _structure_row(one: LabelSize) -> list[str]:
    """Colour, name, code, volume and slices; one of a pair has its side."""
    codes = [code for code in (one.code, one.label.modifier) if code]
    code = ", ".join(f"{code.meaning} ({code.scheme} {code.value})" for code in codes) or "\u2013"
    known = one.volume_ml is not None
    volume = f"{one.volume_ml:.1f} ml" if known else message("{voxels} voxels", voxels=one.voxels)
    return [one.label.colour, one.label.name, code, volume, f"{one.first_slice + 1}\u2013{one.last_slice + 1}"]


def _measurement_row(one: Measurement) -> list[str]:
    values = message("{values}", values=[_value(name, value) for name, value in one.values.items()])
    kind, plane = KINDS[MeasurementKind(one.kind)], PLANES[one.plane]
    return [kind, plane, str(one.index + 1), values, one.author.display_name()]


def _value(name: str, value: float) -> Message:
    """``length_mm`` of 5 as "length 5 mm"."""
    what, _, last = name.rpartition("_")
    unit = UNITS.get(last, "")
    shown = f"{value:.4g} {unit}".strip()
    what = what if unit else name
    if not what:
        return verbatim(shown)
    return message("{name} {value}", name=VALUES.get(what, what), value=shown)
