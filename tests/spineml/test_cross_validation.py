"""Folds by patient, and what is said of the patients held out."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.default_model.training_data import LabelledSeries
from spineml.volumes.volume import Geometry

pytestmark = pytest.mark.tensorflow


def series(source: str, patient: str) -> LabelledSeries:
    hu, mask = np.zeros((1, 4, 4), np.int16), np.ones((1, 4, 4), np.uint8)
    return LabelledSeries(source, patient, patient, "train", hu, mask, Geometry((1, 4, 4), (1.0, 1.0, 1.0)))


def everyone() -> list[LabelledSeries]:
    slices = [series("tcga", f"t{number}") for number in range(10)]
    return [*slices, series("tcga", "t3"), *(series("verse", f"v{number}") for number in range(5))]


def test_each_fold_has_some_patients_of_each_source_and_each_patient_one_fold() -> None:
    from scripts.default_model.cross_validation import draw_folds

    folds = draw_folds(everyone(), 5, seed=1)
    assert len(folds) == 15
    for fold in range(5):
        assert sorted(name[0] for name, own in folds.items() if own == fold) == ["t", "t", "v"]
    assert folds == draw_folds(everyone(), 5, seed=1)


def test_more_folds_than_patients_are_refused() -> None:
    from scripts.default_model.cross_validation import draw_folds

    with pytest.raises(ValueError, match="at least as many patients"):
        draw_folds([series("tcga", "a")], 2, seed=1)


def test_scores_are_means_of_patients_by_source_and_of_all() -> None:
    from scripts.default_model.cross_validation import THRESHOLDS, as_table, scores

    perfect, half = [10, 0, 0, 90], [10, 10, 10, 70]
    pixels = {"t1": perfect, "t2": half, "v1": half}
    counts = {name: {str(level): one for level in THRESHOLDS} for name, one in pixels.items()}
    rows = scores(counts, [series("tcga", "t1"), series("tcga", "t2"), series("verse", "v1")], 0.5)
    assert [(row.source, row.rates.patients, row.rates.dice) for row in rows[:2]] == [
        ("tcga", 2, 0.75),
        ("verse", 1, 0.5),
    ]
    assert rows[2].rates.dice == pytest.approx(2 / 3)
    assert "| verse | 1 | 0.500 | one patient |" in as_table(rows)
