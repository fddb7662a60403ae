"""Tables and CSV of an evaluation."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from spineml.metrics.evaluation import MEASURES
from spineml.metrics.summary import summarise
from spineml.metrics.tables import images_csv, label, number, patients_csv, summary_csv, table_one
from tests.spineml.evaluated import blob, patients, row

MASK = blob((3, 24, 24), 1)


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_table_one_is_that_of_the_paper_with_its_figures_beside() -> None:
    found = summarise(patients(3), draws=100)
    rows = table_one(found.per_image, found.f1_of_means)
    assert [one.name for one in rows] == ["Dice coefficient", "Sensitivity", "Precision", "Recall", "F1-score"]
    assert rows[0].mean == found.per_image["dice"].mean
    assert rows[0].sd == found.per_image["dice"].sd
    assert rows[1].mean == rows[3].mean
    assert rows[4].mean == found.f1_of_means
    assert [one.paper for one in rows] == [0.904, None, 0.9681, None, 0.9164]


def test_table_one_of_nothing_has_dashes() -> None:
    empty = np.zeros((2, 8, 8), np.uint8)
    found = summarise([row(empty, empty)], draws=10)
    assert [one.mean for one in table_one(found.per_image, found.f1_of_means)] == [None] * 5


def test_images_have_a_row_each_with_counts_sizes_and_every_measure() -> None:
    made = row(MASK, np.roll(MASK, 1, 1), seen=True)
    rows = read(images_csv([made], patient=lambda key: f"P-{key}"))
    assert [one["slice"] for one in rows] == ["1", "2", "3"]
    first, counts = rows[0], made.images[0].confusion
    assert (first["patient"], first["seen_in_training"]) == ("P-p1", "yes")
    assert int(first["tp"]) == counts.tp
    assert float(first["dice"]) == pytest.approx(counts.dice, rel=1e-5)
    assert float(first["area_px_reference"]) == counts.tp + counts.fn
    assert {"hd95_mm", "mean_surface_distance_mm", "volume_ml_predicted"} <= set(first)


def test_patients_have_a_row_each() -> None:
    rows = read(patients_csv(patients(3)))
    assert [one["patient"] for one in rows] == ["p00", "p01", "p02"]
    assert all(one["images"] == "4" for one in rows)


def test_the_summary_names_the_average_of_every_figure() -> None:
    found = summarise(patients(3), draws=100)
    rows = read(summary_csv({"all": found, "unseen": found}))
    assert {(one["patients_in"], one["average"]) for one in rows} == {
        (who, how) for who in ("all", "unseen") for how in ("per image", "per patient", "pooled")
    }
    assert len(rows) == 2 * (3 * len(MEASURES) + 1)
    dice = next(one for one in rows if (one["average"], one["measure"]) == ("per patient", "dice"))
    assert float(dice["low_95"]) <= float(dice["mean"]) <= float(dice["high_95"])


def test_undefined_figures_are_empty_cells_and_pixels_say_so() -> None:
    empty = np.zeros((1, 8, 8), np.uint8)
    (only,) = read(images_csv([row(empty, empty, known=False)]))
    assert (only["precision"], only["hd95_px"], only["area_mm2_reference"]) == ("", "", "")


def test_text_that_a_spreadsheet_would_run_is_made_text() -> None:
    assert read(patients_csv([row(MASK, MASK)], patient=lambda key: "=1+1"))[0]["patient"] == "'=1+1"


def test_lengths_are_named_with_their_unit() -> None:
    assert (label("hd95", "mm"), label("dice", "mm")) == ("Hausdorff 95 (mm)", "Dice")


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "\u2013"), (0.91234, "0.912"), (-3.0, "-3.000"), (1234.56, "1,234.6")]
)
def test_numbers_are_short(value: float | None, shown: str) -> None:
    assert number(value) == shown
