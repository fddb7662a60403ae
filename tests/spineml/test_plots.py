"""Plots: every one in both formats, the same bytes each time, and in whatever corner the figures are."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from spineml.metrics.evaluation import SeriesRow
from spineml.metrics.summary import summarise
from spineml.reports import plots
from tests.spineml.evaluated import blob, patients, row

NAMES = [
    "bland-altman-image-area-px",
    "bland-altman-image-area-mm2",
    "bland-altman-image-volume-ml",
    "bland-altman-patient-area-px",
    "bland-altman-patient-area-mm2",
    "bland-altman-patient-volume-ml",
    "boxes",
    "level",
    "precision-recall",
]
EMPTY = np.zeros((3, 24, 24), np.uint8)
MASK = blob((3, 24, 24), 1)
CORNERS: dict[str, list[SeriesRow]] = {
    "nothing marked": [row(EMPTY, EMPTY, curve=True)],
    "nothing found": [row(MASK, EMPTY, curve=True)],
    "everything right": [row(MASK, MASK, curve=True), row(MASK, MASK, patient="p2", curve=True)],
    "one slice": [row(MASK[:1], MASK[1:2])],
    "no spacing": [row(MASK, MASK[::-1], known=False)],
}


def drawn(rows: list[SeriesRow]) -> list[plots.Plot]:
    return list(plots.evaluation_plots(rows, summarise(rows, suggest_threshold=True, draws=100)))


def test_every_plot_is_drawn_as_svg_and_as_png() -> None:
    found = drawn(patients(3, curve=True))
    assert [plot.name for plot in found] == NAMES
    for plot in found:
        assert plot.files["svg"].startswith(b"<?xml")
        with Image.open(io.BytesIO(plot.files["png"])) as picture:
            assert picture.width > 800
            assert len(np.unique(np.asarray(picture.convert("L")))) > 20


@pytest.mark.parametrize("name", CORNERS)
def test_plots_of_degenerate_figures_are_drawn(name: str) -> None:
    assert {"boxes", "level"} <= {plot.name for plot in drawn(CORNERS[name])}


def test_the_same_figures_give_the_same_files() -> None:
    boxes = [plots.boxes_figure(patients(2)) for _ in range(2)]
    for kind in plots.KINDS:
        assert plots.render(boxes[0], kind) == plots.render(boxes[1], kind)


def test_versions_are_drawn_by_a_process_of_its_own() -> None:
    dice = json.dumps({"v1": [0.8, 0.9], "v2": [0.85, 0.95, 0.9], "v3": []})
    for kind, start in (("svg", b"<?xml"), ("png", b"\x89PNG")):
        done = subprocess.run(
            [sys.executable, "-m", "spineml.reports.plots", kind],
            input=dice.encode(),
            stdout=subprocess.PIPE,
            check=True,
        )
        assert done.stdout.startswith(start)


def test_importing_the_module_does_not_load_matplotlib() -> None:
    heavy = "{'matplotlib', 'reportlab', 'scipy'}"
    modules = "spineml.reports.plots, spineml.reports.evaluation_report"
    code = f"import sys, {modules}; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
