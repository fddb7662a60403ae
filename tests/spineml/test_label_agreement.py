"""Agreement label by label, held against SimpleITK on random and on real label maps."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from scipy import ndimage
from scipy.spatial.distance import cdist

from spineml.metrics.confusion import RATES
from spineml.metrics.label_agreement import LABEL_MEASURES, LabelAgreement, LabelCollector
from spineml.metrics.nearest import nearest
from spineml.metrics.overlap import Comparison, compare
from spineml.volumes.volume import Geometry, with_unknown_spacing
from spineplatform.bench import labels as bench
from tests.spineml.test_consensus import Slices

GRID = Geometry(shape=(10, 30, 34), spacing=(2.5, 0.7, 1.3))
VALUES = (1, 2, 7, 200, 255)
REAL = sorted((Path(__file__).parents[3] / "shared/data/labelmaps").glob("sub-verse*_msk.nii.gz"))


def label_map(seed: int, shape: tuple[int, ...] = GRID.shape, values: tuple[int, ...] = VALUES) -> np.ndarray:
    """Blobs of each label that touch each other and the image's border."""
    noise = np.random.default_rng(seed).normal(size=(len(values), *shape))
    smooth = np.stack([ndimage.gaussian_filter(each, (1, 3, 3)) for each in noise])
    return np.where(smooth.max(axis=0) > 0.05, np.array(values)[smooth.argmax(axis=0)], 0).astype(np.uint8)


def compared(reference: np.ndarray, predicted: np.ndarray, values: tuple[int, ...] = VALUES) -> Comparison:
    grid = Geometry(shape=reference.shape, spacing=GRID.spacing)
    return compare(Slices(reference), Slices(predicted), grid, values=values)


def by_simpleitk(reference: np.ndarray, predicted: np.ndarray, value: int) -> dict[str, float]:
    images = [SimpleITK.GetImageFromArray((labels == value).astype(np.uint8)) for labels in (reference, predicted)]
    for image in images:
        image.SetSpacing(GRID.spacing[::-1])
    overlap = SimpleITK.LabelOverlapMeasuresImageFilter()
    overlap.Execute(images[1], images[0])
    hd95, mean = bench.distances(images)
    return {
        "dice": overlap.GetDiceCoefficient(1),
        "iou": overlap.GetJaccardCoefficient(1),
        "fn": overlap.GetFalseNegativeError(1),
        "hd95": hd95,
        "mean_surface_distance": mean,
    }


def assert_equal_to_simpleitk(one: LabelAgreement, reference: np.ndarray, predicted: np.ndarray) -> None:
    ours, theirs = one.values(), by_simpleitk(reference, predicted, one.value)
    assert ours["sensitivity"] == pytest.approx(1 - theirs.pop("fn"))
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, rel=1e-4), (one.value, name)


@pytest.mark.parametrize("seed", range(3))
def test_figures_of_each_label_equal_those_of_simpleitk(seed: int) -> None:
    reference, predicted = label_map(seed), label_map(seed + 10)
    for one in compared(reference, predicted).labels:
        assert_equal_to_simpleitk(one, reference, predicted)


@pytest.mark.skipif(not REAL, reason="needs the label maps of VerSe in ../shared/data")
@pytest.mark.parametrize("path", REAL[:1], ids=lambda path: path.name)
def test_figures_of_real_vertebrae_equal_those_of_simpleitk(path: Path) -> None:
    reference = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))).astype(np.uint8)
    predicted = np.roll(reference, (1, 2, -1), (0, 1, 2))
    predicted[predicted == reference.max()] = 0
    found = compared(reference, predicted, bench.VALUES).labels
    assert {one.value for one in found if one.counts} == set(np.unique(reference)) - {0}
    for one in [one for one in found if one.surface.hd95_mm is not None][::4]:
        assert_equal_to_simpleitk(one, reference, predicted)


def test_a_label_that_neither_mask_has_is_not_counted_and_one_that_a_mask_lacks_has_dice_0() -> None:
    reference, predicted = np.zeros((2, *GRID.shape), np.uint8)
    reference[2:5, 3:9, 3:9] = predicted[2:5, 3:9, 3:9] = 1
    reference[2:5, 15:20, 3:9] = 2
    predicted[2:5, 22:26, 3:9] = 7
    found = compared(reference, predicted)
    one, missed, invented, absent, _ = found.labels
    assert one.values() == {"specificity": 1.0} | dict.fromkeys(RATES, 1.0) | {"hd95": 0.0, "mean_surface_distance": 0}
    assert (missed.dice, missed.values()["sensitivity"], missed.values()["precision"]) == (0.0, 0.0, None)
    assert (invented.dice, invented.values()["sensitivity"], invented.values()["precision"]) == (0.0, None, 0.0)
    assert missed.values()["hd95"] is invented.values()["mean_surface_distance"] is None
    assert absent.values() == dict.fromkeys(LABEL_MEASURES)
    means = found.as_json()["mean_of_labels"]
    assert means["dice"] == pytest.approx(1 / 3)
    assert means["hd95"] == 0.0


def test_as_a_whole_any_label_is_compared_with_any() -> None:
    reference, predicted = label_map(1), label_map(2)
    binary = compared((reference > 0).astype(np.uint8), (predicted > 0).astype(np.uint8), ())
    whole = compared(reference, predicted)
    assert (whole.images, whole.surface, whole.unit) == (binary.images, binary.surface, binary.unit)
    assert "labels" not in binary.as_json()
    assert "label" not in binary.to_csv().splitlines()[0]


def test_labels_swapped_agree_as_a_whole_and_not_by_label() -> None:
    reference = label_map(4)
    found = compared(
        reference, np.array(range(256), np.uint8)[reference] ^ np.uint8(3) * ((reference == 1) | (reference == 2))
    )
    assert found.pooled.confusion.dice == 1.0
    assert [one.dice for one in found.labels[:2]] == [0.0, 0.0]
    assert found.labels[2].dice == 1.0


def test_of_a_single_slice_surfaces_are_in_the_plane() -> None:
    reference, predicted = label_map(5)[:1], label_map(6)[:1]
    both = [(labels == 1).astype(np.uint8) for labels in (reference, predicted)]
    assert compared(reference, predicted).labels[0].surface == compared(*both, ()).surface


def test_a_comparison_survives_its_json_and_has_its_labels_in_the_csv() -> None:
    found = compared(label_map(1), label_map(2))
    assert Comparison.from_json(json.loads(json.dumps(found.as_json()))) == found
    rows = list(csv.DictReader(io.StringIO(found.to_csv({1: "L1, upper", 2: "=L2"}).lstrip("\ufeff"))))
    labels = [row for row in rows if row["scope"] == "label, pooled"]
    assert [row["label"] for row in labels] == [str(value) for value in VALUES]
    assert labels[0]["label_name"] == "L1, upper"
    assert float(labels[0]["dice"]) == pytest.approx(found.labels[0].dice, rel=1e-4)
    assert rows[-1]["scope"] == "mean of the labels"


def test_without_spacing_distances_of_labels_are_in_pixels() -> None:
    grid = with_unknown_spacing(GRID)
    mask = np.zeros(GRID.shape, np.uint8)
    mask[2:6, 5:15, 5:15] = 7
    found = compare(Slices(mask), Slices(np.roll(mask, 3, axis=2)), grid, values=(7, 8))
    assert (found.unit, found.labels[0].surface.hd95_mm) == ("px", pytest.approx(3.0))


def test_values_outside_of_the_task_are_in_no_label() -> None:
    found = compared(label_map(1), label_map(2), (1, 3))
    assert [one.value for one in found.labels] == [1, 3]
    assert not found.labels[1].counts


@pytest.mark.parametrize("scale", [np.diag([5.0, 0.4, 0.4]), np.array([[2.0, 1.1, 0], [0, 0.7, 0], [0, 0, 0.9]])])
@pytest.mark.parametrize("side", [6, 60])
def test_the_nearest_of_many_points_is_that_of_brute_force(scale: np.ndarray, side: int) -> None:
    random = np.random.default_rng(side)
    points, others = (random.integers(0, side, (300, 3)) for _ in range(2))
    assert nearest(points, others, scale) == pytest.approx(cdist(points @ scale, others @ scale).min(axis=1))


def test_noise_in_all_labels_is_counted_but_has_no_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spineml.metrics.surface_distance.MAX_ALL_ELEMENTS", 500)
    collector = LabelCollector(VALUES, GRID.shape[0])
    for reference, predicted in zip(label_map(1), label_map(2), strict=True):
        collector.push(reference, predicted)
    found = collector.finish(np.diag(GRID.spacing))
    assert all(one.surface.hd95_mm is None for one in found)
    assert sum(one.confusion.tp for one in found) > 0
