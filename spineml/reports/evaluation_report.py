"""An evaluation as a printable PDF: who was judged on what, tables, plots, the worst images, definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spineml.message import message
from spineml.metrics.bootstrap import BlandAltman, Spread, few_patients_warning
from spineml.metrics.evaluation import MEASURES
from spineml.metrics.summary import Pooled, Summary
from spineml.metrics.tables import DASH, label, number, table_one, with_ends
from spineml.reports.pdf import ENGLISH, Language, Writer, build
from spineml.reports.plots import Plot, size_label

if TYPE_CHECKING:
    from reportlab.platypus import Flowable

DEFINITIONS = (
    (
        message(
            "Per image: mean over slices that are not empty in both masks. Per patient: pixels are pooled within each "
            "patient, then averaged over patients. Pooled: counts over all slices together, distances over all "
            "surfaces."
        )
    ),
    message(
        "95 % confidence intervals: percentile bootstrap over patients (fixed seed), with all images of each patient."
    ),
    (
        message(
            "Bland-Altman: differences are predicted minus reference; limits are bias ± 1.96 SD; their "
            "intervals follow Bland & Altman 1999. Several images of one patient are not independent: they "
            "count as one patient."
        )
    ),
    (
        message(
            "Dice = 2 TP / (2 TP + FP + FN). Hausdorff 95: the larger of the two directed 95th percentiles of the "
            "surface distance. A dash means not defined."
        )
    ),
)


@dataclass(frozen=True)
class Report:
    """What the PDF says. ``facts`` are (name, value) lines; ``warnings`` stand out; ``summaries`` by a title each.

    ``worst`` are the images with the lowest Dice: what the series is called, its slice from 1, Dice.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    warnings: Sequence[str]
    summaries: Mapping[str, Summary]
    worst: Sequence[tuple[str, int, float]]
    plots: Sequence[Plot]


def as_pdf(report: Report, language: Language = ENGLISH) -> bytes:
    """The PDF, A4; the same report gives the same bytes. The plots keep their English words."""
    return build(report.title, lambda write: _story(report, write), language)


def _story(report: Report, write: Writer) -> Iterator[Flowable]:
    yield write.text(report.title, "Title")
    yield write.facts(report.facts)
    for warning in report.warnings:
        yield write.note(warning)
    for title, summary in report.summaries.items():
        yield write.text(title, "Heading2")
        yield from _figures(write, summary)
    yield write.text(message("Images with the lowest Dice"), "Heading2")
    worst = [[name, str(place), number(dice)] for name, place, dice in report.worst]
    yield write.table([[message("Series"), message("Slice"), "Dice"], *worst], widths=(110, 32, 32))
    yield write.text(message("Plots"), "Heading2")
    yield from write.pictures([plot.files["png"] for plot in report.plots])
    yield write.text(message("Methods"), "Heading2")
    for line in DEFINITIONS:
        yield write.text(line, "BodyText")


def _figures(write: Writer, summary: Summary) -> Iterator[Flowable]:
    yield write.text(
        message(
            "{patients} patients, {series} series, {images} images, {marked_images} of them not empty in both masks; "
            "false-positive masks on {false_images} of {empty_images} images without spine.",
            patients=summary.patients,
            series=summary.series,
            images=summary.images,
            marked_images=summary.marked_images,
            false_images=summary.false_images,
            empty_images=summary.empty_images,
        ),
        "BodyText",
    )
    warning = few_patients_warning(summary.patients)
    if warning is not None:
        yield write.note(warning)
    head = [message("Mean (95 % interval)"), "SD", message("Median"), message("Worst")]
    for title, spreads in ((message("per patient"), summary.per_patient), (message("per image"), summary.per_image)):
        rows = [[label(name, summary.unit), *_spread(spreads[name])] for name in MEASURES]
        yield write.table([[title, *head], *rows], widths=(54, 54, 22, 22, 22))
    pooled = [[label(name, summary.unit), _pooled(summary.pooled[name])] for name in MEASURES]
    yield write.table([[message("pooled"), message("Value (95 % interval)")], *pooled], widths=(54, 120))
    paper = [
        [row.name, _mean_sd(row.mean, row.sd), number(row.paper)]
        for row in table_one(summary.per_image, summary.f1_of_means)
    ]
    yield write.table(
        [[message("Table 1 (mean of images)"), message("Mean (SD)"), "Kim et al. 2020"], *paper], widths=(54, 60, 60)
    )
    rows = [
        [size_label(name, scope), *_agreement(found)]
        for scope, quantities in summary.agreement.items()
        for name, found in quantities.items()
    ]
    agreement = ["Bland-Altman", message("Patients"), message("Bias"), message("Lower limit"), message("Upper limit")]
    yield write.table([agreement, *rows], widths=(38, 16, 40, 40, 40))


def _spread(found: Spread | None) -> list[str]:
    if found is None:
        return [DASH] * 4
    return [with_ends(found.mean, found.interval), *map(number, (found.sd, found.median, found.worst))]


def _pooled(found: Pooled) -> str:
    return with_ends(found.value, found.interval)


def _mean_sd(mean: float | None, sd: float | None) -> str:
    return number(mean) if sd is None else f"{number(mean)} ({number(sd)})"


def _agreement(found: BlandAltman | None) -> list[str]:
    if found is None:
        return [DASH] * 4
    limits = (
        (found.bias, found.bias_interval),
        (found.lower, found.lower_interval),
        (found.upper, found.upper_interval),
    )
    return [str(found.n), *(with_ends(value, interval) for value, interval in limits)]
