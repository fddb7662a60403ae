"""Rows of an evaluation, held against SimpleITK, scikit-image and scipy."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import SimpleITK
from scipy import ndimage
from skimage.metrics import contingency_table, hausdorff_distance

from spineml.metrics.evaluation import (
    STEPS,
    Identity,
    PatientRow,
    Probabilities,
    SeriesCollector,
    SeriesRow,
    patients_of,
)
from tests.spineml.evaluated import SPACING, blob, geometry, row

SHAPE = (6, 40, 48)
CELL_MM3 = math.prod(SPACING)


def one_pixel(where: tuple[int, int, int] = (2, 20, 20)) -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    mask[where] = 1
    return mask


EMPTY = np.zeros(SHAPE, np.uint8)
PAIRS = {
    **{f"random {seed}": (blob(SHAPE, seed), blob(SHAPE, seed + 100, 0.15)) for seed in range(5)},
    "the same": (blob(SHAPE, 9), blob(SHAPE, 9)),
    "one pixel in both": (one_pixel(), one_pixel()),
    "one pixel in each": (one_pixel(), one_pixel((3, 25, 10))),
    "a pixel and a blob": (one_pixel(), blob(SHAPE, 3)),
}


def image(mask: np.ndarray) -> Any:
    found = SimpleITK.GetImageFromArray(mask)
    found.SetSpacing(SPACING[::-1][: mask.ndim] if mask.ndim == 3 else SPACING[:0:-1])
    return found


def surface_by_transform(mask: np.ndarray, other: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """Distances of the surface of ``mask`` to that of ``other``, by a Euclidean distance transform."""
    edges = [one & ~ndimage.binary_erosion(one) for one in (mask > 0, other > 0)]
    return ndimage.distance_transform_edt(~edges[1], sampling=spacing)[edges[0]]


@pytest.mark.parametrize("name", PAIRS)
def test_overlap_of_a_series_is_that_of_simpleitk(name: str) -> None:
    reference, predicted = PAIRS[name]
    peer = SimpleITK.LabelOverlapMeasuresImageFilter()
    peer.Execute(image(predicted), image(reference))
    counts = row(reference, predicted).confusion
    assert counts.dice == pytest.approx(peer.GetDiceCoefficient(1))
    assert counts.iou == pytest.approx(peer.GetJaccardCoefficient(1))
    assert counts.sensitivity == pytest.approx(np.sum(reference & predicted) / reference.sum())
    assert counts.precision == pytest.approx(np.sum(reference & predicted) / predicted.sum())


@pytest.mark.parametrize("name", PAIRS)
def test_counts_of_a_slice_are_those_of_scikit_images_contingency_table(name: str) -> None:
    for found, truth, guess in zip(row(*PAIRS[name]).images, *PAIRS[name], strict=True):
        table = np.zeros((2, 2))
        peer = contingency_table(truth.astype(int), guess.astype(int)).toarray()
        table[: peer.shape[0], : peer.shape[1]] = peer
        counts = found.confusion
        assert [[counts.tn, counts.fp], [counts.fn, counts.tp]] == table.tolist()


@pytest.mark.parametrize("name", PAIRS)
def test_surface_distances_of_a_volume_are_those_of_a_distance_transform(name: str) -> None:
    reference, predicted = PAIRS[name]
    forth = surface_by_transform(reference, predicted, SPACING)
    back = surface_by_transform(predicted, reference, SPACING)
    found = row(reference, predicted).surface
    assert found.hd95_mm == pytest.approx(max(np.percentile(forth, 95), np.percentile(back, 95)))
    assert found.mean_mm == pytest.approx(np.concatenate([forth, back]).mean())


def test_the_whole_hausdorff_distance_of_a_slice_is_that_of_scikit_image() -> None:
    """With one pixel each, every percentile is the distance itself."""
    found = row(one_pixel(), one_pixel((2, 25, 10)), known=False).images[2].surface
    assert found.hd95_mm == pytest.approx(hausdorff_distance(one_pixel()[2], one_pixel((2, 25, 10))[2]))


@pytest.mark.parametrize("name", PAIRS)
def test_volume_is_that_of_simpleitk(name: str) -> None:
    reference, predicted = PAIRS[name]
    shape = SimpleITK.LabelShapeStatisticsImageFilter()
    volumes = []
    for mask in (reference, predicted):
        shape.Execute(image(mask))
        volumes.append(shape.GetPhysicalSize(1) / 1000)
    sizes = PatientRow("p1", (row(reference, predicted),)).sizes()["volume_ml"]
    assert sizes == pytest.approx(tuple(volumes))


def test_area_and_volume_of_a_slice_in_every_unit() -> None:
    reference, predicted = np.zeros((2, *SHAPE), np.uint8)
    reference[1, :10, :10] = 1
    predicted[1, :10, :12] = 1
    found = row(reference, predicted)
    assert found.image_sizes(found.images[1])["area_px"] == (100, 120)
    assert found.image_values(found.images[1])["area_mm2_difference"] == pytest.approx(20 * 0.8 * 0.5)
    assert found.image_values(found.images[1])["volume_ml_difference"] == pytest.approx(20 * CELL_MM3 / 1000)


def test_without_spacing_sizes_are_pixels_alone() -> None:
    found = row(blob(SHAPE, 1), blob(SHAPE, 2), known=False)
    assert found.unit == "px"
    values = found.image_values(found.images[0])
    assert values["area_px_difference"] is not None
    assert (values["area_mm2_difference"], values["volume_ml_difference"]) == (None, None)
    assert PatientRow("p1", (found,)).sizes()["volume_ml"] is None


def test_two_empty_masks_agree_and_have_no_distance() -> None:
    found = row(EMPTY, EMPTY)
    assert (found.confusion.dice, found.confusion.f1, found.confusion.iou) == (1, 1, 1)
    assert (found.confusion.sensitivity, found.confusion.precision, found.confusion.specificity) == (None, None, 1)
    assert (found.surface.hd95_mm, found.surface.mean_mm, found.pool, found.marked) == (None, None, None, [])


@pytest.mark.parametrize(
    ("reference", "predicted", "rate", "undefined"),
    [(blob(SHAPE, 1), EMPTY, "sensitivity", "precision"), (EMPTY, blob(SHAPE, 1), "precision", "sensitivity")],
    ids=["nothing found", "nothing there"],
)
def test_one_empty_mask(reference: np.ndarray, predicted: np.ndarray, rate: str, undefined: str) -> None:
    counts = row(reference, predicted).confusion
    assert (counts.dice, getattr(counts, rate), getattr(counts, undefined)) == (0, 0, None)


def test_levels_run_from_the_lowest_slice_to_the_highest() -> None:
    assert [image.level for image in row(EMPTY, EMPTY).images] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert row(EMPTY[:1], EMPTY[:1]).images[0].level == 0.5


def test_series_of_one_patient_are_pooled() -> None:
    rows = [row(blob(SHAPE, seed), blob(SHAPE, seed + 50), patient="both", key=str(seed)) for seed in (1, 2)]
    rows.append(row(EMPTY, EMPTY, patient="a"))
    first, second = patients_of(rows)
    assert (first.patient, second.patient, len(second.series)) == ("a", "both", 2)
    assert second.confusion == rows[0].confusion + rows[1].confusion
    assert second.surface.mean_mm == pytest.approx((rows[0].surface.mean_mm + rows[1].surface.mean_mm) / 2)


def test_a_patient_is_seen_when_one_series_is() -> None:
    rows = [row(EMPTY, EMPTY, key=str(seen), seen=seen) for seen in (False, True)]
    assert patients_of(rows)[0].seen


def test_probabilities_count_every_pixel_at_its_threshold() -> None:
    probability = np.array([[0.0, 0.29, 0.295, 1.0]], np.float32)
    counted = Probabilities.of(probability, np.array([[False, True, False, True]]))
    assert np.flatnonzero(counted.spine).tolist() == [29, STEPS]
    assert np.flatnonzero(counted.other).tolist() == [0, 29]


def test_slices_beyond_or_short_of_the_series_are_refused() -> None:
    collector = SeriesCollector(Identity("s", "p"), geometry((1, 4, 4)))
    with pytest.raises(ValueError, match="0 were given"):
        collector.finish()
    collector.push(np.zeros((4, 4)), np.zeros((4, 4)))
    with pytest.raises(ValueError, match="one more"):
        collector.push(np.zeros((4, 4)), np.zeros((4, 4)))
    with pytest.raises(ValueError, match="the masks are"):
        SeriesCollector(Identity("s", "p"), geometry((1, 4, 4))).push(np.zeros((4, 4)), np.zeros((4, 5)))


def test_a_row_survives_being_stored() -> None:
    made = row(blob(SHAPE, 1), blob(SHAPE, 2), curve=True)
    stored = json.loads(json.dumps([made.figures_json(), made.images_json()]))
    back = SeriesRow.from_json(made.identity, *stored)
    assert back.confusion == made.confusion
    assert back.figures_json() == made.figures_json()
    assert back.images_json() == made.images_json()
