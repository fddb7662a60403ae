"""The frame of every PDF: A4, footer, styles, tables. Only workers draw one: reportlab is imported when it is needed.

reportlab lays it out without a browser or system libraries. Its messages become sentences of the
`Language` that is handed over. Runs of Hangul and Han are set in HYGothic-Medium, one of the Adobe CID fonts: the file
holds Unicode (so it can be searched and copied) and no glyphs, which the viewer takes from a Korean font of its own
system. Whoever asks for a Korean report has one; embedding would take a font of 5 MB among our dependencies.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from spineml.message import message

if TYPE_CHECKING:
    from reportlab.platypus import Flowable

KOREAN_FONT = "HYGothic-Medium"
# Hangul (jamo, syllables), Han, and the marks between them.
KOREAN = re.compile("([\u1100-\u11ff\u3000-\u303f\u3130-\u318f\u4e00-\u9fff\uac00-\ud7af\uff00-\uffef]+)")
INK, LINE, SOFT = "#1b2630", "#c9d3da", "#eef3f5"
MARGIN_MM, WIDTH_MM = 18, 174
NOT_A_DEVICE = message("Research software: not a medical device.")


@dataclass(frozen=True)
class Language:
    """``code`` of a language, and ``say``: what makes of a message a sentence of it; other text stays."""

    code: str = "en"
    say: Callable[[str], str] = str


ENGLISH = Language()


def build(title: str, story: Callable[[Writer], Iterable[Flowable]], language: Language = ENGLISH) -> bytes:
    """The PDF; the same story gives the same bytes."""
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
        title=language.say(title),
        lang=language.code,
        creator="Spine platform",
        invariant=1,
    )
    write = Writer(language)
    document.build(list(story(write)), onFirstPage=write.footer, onLaterPages=write.footer)
    return sink.getvalue()


class Writer:
    """Styles, and what is made with them. ``say`` makes of messages sentences of the language; other text stays."""

    def __init__(self, language: Language = ENGLISH) -> None:
        from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
        from reportlab.pdfbase import pdfmetrics
        from reportlab.pdfbase.cidfonts import UnicodeCIDFont

        self.say = language.say
        pdfmetrics.registerFont(UnicodeCIDFont(KOREAN_FONT))
        self._styles = getSampleStyleSheet()
        self._styles["Title"].alignment = 0
        self._styles["Title"].fontSize = 16
        self._styles["Heading2"].keepWithNext = 1
        body = self._styles["BodyText"]
        body.fontSize, body.leading = 9, 12
        self._styles.add(ParagraphStyle("Cell", body, fontSize=8, leading=10, spaceBefore=0, textColor=INK))
        self._styles.add(ParagraphStyle("Warning", body, backColor="#fcf1d8", borderPadding=5, spaceBefore=8))

    def text(self, text: str, style: str = "Cell") -> Flowable:
        from reportlab.platypus import Paragraph

        korean = KOREAN.sub(rf'<font name="{KOREAN_FONT}">\1</font>', escape(self.say(text)))
        return Paragraph(korean, self._styles[style])

    def note(self, warning: str) -> Flowable:
        return self.text(f"{self.say(message('Note'))}: {self.say(warning)}", "Warning")

    def facts(self, facts: Sequence[tuple[str, str]]) -> Flowable:
        """Lines of (name, value)."""
        return self.table(facts, widths=(40, 134), head=False)

    def footer(self, canvas: Any, document: Any) -> None:
        from reportlab.lib.units import mm

        canvas.saveState()
        said = self.text(NOT_A_DEVICE)
        said.wrapOn(canvas, WIDTH_MM * mm, MARGIN_MM * mm)
        said.drawOn(canvas, document.leftMargin, 26)
        canvas.setFont("Helvetica", 8)
        canvas.drawRightString(document.pagesize[0] - document.rightMargin, 28, str(document.page))
        canvas.restoreState()

    def page_break(self) -> Flowable:
        from reportlab.platypus import PageBreak

        return PageBreak()

    def table(
        self,
        rows: Sequence[Sequence[str]],
        *,
        widths: Sequence[float],
        head: bool = True,
        colours: Sequence[str] = (),
    ) -> Flowable:
        """``widths`` in mm. ``colours`` (``#rrggbb``) fill the first cell of each row after the head."""
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
        style += [("BACKGROUND", (0, at), (0, at), HexColor(colour)) for at, colour in enumerate(colours, int(head))]
        cells = [[self.text(cell) for cell in row] for row in rows]
        columns = [width * mm for width in widths]
        whole = Table(
            cells, colWidths=columns, style=style, spaceBefore=6, spaceAfter=6, hAlign="LEFT", repeatRows=head
        )
        return KeepTogether([whole])

    def pictures(self, plots: Sequence[bytes]) -> Iterator[Flowable]:
        """PNG of 10 to 7, two beside each other."""
        from reportlab.lib.units import mm
        from reportlab.platypus import Image, Table

        width = WIDTH_MM / 2 - 2
        images = [Image(io.BytesIO(plot), width * mm, width * mm * 0.7) for plot in plots]
        for index in range(0, len(images), 2):
            yield Table([images[index : index + 2]], colWidths=[WIDTH_MM / 2 * mm] * len(images[index : index + 2]))
