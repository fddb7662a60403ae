"""The report of a series or a case: key images with the mask, measurements, who signed. Drawing and layout only.

It says what it is handed: whoever calls decides what stays out of an anonymous report.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from spineml.masks.export import task_colours
from spineml.message import message
from spineml.reports.pdf import ENGLISH, WIDTH_MM, Language, Writer, build
from spineml.tasks.task import Task
from spineml.volumes import render
from spineml.volumes.volume import Geometry, SliceSource

if TYPE_CHECKING:
    from reportlab.platypus import Flowable

AXIAL = 4
LONGEST_PX = 800
STYLE = render.OverlayStyle(opacity=0.3, outlined=True)
GAP_MM = 4
TALLEST_MM = 95


@dataclass(frozen=True)
class Picture:
    """A key image: PNG of ``size`` (width, height) pixels, square in mm where the spacing is known."""

    title: str
    png: bytes
    size: tuple[int, int]


@dataclass(frozen=True)
class ReportSection:
    """What is said of one series. ``facts`` are (name, value) lines; ``measurements`` are rows of kind, view, slice,
    values and author; ``structures`` of a mask with several labels are rows of colour (``#rrggbb``), name, code, volume
    and slices. Without a title it is the only one, and its facts are those of the report."""

    warnings: Sequence[str]
    pictures: Sequence[Picture]
    measurements: Sequence[Sequence[str]]
    title: str = ""
    facts: Sequence[tuple[str, str]] = ()
    structures: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class CaseReport:
    """``facts`` are (name, value) lines; ``summary`` has one row for each section, as ``SUMMARY_HEAD`` names them."""

    title: str
    facts: Sequence[tuple[str, str]]
    sections: Sequence[ReportSection]
    summary: Sequence[Sequence[str]] = ()


SUMMARY_HEAD = (
    message("Series"),
    message("Mask by"),
    message("Volume"),
    message("Slices with mask"),
    message("Sign-off"),
)
STRUCTURE_HEAD = (message("Structure"), message("Code"), message("Volume"), message("Slices"))
MEASUREMENT_HEAD = (message("Measurement"), message("View"), message("Slice"), message("Value"), message("By"))


# --- key images -------------------------------------------------------------------------------------------------------
def key_pictures(volume: SliceSource, mask: SliceSource, geometry: Geometry, task: Task | None = None) -> list[Picture]:
    """Axial slices spread over the mask, then a sagittal and a coronal cut through its middle.

    With a ``task`` of several labels each is drawn in its colour, with its short name.
    Holds one slice and the two cuts, whatever the length of the series. The cuts are stretched to the spacing; a
    tilted gantry stays as it was acquired.
    """
    counts, x, y = _places(mask)
    wanted = spread(counts)
    depth, height, width = geometry.shape
    sagittal, coronal = _Cut(depth, height), _Cut(depth, width)
    pictures = []
    for z in range(depth):
        hu, labels = volume.read(z), mask.read(z)
        sagittal.take(z, hu[:, x], labels[:, x])
        coronal.take(z, hu[y], labels[y])
        if z in wanted:
            pictures.append(
                _picture(
                    message("Axial, slice {place} of {all}", place=z + 1, all=depth),
                    hu,
                    labels,
                    geometry.spacing[1:],
                    task,
                )
            )
    if depth > 1:
        across, down, along = geometry.spacing[2], geometry.spacing[1], geometry.spacing[0]
        pictures.append(
            sagittal.picture(message("Sagittal, column {place} of {all}", place=x + 1, all=width), (along, down), task)
        )
        pictures.append(
            coronal.picture(message("Coronal, row {place} of {all}", place=y + 1, all=height), (along, across), task)
        )
    return pictures


def spread(counts: npt.NDArray[np.int64], wanted: int = AXIAL) -> list[int]:
    """Slices at even distances inside the extent of the mask (of the series, when it is empty); only marked ones.

    ``counts[z]`` is how many pixels slice z has marked.
    """
    marked = np.flatnonzero(counts)
    places = marked if len(marked) else np.arange(len(counts))
    if len(places) <= wanted:
        return [int(place) for place in places]
    parts = np.linspace(0, len(places) - 1, wanted + 2)[1:-1]
    return sorted({int(places[round(part)]) for part in parts})


def _places(mask: SliceSource) -> tuple[npt.NDArray[np.int64], int, int]:
    """How much each slice has marked, and the column and row in the middle of the mask."""
    counts = np.zeros(len(mask), np.int64)
    first = mask.read(0)
    rows, columns = np.zeros(first.shape[0]), np.zeros(first.shape[1])
    for z in range(len(mask)):
        marked = mask.read(z) > 0
        counts[z] = np.count_nonzero(marked)
        rows += marked.sum(axis=1)
        columns += marked.sum(axis=0)
    return counts, _middle(columns), _middle(rows)


def _middle(profile: npt.NDArray[np.float64]) -> int:
    """Where half of the marked pixels lie to either side."""
    total = profile.sum()
    return int(np.searchsorted(np.cumsum(profile), total / 2)) if total else len(profile) // 2


class _Cut:
    """Collects one line of each slice; the head comes to the top."""

    def __init__(self, depth: int, length: int) -> None:
        self._hu, self._labels = np.zeros((depth, length), np.int16), np.zeros((depth, length), np.uint8)

    def take(self, z: int, hu: npt.NDArray[Any], labels: npt.NDArray[Any]) -> None:
        self._hu[-1 - z], self._labels[-1 - z] = hu, labels

    def picture(self, title: str, spacing: tuple[float, float], task: Task | None) -> Picture:
        return _picture(title, self._hu, self._labels, spacing, task)


def _picture(
    title: str, hu: npt.NDArray[Any], labels: npt.NDArray[Any], spacing: Sequence[float], task: Task | None
) -> Picture:
    """``spacing`` is (down, across) in mm."""
    hu, named = np.ascontiguousarray(hu), task is not None and len(task.labels) > 1
    if task is not None and named:
        image = render.overlay_labels(hu, labels, task_colours(task), style=STYLE)
    else:
        image = render.overlay(hu, labels, style=STYLE)
    height, width = hu.shape[0] * spacing[0], hu.shape[1] * spacing[1]
    scale = LONGEST_PX / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    sink = io.BytesIO()
    image = image.resize(size, Image.Resampling.BILINEAR)
    if task is not None and named:
        image = render.with_names(image, labels, {label.value: label.short for label in task.labels})
    image.save(sink, "PNG")
    return Picture(title, sink.getvalue(), size)


# --- layout -----------------------------------------------------------------------------------------------------------
def as_pdf(report: CaseReport, language: Language = ENGLISH) -> bytes:
    """The PDF, A4; the same report gives the same bytes."""
    return build(report.title, lambda write: _story(report, write), language)


def _story(report: CaseReport, write: Writer) -> Iterator[Flowable]:
    yield write.text(report.title, "Title")
    yield write.facts(report.facts)
    if report.summary:
        yield write.text(message("Summary"), "Heading2")
        yield write.table([SUMMARY_HEAD, *report.summary], widths=(18, 52, 24, 24, 56))
    for section in report.sections:
        yield from _section(section, write)


def _section(section: ReportSection, write: Writer) -> Iterator[Flowable]:
    if section.title:
        yield write.page_break()
        yield write.text(section.title, "Heading1")
        yield write.facts(section.facts)
    for warning in section.warnings:
        yield write.note(warning)
    if section.structures:
        yield write.text(message("Structures"), "Heading2")
        rows = [["", *row[1:]] for row in section.structures]
        colours = [row[0] for row in section.structures]
        yield write.table([["", *STRUCTURE_HEAD], *rows], widths=(6, 60, 64, 24, 20), colours=colours)
    yield write.text(message("Measurements"), "Heading2")
    if section.measurements:
        yield write.table([MEASUREMENT_HEAD, *section.measurements], widths=(36, 24, 18, 62, 34))
    else:
        yield write.text(message("No measurements."), "BodyText")
    yield write.text(message("Key images"), "Heading2")
    for index in range(0, len(section.pictures), 2):
        yield _beside_each_other(write, section.pictures[index : index + 2])


def _beside_each_other(write: Writer, pictures: Sequence[Picture]) -> Flowable:
    from reportlab.lib.units import mm
    from reportlab.platypus import Image as Drawn
    from reportlab.platypus import KeepTogether, Table

    cell = (WIDTH_MM - GAP_MM) / 2
    drawn = []
    for one in pictures:
        scale = min(cell / one.size[0], TALLEST_MM / one.size[1]) * mm
        drawn.append(Drawn(io.BytesIO(one.png), one.size[0] * scale, one.size[1] * scale, hAlign="LEFT"))
    titles = [write.text(one.title) for one in pictures]
    widths = [WIDTH_MM / 2 * mm] * len(pictures)
    style = [("VALIGN", (0, 0), (-1, -1), "BOTTOM"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]
    return KeepTogether([Table([drawn, titles], colWidths=widths, style=style, hAlign="LEFT", spaceAfter=6)])
