"""Figures per label of many patients: evaluation, gate, tables."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from spineml.metrics.confusion import Confusion
from spineml.metrics.evaluation import Identity, SeriesCollector, SeriesRow
from spineml.metrics.promotion_gate import GateSettings, Refusal, SeriesScore, decide
from spineml.metrics.summary import summarise
from spineml.metrics.tables import labels_csv, summary_csv
from tests.spineml.evaluated import geometry, patients

SHAPE = (3, 12, 30)
VALUES = (1, 2, 3)


def boxes(*columns: tuple[int, int, int]) -> np.ndarray:
    """A label map with a box for each (value, first column, last column + 1)."""
    labels = np.zeros(SHAPE, np.uint8)
    for value, first, last in columns:
        labels[:, 2:10, first:last] = value
    return labels


def row(patient: str, reference: np.ndarray, predicted: np.ndarray, key: str = "", *, known: bool = True) -> SeriesRow:
    collector = SeriesCollector(Identity(key or patient, patient), geometry(SHAPE, known=known), VALUES)
    for pair in zip(reference, predicted, strict=True):
        collector.push(*pair)
    return collector.finish()


@pytest.fixture
def rows() -> list[SeriesRow]:
    """1 is right for both patients; 2 is half found for a, b does not have it; 3 is invented for b."""
    return [
        row("a", boxes((1, 0, 5), (2, 10, 20)), boxes((1, 0, 5), (2, 10, 15))),
        row("b", boxes((1, 0, 5)), boxes((1, 0, 5), (3, 20, 25))),
    ]


def test_a_label_is_averaged_over_the_patients_that_have_it(rows: list[SeriesRow]) -> None:
    found = summarise(rows).by_label
    assert found is not None
    one, two, three = found.labels
    assert [label.patients for label in found.labels] == [2, 1, 1]
    assert one.per_patient["dice"].mean == 1.0
    assert two.per_patient["dice"].mean == pytest.approx(2 / 3)
    assert three.per_patient["dice"].mean == 0.0
    assert three.per_patient["hd95"] is None


def test_the_mean_of_the_labels_is_taken_within_each_patient_first(rows: list[SeriesRow]) -> None:
    found = summarise(rows)
    # a: (1 + 2/3) / 2, b: (1 + 0) / 2
    assert found.by_label.mean_of_labels["dice"].mean == pytest.approx((5 / 6 + 1 / 2) / 2)
    assert found.by_label.mean_of_labels["dice"].interval is not None
    assert json.loads(json.dumps(found.as_json()))["mean_of_labels"]["dice"]["mean"] == pytest.approx(2 / 3)


def test_series_of_one_patient_are_pooled_per_label(rows: list[SeriesRow]) -> None:
    second = row("a", boxes((2, 10, 20)), boxes((2, 10, 20)), key="a2")
    two = summarise([*rows, second]).by_label.labels[1]
    assert two.per_patient["dice"].mean == pytest.approx(2 * 15 / (15 + 20))


def test_without_several_labels_a_summary_is_as_before() -> None:
    found = summarise(patients(3))
    assert found.by_label is None
    assert not {"labels", "mean_of_labels"} & found.as_json().keys()
    assert "label" not in summary_csv({"all": found})
    assert "labels" not in patients(1)[0].figures_json()


def test_rows_survive_their_json_with_their_labels(rows: list[SeriesRow]) -> None:
    for one in rows:
        figures = json.loads(json.dumps(one.figures_json()))
        assert SeriesRow.from_json(one.identity, figures, one.images_json()).labels == one.labels


def test_distances_in_pixels_are_not_averaged_with_millimetres(rows: list[SeriesRow]) -> None:
    pixels = row("c", boxes((2, 10, 20)), boxes((2, 12, 22)), known=False)
    two = summarise([*rows, pixels]).by_label.labels[1]
    assert (two.patients, two.per_patient["dice"].n, two.per_patient["hd95"].n) == (2, 2, 1)


def test_tables_name_the_labels(rows: list[SeriesRow]) -> None:
    names = {1: "L1", 2: "=L2", 3: "L3"}
    lines = list(csv.DictReader(io.StringIO(labels_csv(rows, names).lstrip("\ufeff"))))
    assert [line["label"] for line in lines] == ["1", "2", "mean of the labels", "1", "3", "mean of the labels"]
    assert lines[0]["label_name"] == "L1"
    assert not lines[1]["label_name"].startswith("=")
    assert lines[4]["hd95_mm"] == ""
    averages = {line["average"] for line in csv.DictReader(io.StringIO(summary_csv({"all": summarise(rows)}, names)))}
    assert {"per patient, label 1 L1", "per patient, mean of the labels"} <= averages


# --- the gate ---------------------------------------------------------------------------------------------------------
def counted(dice: float) -> Confusion:
    overlap = round(1000 * dice)
    return Confusion(tp=overlap, fp=1000 - overlap, fn=1000 - overlap, tn=0)


def scores(**labels: float) -> list[SeriesScore]:
    """Six patients whom the version found with this Dice of each label, and all of the whole."""
    found = {name: counted(dice) for name, dice in labels.items()}
    return [SeriesScore(f"s{n}", f"p{n}", counted(1.0), {}, labels=found) for n in range(6)]


def test_a_version_that_loses_one_label_does_not_pass_though_the_whole_is_the_same() -> None:
    active = scores(L1=0.9, L2=0.9, L3=0.9, L4=0.9, L5=0.9)
    candidate = scores(L1=0.96, L2=0.92, L3=0.9, L4=0.9, L5=0.86)
    result = decide(candidate, active, GateSettings(draws=200))
    assert result.refusals == (Refusal.GROUP_WORSE,)
    assert [(group.kind, group.name) for group in result.fallen] == [("label", "L5")]
    assert len(result.groups) == 5
    assert result.candidate == pytest.approx(0.908)


def test_the_dice_of_a_patient_is_the_mean_of_the_labels() -> None:
    result = decide(scores(L1=0.5, L2=0.9), scores(L1=0.9, L2=0.9), GateSettings(draws=200))
    assert (result.candidate, result.active) == (pytest.approx(0.7), pytest.approx(0.9))
    assert Refusal.WORSE in result.refusals


def test_a_label_that_only_one_version_marks_counts_against_it() -> None:
    invented = [
        one.__class__(one.key, one.patient, counted(1.0), {}, labels={"L6": Confusion(0, 9, 0, 9)}) for one in scores()
    ]
    absent = [
        one.__class__(one.key, one.patient, counted(1.0), {}, labels={"L6": Confusion(0, 0, 0, 18)}) for one in scores()
    ]
    assert [group.falls for group in decide(invented, absent, GateSettings(draws=200)).groups] == [True]
    assert not decide(absent, absent, GateSettings(draws=200)).groups
