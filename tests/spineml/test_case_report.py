"""Key images and the PDF of a series' report."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from spineml.reports.case_report import CaseReport, ReportSection, as_pdf, key_pictures, spread
from spineml.volumes.volume import Geometry

GRID = Geometry((12, 20, 30), spacing=(3.0, 1.0, 2.0))


class Slices:
    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def __len__(self) -> int:
        return len(self._array)

    def read(self, z: int) -> np.ndarray:
        return self._array[z]


def pictures(labels: np.ndarray, grid: Geometry = GRID) -> list[Image.Image]:
    made = key_pictures(Slices(np.zeros(grid.shape, np.int16)), Slices(labels), grid)
    return [Image.open(io.BytesIO(one.png)) for one in made]


def marked() -> np.ndarray:
    labels = np.zeros(GRID.shape, np.uint8)
    labels[8:, 5:10, 10:20] = 1
    return labels


def test_slices_are_spread_over_the_extent_of_the_mask_and_all_are_marked() -> None:
    counts = np.array([0, 0, 5, 0, 5, 5, 5, 5, 5, 5, 0])
    assert len(spread(counts)) == 4
    assert all(counts[z] for z in spread(counts))
    assert spread(np.array([0, 0, 3, 0])) == [2]
    assert len(spread(np.zeros(50, int))) == 4


def test_cuts_have_the_aspect_of_the_body() -> None:
    sizes = [image.size for image in pictures(marked())]
    axial, sagittal, coronal = sizes[0], sizes[-2], sizes[-1]
    assert round(axial[0] / axial[1], 1) == round(60 / 20, 1)
    assert round(sagittal[0] / sagittal[1], 1) == round(20 / 36, 1)
    assert round(coronal[0] / coronal[1], 1) == round(60 / 36, 1)


def test_the_head_is_at_the_top_of_a_cut_and_the_mask_is_in_colour() -> None:
    coronal = np.asarray(pictures(marked())[-1]).astype(int)
    coloured = np.abs(coronal[..., 0] - coronal[..., 2]) > 20
    half = len(coloured) // 2
    assert coloured[:half].any()
    assert not coloured[half:].any()


def test_a_single_slice_has_no_cuts_and_an_empty_mask_is_no_error() -> None:
    flat = Geometry((1, 20, 30), spacing=(1.0, 1.0, 1.0), spacing_known=False)
    assert len(pictures(np.zeros(flat.shape, np.uint8), flat)) == 1
    assert len(pictures(np.zeros(GRID.shape, np.uint8))) == 6


def test_the_pdf_holds_every_picture_goes_on_as_it_grows_and_is_the_same_each_time() -> None:
    hu = np.random.default_rng(1).integers(-200, 800, GRID.shape, dtype=np.int16)
    made = key_pictures(Slices(hu), Slices(marked()), GRID)
    section = ReportSection(["Unlike."], made, [("Length", "axial", "3", "9", "A")])
    report = CaseReport("Report", [("Signed by", "김철수 <b>")], [section])
    pdf = as_pdf(report)
    assert pdf.startswith(b"%PDF")
    assert b"/Count 1" in pdf
    longer = replace(section, measurements=[*section.measurements] * 20)
    assert b"/Count 2" in as_pdf(replace(report, sections=[longer]))
    assert pdf.count(b"/Subtype /Image") == len(made)
    assert as_pdf(report) == pdf


def test_each_series_of_a_case_begins_on_a_page_of_its_own() -> None:
    made = key_pictures(Slices(np.zeros(GRID.shape, np.int16)), Slices(marked()), GRID)
    sections = [ReportSection([], made, [], title=f"Series {n}", facts=[("Volume", "1 ml")]) for n in (1, 2)]
    summary = [(str(n), "Ada", "1 ml", "4 / 12", "Not signed off") for n in (1, 2)]
    pdf = as_pdf(CaseReport("Report", [("Patient", "P")], sections, summary))
    assert b"/Count 3" in pdf
