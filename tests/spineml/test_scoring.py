"""Scores by source, and the baseline a model has to beat."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.default_model.scoring import as_table, best_baseline, score, scores_by_source, threshold_baseline
from scripts.default_model.training_data import LabelledSeries
from spineml.volumes.volume import Geometry


def series(patient: str, *, source: str = "tcga", empty: bool = False) -> LabelledSeries:
    mask = np.zeros((2, 40, 40), np.uint8)
    if not empty:
        mask[0, 10:30, 10:30] = 1
    hu = np.where(mask > 0, 200, 0).astype(np.int16)
    return LabelledSeries(source, patient, patient, "test", hu, mask, Geometry(mask.shape, (1.0, 0.5, 0.5)))


def perfect(hu: np.ndarray, spacing: tuple[float, float]) -> np.ndarray:
    return (hu > 100).astype(np.uint8)


def upper_half(hu: np.ndarray, spacing: tuple[float, float]) -> np.ndarray:
    mask = np.zeros(hu.shape, np.uint8)
    mask[10:20, 10:30] = 1
    return mask


def test_a_perfect_answer_scores_one() -> None:
    result = score("tcga", [series("a"), series("b")], perfect)
    assert (result.dice, result.precision, result.sensitivity, result.image_dice) == (1, 1, 1, 1)
    assert (result.patients, result.slices, result.empty_slices, result.false_slices) == (2, 4, 2, 0)


def test_masks_where_there_is_no_spine_are_counted_apart() -> None:
    result = score("tcga", [series("a"), series("none", empty=True)], upper_half)
    assert result.patients == 1  # the mean of patients is over those with spine
    assert (result.empty_slices, result.false_slices) == (3, 3)
    assert result.false_mm2 == pytest.approx(200 * 0.25)
    assert result.sensitivity == pytest.approx(0.5)
    assert result.precision == pytest.approx(0.5)  # half of it lies in the slice without spine


def test_sources_are_scored_apart() -> None:
    scores = scores_by_source([series("a"), series("v", source="verse")], perfect)
    assert [one.source for one in scores] == ["tcga", "verse"]


def test_the_baseline_takes_the_largest_bright_component() -> None:
    hu = np.zeros((60, 60), np.int16)
    hu[10:30, 10:30], hu[40:45, 40:45], hu[15:17, 15:17] = 300, 900, 0
    mask = threshold_baseline(150)(hu, (1.0, 1.0))
    assert mask.sum() == 400  # with its pinhole filled
    assert threshold_baseline(1000)(hu, (1.0, 1.0)).sum() == 0


def test_the_baseline_s_level_is_the_best_on_the_given_patients() -> None:
    assert best_baseline([series("a")]) < 200


def test_the_table_puts_methods_line_by_line() -> None:
    rows = {name: scores_by_source([series("a")], segment) for name, segment in (("m", perfect), ("b", upper_half))}
    lines = as_table(rows).splitlines()
    assert [line.split("|")[2].strip() for line in lines] == ["method", "---", "m", "b"]
    assert lines[3].split("|")[5].strip() == "0.500"
