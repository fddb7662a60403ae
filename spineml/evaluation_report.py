"""An evaluation as a printable PDF: who was judged on what, the tables, the plots, the worst images, the definitions.

reportlab lays it out without a browser or system libraries. Names that people chose may be Korean: runs of Hangul and
Han are set in HYSMyeongJo-Medium, one of the Adobe CID fonts that PDF viewers bring themselves, so no font is shipped.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from spineml.evaluation import MEASURES
from spineml.evaluation_summary import Pooled, Summary
from spineml.evaluation_tables import DASH, ends, label, number, table_one
from spineml.plots import Plot
from spineml.statistics import BlandAltman, Spread

if TYPE_CHECKING:
    from reportlab.platypus import Flowable

KOREAN_FONT = "HYSMyeongJo-Medium"
# Hangul (jamo, syllables), Han, and the marks between them.
KOREAN = re.compile("([\u1100-\u11ff\u3000-\u303f\u3130-\u318f\u4e00-\u9fff\uac00-\ud7af\uff00-\uffef]+)")
INK, LINE, SOFT = "#1b2630", "#c9d3da", "#eef3f5"
MARGIN_MM, WIDTH_MM = 18, 174
DEFINITIONS = (
    (
        "Per image: every slice that either mask marks counts once. Per patient: each patient's pixels are pooled, "
        "then every patient counts once. Pooled: the counts of all slices together, distances over all surfaces."
    ),
    "Intervals are 95 %, by bootstrap over patients (percentile, seeded): whole patients are drawn, with all images.",
    (
        "Bland-Altman: differences are predicted minus reference; limits are bias \u00b1 1.96 SD; their intervals "
        "follow Bland & Altman 1999. Several images of one patient are not independent: read it by patient then."
    ),
    (
        "Dice = 2 TP / (2 TP + FP + FN). Hausdorff 95: the larger of the two directed 95th percentiles of the distance "
        "between surfaces. A dash: not defined."
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
    summaries: dict[str, Summary]
    worst: Sequence[tuple[str, int, float]]
    plots: Sequence[Plot]


def as_pdf(report: Report) -> bytes:
    """The PDF, A4; the same report gives the same bytes."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import SimpleDocTemplate

    sink = io.BytesIO()
    margin = MARGIN_MM * mm
    document = SimpleDocTemplate(
        sink,
        pagesize=A4,
        leftMargin=margin,
        rightMargin=margin,
        topMargin=margin,
        bottomMargin=margin,
        title=report.title,
        creator="Spine platform",
        invariant=1,
    )
    document.build(list(_story(report)), onFirstPage=_footer, onLaterPages=_footer)
    return sink.getvalue()


def _footer(canvas: Any, document: Any) -> None:
    canvas.saveState()
    canvas.setFont("Helvetica", 8)
    canvas.drawString(document.leftMargin, 28, "Research software: not a medical device.")
    canvas.drawRightString(document.pagesize[0] - document.rightMargin, 28, str(document.page))
    canvas.restoreState()


def _story(report: Report) -> Iterator[Flowable]:
    write = _Writer()
    yield write.text(report.title, "Title")
    yield write.table([[name, value] for name, value in report.facts], widths=(40, 134), head=False)
    for warning in report.warnings:
        yield write.text(f"Note: {warning}", "Warning")
    for title, summary in report.summaries.items():
        yield write.text(title, "Heading2")
        yield from _figures(write, summary)
    yield write.text("Images with the lowest Dice", "Heading2")
    worst = [[name, str(place), number(dice)] for name, place, dice in report.worst]
    yield write.table([["Series", "Slice", "Dice"], *worst], widths=(110, 32, 32))
    yield write.text("Plots", "Heading2")
    yield from write.pictures(report.plots)
    yield write.text("How to read it", "Heading2")
    for line in DEFINITIONS:
        yield write.text(line, "BodyText")


def _figures(write: _Writer, summary: Summary) -> Iterator[Flowable]:
    sizes = f"{summary.patients} patients, {summary.series} series, {summary.images} images"
    false = f"{summary.false_images} of {summary.empty_images} images without spine were given a mask"
    yield write.text(f"{sizes}, of which {summary.marked_images} are marked by either mask; {false}.", "BodyText")
    head = ["", "Mean (95 % interval)", "SD", "Median", "Worst"]
    for title, spreads in (("per patient", summary.per_patient), ("per image", summary.per_image)):
        rows = [[label(name, summary.unit), *_spread(spreads[name])] for name in MEASURES]
        yield write.table([[title, *head[1:]], *rows], widths=(54, 54, 22, 22, 22))
    pooled = [[label(name, summary.unit), _pooled(summary.pooled[name])] for name in MEASURES]
    yield write.table([["pooled", "Value (95 % interval)"], *pooled], widths=(54, 120))
    paper = [
        [row.name, _mean_sd(row.mean, row.sd), number(row.paper)]
        for row in table_one(summary.per_image, summary.f1_of_means)
    ]
    yield write.table([["Table 1 (mean of images)", "Mean (SD)", "Kim et al. 2020"], *paper], widths=(54, 60, 60))
    rows = [
        [f"{name.replace('_', ' ')} per {scope}", *_agreement(found)]
        for scope, quantities in summary.agreement.items()
        for name, found in quantities.items()
    ]
    head = ["Bland-Altman", "n", "Bias", "Lower limit", "Upper limit"]
    yield write.table([head, *rows], widths=(42, 12, 40, 40, 40))


class _Writer:
    """Styles, and what is made with them."""

    def __init__(self) -> None:
        from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
        from reportlab.pdfbase import pdfmetrics
        from reportlab.pdfbase.cidfonts import UnicodeCIDFont

        pdfmetrics.registerFont(UnicodeCIDFont(KOREAN_FONT))
        self._styles = getSampleStyleSheet()
        self._styles["Title"].alignment = 0
        self._styles["Title"].fontSize = 16
        body = self._styles["BodyText"]
        body.fontSize, body.leading = 9, 12
        self._styles.add(ParagraphStyle("Cell", body, fontSize=8, leading=10, spaceBefore=0, textColor=INK))
        self._styles.add(ParagraphStyle("Warning", body, backColor="#fcf1d8", borderPadding=5, spaceBefore=8))

    def text(self, text: str, style: str = "Cell") -> Flowable:
        from reportlab.platypus import Paragraph

        korean = KOREAN.sub(rf'<font name="{KOREAN_FONT}">\1</font>', escape(text))
        return Paragraph(korean, self._styles[style])

    def table(self, rows: Sequence[Sequence[str]], *, widths: Sequence[float], head: bool = True) -> Flowable:
        """``widths`` in mm."""
        from reportlab.lib.colors import HexColor
        from reportlab.lib.units import mm
        from reportlab.platypus import KeepTogether, Table

        style: list[Any] = [
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, HexColor(LINE)),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("TOPPADDING", (0, 0), (-1, -1), 1.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
        ]
        if head:
            style.append(("BACKGROUND", (0, 0), (-1, 0), HexColor(SOFT)))
        cells = [[self.text(cell) for cell in row] for row in rows]
        columns = [width * mm for width in widths]
        whole = Table(
            cells, colWidths=columns, style=style, spaceBefore=6, spaceAfter=6, hAlign="LEFT", repeatRows=head
        )
        return KeepTogether([whole])

    def pictures(self, plots: Sequence[Plot]) -> Iterator[Flowable]:
        """Two beside each other."""
        from reportlab.lib.units import mm
        from reportlab.platypus import Image, Table

        width = WIDTH_MM / 2 - 2
        images = [Image(io.BytesIO(plot.files["png"]), width * mm, width * mm * 0.7) for plot in plots]
        for index in range(0, len(images), 2):
            yield Table([images[index : index + 2]], colWidths=[WIDTH_MM / 2 * mm] * len(images[index : index + 2]))


def _spread(found: Spread | None) -> list[str]:
    if found is None:
        return [DASH] * 4
    return [f"{number(found.mean)}{ends(found.interval)}", *map(number, (found.sd, found.median, found.worst))]


def _pooled(found: Pooled) -> str:
    return f"{number(found.value)}{ends(found.interval)}"


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
    return [str(found.n), *(f"{number(value)}{ends(interval)}" for value, interval in limits)]
