"""Figures of agreement held against tables worked by hand and against SimpleITK."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK

from spineml.metrics import reader_agreement
from spineml.metrics.confusion import Confusion
from spineml.metrics.reader_agreement import MODEL, PairFigures, SeriesFigures
from spineml.volumes.volume import Geometry
from tests.spineml.test_consensus import Slices

GRID = Geometry(shape=(6, 20, 24), spacing=(3.0, 0.8, 0.5))


def block(z: slice, x: slice) -> np.ndarray:
    pixels = np.zeros(GRID.shape, np.uint8)
    pixels[z, 5:15, x] = 1
    return pixels


def figures(first: np.ndarray, second: np.ndarray) -> PairFigures:
    return reader_agreement.pair_figures(("a", "b"), (Slices(first), Slices(second)), GRID)


# Cohen 1960: kappa = (po - pe) / (1 - pe), worked by hand for each table.
@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (Confusion(tp=20, fp=5, fn=10, tn=15), 0.4),  # po 0.7, pe 0.6 * 0.5 + 0.4 * 0.5 = 0.5
        (Confusion(tp=45, fp=15, fn=25, tn=15), 0.06 / 0.46),  # po 0.6, pe 0.7 * 0.6 + 0.3 * 0.4 = 0.54
        (Confusion(tp=5, fp=0, fn=0, tn=5), 1.0),
        (Confusion(tp=0, fp=5, fn=5, tn=0), -1.0),
        (Confusion(tp=7, fp=0, fn=0, tn=0), None),  # everything is marked by both: chance agrees always
    ],
)
def test_kappa_of_a_table(table: Confusion, expected: float | None) -> None:
    assert reader_agreement.kappa(table) == (expected if expected is None else pytest.approx(expected))


def test_dice_and_volumes_of_a_pair_equal_those_of_simpleitk() -> None:
    first, second = block(slice(1, 5), slice(4, 12)), block(slice(2, 6), slice(6, 14))
    pair = figures(first, second)
    images = [SimpleITK.GetImageFromArray(mask) for mask in (first, second)]
    overlap = SimpleITK.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*images)
    assert pair.dice == pytest.approx(overlap.GetDiceCoefficient())
    voxel_ml = 3.0 * 0.8 * 0.5 / 1000
    assert (pair.first_ml, pair.second_ml) == pytest.approx((first.sum() * voxel_ml, second.sum() * voxel_ml))
    # Slices: both mark 2, 3, 4; the first alone 1; the second alone 5; neither 0.
    assert pair.kappa == pytest.approx(reader_agreement.kappa(Confusion(tp=3, fp=1, fn=1, tn=1)))


def test_distances_of_masks_moved_by_two_columns_are_in_mm() -> None:
    pair = figures(block(slice(1, 5), slice(4, 12)), block(slice(1, 5), slice(6, 14)))
    assert pair.hd95_mm == pytest.approx(1.0)


def test_a_series_without_spacing_has_neither_distances_nor_volumes() -> None:
    grid = Geometry(shape=GRID.shape, spacing=(1, 1, 1), spacing_known=False)
    mask = Slices(block(slice(1, 5), slice(4, 12)))
    pair = reader_agreement.pair_figures(("a", "b"), (mask, mask), grid)
    assert (pair.dice, pair.hd95_mm, pair.first_ml) == (1.0, None, None)


# --- many series ------------------------------------------------------------------------------------------------------
def pair(first: str, second: str, dice: float, volumes: tuple[float, float] = (50.0, 52.0)) -> PairFigures:
    return PairFigures(first, second, dice, 1.0, 0.5, 0.9, *volumes)


def patients(count: int, model: float, readers: float, *, spread: float = 0.01) -> list[SeriesFigures]:
    return [
        SeriesFigures(
            f"p{n}",
            (pair("1", "2", readers), pair("1", MODEL, model + spread * (-1) ** n), pair("2", MODEL, model)),
            from_model=n == 0,
        )
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "model", "expected"),
    [
        (12, 0.93, "inside"),  # better than readers agree
        (12, 0.91, "inside"),  # 0.01 less, margin 0.02, little spread
        (12, 0.80, "outside"),
        (9, 0.93, "too-few"),
        (1, 0.93, "too-few"),
    ],
)
def test_the_verdict_about_human_variation(count: int, model: float, expected: str) -> None:
    found = reader_agreement.variation(patients(count, model, 0.92), margin=0.02)
    assert found is not None
    assert (found["verdict"], found["patients"], found["from_model"]) == (expected, count, 1)


def test_the_verdict_is_unclear_when_the_interval_holds_the_margin() -> None:
    found = reader_agreement.variation(patients(12, 0.90, 0.92, spread=0.1), margin=0.02)
    assert found is not None
    assert found["verdict"] == "unclear"


def test_series_of_one_patient_count_once_in_the_difference() -> None:
    twice = [SeriesFigures("p0", one.pairs) for one in patients(2, 0.9, 0.9)]
    found = reader_agreement.variation(twice, margin=0.02)
    assert found is not None
    assert (found["patients"], found["series"], found["difference"]["interval"]) == (1, 2, None)


def test_there_is_no_verdict_without_a_model() -> None:
    only_readers = [SeriesFigures("p0", (pair("1", "2", 0.9),))]
    assert reader_agreement.summarised(only_readers, margin=0.02)["variation"] is None
    assert reader_agreement.summarised(only_readers, margin=0.02)["model"] is None
    assert reader_agreement.summarised([], margin=0.02)["readers"] is None


def test_the_summary_has_means_and_bland_altman_of_volumes() -> None:
    series = [
        SeriesFigures(f"p{n}", (pair("1", "2", dice, (50.0, 50.0 + n)),)) for n, dice in enumerate((0.8, 0.9, 1.0))
    ]
    found = reader_agreement.summarised(series, margin=0.02)["readers"]
    assert found["spreads"]["dice"]["mean"] == pytest.approx(0.9)
    assert found["volumes"]["figures"]["bias"] == pytest.approx(1.0)
    assert found["volumes"]["figures"]["sd"] == pytest.approx(1.0)
    assert found["volumes"]["points"][2] == [51.0, 2.0]


def test_figures_survive_their_json() -> None:
    one = pair("1", MODEL, 0.9)
    assert PairFigures.from_json(one.as_json()) == one


def test_readers_of_label_maps_are_judged_by_the_mean_of_the_labels() -> None:
    first = block(slice(1, 5), slice(4, 12))
    second = first * 2  # the same voxels under another name
    third = first.copy()
    third[third == 1] = np.where(np.arange(third[third == 1].size) % 2, 1, 2)
    sources = [Slices(labels) for labels in (first, second, third)]
    found = [
        reader_agreement.pair_figures(("1", "2"), (sources[0], other), GRID, values=(1, 2, 3)) for other in sources[1:]
    ]
    assert [one.dice for one in found] == [1.0, 1.0]
    assert found[0].label_dice == {"1": 0.0, "2": 0.0}
    assert found[1].judged_dice == pytest.approx((2 * 0.5 / 1.5 + 0) / 2)
    assert PairFigures.from_json(found[1].as_json()) == found[1]
    summary = reader_agreement.summarised([SeriesFigures("p0", tuple(found))], margin=0.02)["readers"]
    assert summary["labels"]["2"]["mean"] == 0.0
    assert summary["mean_of_labels"]["mean"] == pytest.approx(found[1].judged_dice / 2)


def test_a_task_with_one_label_has_no_figures_of_labels() -> None:
    pair = figures(block(slice(1, 5), slice(4, 12)), block(slice(2, 6), slice(6, 14)))
    assert "label_dice" not in pair.as_json()
    assert "labels" not in reader_agreement.summarised([SeriesFigures("p0", (pair,))], margin=0.02)["readers"]
