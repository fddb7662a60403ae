"""Means, medians, pooled figures, agreement and curves of an evaluation."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import ndimage

from spineml.metrics.evaluation import MEASURES, STEPS, SeriesRow
from spineml.metrics.summary import Summary, summarise
from tests.spineml.evaluated import SPACING, blob, patients, row

SHAPE = (4, 40, 48)


def summary(rows: list[SeriesRow], *, suggest_threshold: bool = False) -> Summary:
    return summarise(rows, suggest_threshold=suggest_threshold, draws=500)


def test_images_patients_and_pooled_differ_and_are_what_their_names_say() -> None:
    small = row(blob(SHAPE, 1, 0.02), np.roll(blob(SHAPE, 1, 0.02), 3, 2), patient="small")
    large = row(blob(SHAPE, 2, 0.3), np.roll(blob(SHAPE, 2, 0.3), 1, 2), patient="large")
    found = summary([small, large])
    images = [image.confusion.dice for one in (small, large) for image in one.marked]
    assert found.per_image["dice"].mean == pytest.approx(np.mean(images))
    assert found.per_image["dice"].median == pytest.approx(np.median(images))
    assert found.per_image["dice"].sd == pytest.approx(np.std(images, ddof=1))
    assert found.per_image["dice"].worst == pytest.approx(min(images))
    assert found.per_patient["dice"].mean == pytest.approx((small.confusion.dice + large.confusion.dice) / 2)
    assert found.pooled["dice"].value == pytest.approx((small.confusion + large.confusion).dice)
    assert found.pooled["dice"].value > found.per_patient["dice"].mean


def test_every_measure_is_described_in_each_of_the_three_ways() -> None:
    found = summary(patients(4))
    for name in MEASURES:
        assert found.per_image[name] is not None
        assert found.per_patient[name] is not None
        assert found.pooled[name].value is not None


def test_the_worst_distance_is_the_highest_and_the_worst_difference_the_farthest_from_zero() -> None:
    mask = blob(SHAPE, 5)
    rows = [
        row(mask, np.roll(mask, 1, 2), patient="near"),
        row(mask, np.roll(mask, 8, 2), patient="far"),
        row(mask, ndimage.binary_erosion(mask).astype(np.uint8), patient="smaller"),
    ]
    found = summary(rows)
    assert found.per_patient["hd95"].worst == pytest.approx(max(one.surface.hd95_mm for one in rows))
    assert found.per_patient["volume_ml_difference"].worst < 0


def test_f1_of_the_means_is_that_of_the_paper() -> None:
    found = summary(patients(3))
    precision, recall = found.per_image["precision"].mean, found.per_image["sensitivity"].mean
    assert found.f1_of_means == pytest.approx(2 * precision * recall / (precision + recall))


def test_images_that_neither_mask_marks_are_left_out_of_means_and_counted_where_wrongly_marked() -> None:
    reference = np.zeros(SHAPE, np.uint8)
    reference[0, 5:20, 5:20] = 1
    predicted = reference.copy()
    predicted[1, 0, 0] = 1
    found = summary([row(reference, predicted)])
    assert (found.images, found.marked_images, found.empty_images, found.false_images) == (4, 2, 3, 1)
    assert found.per_image["dice"].mean == pytest.approx(0.5)


def test_nothing_marked_at_all_has_no_figures_but_agrees() -> None:
    empty = np.zeros(SHAPE, np.uint8)
    found = summary([row(empty, empty, curve=True)])
    assert found.per_image["dice"] is None
    assert found.pooled["dice"].value == 1
    assert found.pooled["hd95"].value is None
    assert found.agreement["image"]["area_px"] is None
    assert found.worst == ()


def test_pooled_distances_are_those_of_all_surface_elements() -> None:
    pairs = [(blob(SHAPE, seed), blob(SHAPE, seed + 20)) for seed in range(3)]
    found = summary([row(*pair, patient=str(index)) for index, pair in enumerate(pairs)])
    forth, back = [], []
    for pair in pairs:
        edges = [mask & ~ndimage.binary_erosion(mask) for mask in (pair[0] > 0, pair[1] > 0)]
        maps = [ndimage.distance_transform_edt(~edge, sampling=SPACING) for edge in edges]
        forth.append(maps[1][edges[0]])
        back.append(maps[0][edges[1]])
    whole = [np.concatenate(forth), np.concatenate(back)]
    assert found.pooled["mean_surface_distance"].value == pytest.approx(np.concatenate(whole).mean())
    assert found.pooled["hd95"].value == pytest.approx(max(np.percentile(one, 95) for one in whole), abs=0.1)


def test_series_without_spacing_do_not_mix_pixels_into_millimetres() -> None:
    known = row(blob(SHAPE, 1), blob(SHAPE, 2), patient="known")
    unknown = row(blob(SHAPE, 3), blob(SHAPE, 4), patient="unknown", known=False)
    found = summary([known, unknown])
    assert found.unit == "mm"
    assert (found.per_patient["hd95"].n, found.per_patient["dice"].n) == (1, 2)
    pixels = found.agreement["image"]["area_px"]
    assert (pixels.n, pixels.values) == (2, 8)
    lengths = found.agreement["image"]["area_mm2"]
    assert (lengths.n, lengths.values, lengths.bias_interval) == (1, 4, None)
    assert summary([unknown]).unit == "px"


def test_the_curve_at_a_threshold_is_what_thresholding_there_gives() -> None:
    rows = patients(3, curve=True)
    curve = summary(rows).curve
    assert curve is not None
    tp = fp = fn = 0
    dice = []
    for index in range(3):
        mask = blob((4, 40, 48), index) > 0
        guess = np.roll(mask, 1 + index % 2, axis=2).astype(np.float32)
        guess[:, : 2 * (index % 4)] = 0
        marked = np.stack([ndimage.gaussian_filter(one, 1) for one in guess]) >= 0.3
        tp, fp, fn = tp + (mask & marked).sum(), fp + (~mask & marked).sum(), fn + (mask & ~marked).sum()
        dice.append(2 * (mask & marked).sum() / (mask.sum() + marked.sum()))
    at = curve.thresholds.index(0.3)
    assert curve.precision[at] == pytest.approx(tp / (tp + fp), abs=1e-3)
    assert curve.recall[at] == pytest.approx(tp / (tp + fn), abs=1e-3)
    assert curve.dice[at] == pytest.approx(np.mean(dice), abs=1e-3)
    assert curve.recall[0] == 1
    assert len(curve.thresholds) == STEPS + 1


def test_a_threshold_is_suggested_only_where_asked_and_is_the_best_one() -> None:
    rows = patients(3, curve=True)
    curve = summary(rows, suggest_threshold=True).curve
    assert curve is not None
    assert curve.best is not None
    assert curve.dice[curve.thresholds.index(curve.best)] == max(curve.dice[1:STEPS])
    assert summary(rows).curve.best is None
    assert summary(patients(2)).curve is None


def test_levels_hold_every_marked_image_once() -> None:
    found = summary(patients(3, depth=12))
    assert sum(level.images for level in found.levels) == found.marked_images
    assert (found.levels[0].low, found.levels[-1].high) == (0, 1)


def test_the_worst_images_come_first_and_name_their_series() -> None:
    mask = blob(SHAPE, 1)
    found = summary([row(mask, mask, patient="good"), row(mask, np.roll(mask, 12, 2), patient="bad", key="series 7")])
    assert found.worst[0].key == "series 7"
    assert [one.dice for one in found.worst] == sorted(one.dice for one in found.worst)


def test_the_same_rows_give_the_same_figures_and_plain_json() -> None:
    rows = patients(4, curve=True)
    first = json.dumps(summary(rows).as_json(), allow_nan=False)
    assert first == json.dumps(summary(rows).as_json(), allow_nan=False)


def test_no_series_is_refused() -> None:
    with pytest.raises(ValueError, match="no series"):
        summarise([])
