"""The printable report."""

from __future__ import annotations

import functools
import itertools
import re
import zlib

import numpy as np

from spineml.metrics.summary import Summary, summarise
from spineml.reports.evaluation_report import Report, as_pdf
from spineml.reports.pdf import KOREAN_FONT
from spineml.reports.plots import Plot, evaluation_plots
from tests.spineml.evaluated import patients, row


@functools.cache
def figures() -> tuple[Summary, list[Plot]]:
    rows = patients(3)
    found = summarise(rows, draws=100)
    return found, list(itertools.islice(evaluation_plots(rows, found), 3))


def report(title: str = "v3 on Spine 2026", **fields: object) -> Report:
    found, plots = figures()
    values = {
        "facts": [("Version", "v3")],
        "warnings": [],
        "summaries": {"All patients": found},
        "worst": [("Series 1", 2, 0.5)],
        "plots": plots,
    }
    return Report(title, **{**values, **fields})


def text(pdf: bytes) -> str:
    """What the pages draw, roughly: their unpacked streams."""
    from base64 import a85decode

    parts = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            parts.append(zlib.decompress(a85decode(stream.strip().removesuffix(b"~>"))))
        except (ValueError, zlib.error):
            continue
    return b"\n".join(parts).decode("latin-1")


def test_the_report_is_a_pdf_with_tables_warnings_and_plots() -> None:
    pdf = as_pdf(report(warnings=["v3 was trained on 2 of these patients."]))
    assert pdf.startswith(b"%PDF-")
    shown = text(pdf)
    for words in ("v3 on Spine 2026", "was trained on 2", "per patient", "Bland-Altman", "Kim et al. 2020", "Series 1"):
        assert words in shown, words
    assert pdf.count(b"/Subtype /Image") >= 3


def test_korean_names_are_set_in_a_font_that_has_them() -> None:
    pdf = as_pdf(report("척추 v3", facts=[("Data set", "강남 세브란스 2026")]))
    assert KOREAN_FONT.encode() in pdf


def test_names_cannot_carry_markup() -> None:
    assert as_pdf(report("<b>bold</b> & <img src='x'>")).startswith(b"%PDF-")


def test_the_same_report_gives_the_same_bytes() -> None:
    assert as_pdf(report()) == as_pdf(report())


def test_a_report_without_any_figure_is_made_with_dashes() -> None:
    empty = np.zeros((1, 8, 8), np.uint8)
    pdf = as_pdf(report(summaries={"All": summarise([row(empty, empty)], draws=10)}, worst=[], plots=[]))
    assert pdf.startswith(b"%PDF-")
