"""Intervals and agreement, held against scipy, closed forms and published figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from spineml.metrics.bootstrap import (
    BlandAltman,
    PairedDifference,
    PatientBootstrap,
    Spread,
    bland_altman,
    few_patients_warning,
    paired_difference,
    spread,
)


def values(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.9, 0.05, n)


def test_the_interval_of_a_mean_is_scipys_percentile_bootstrap() -> None:
    sample = values(25)
    ours = PatientBootstrap(25, draws=20_000).mean_interval(sample, np.arange(25))
    peer = stats.bootstrap((sample,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1))
    assert ours is not None
    assert ours.low == pytest.approx(peer.confidence_interval.low, abs=0.001)
    assert ours.high == pytest.approx(peer.confidence_interval.high, abs=0.001)


def test_patients_are_drawn_with_all_their_images() -> None:
    """Ten images of each patient that are all alike say no more than one image each."""
    sample = values(12)
    bootstrap = PatientBootstrap(12)
    one = bootstrap.mean_interval(sample, np.arange(12))
    ten = bootstrap.mean_interval(np.repeat(sample, 10), np.repeat(np.arange(12), 10))
    assert one is not None
    assert ten is not None
    assert (ten.low, ten.high) == pytest.approx((one.low, one.high))


def test_a_loop_over_drawn_patients_gives_the_same_interval_of_pooled_dice() -> None:
    generator = np.random.default_rng(5)
    tp, both = generator.integers(50, 100, 15).astype(float), generator.integers(210, 260, 15).astype(float)
    ours = PatientBootstrap(15, draws=20_000).ratio_interval(2 * tp, both)
    draws = generator.integers(0, 15, (20_000, 15))
    looped = np.quantile([2 * tp[who].sum() / both[who].sum() for who in draws], [0.025, 0.975])
    assert ours is not None
    assert (ours.low, ours.high) == pytest.approx(tuple(looped), abs=0.003)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    sample, owners = values(9), np.arange(9)
    first, same = (PatientBootstrap(9, seed=1).mean_interval(sample, owners) for _ in range(2))
    assert first == same != PatientBootstrap(9, seed=2).mean_interval(sample, owners)


def test_one_patient_has_no_interval() -> None:
    found = spread([0.9, 0.8], [0, 0], PatientBootstrap(1))
    assert found == Spread(2, pytest.approx(0.85), pytest.approx(0.0707, abs=1e-4), pytest.approx(0.85), 0.8, None)


def test_undefined_values_are_left_out_of_a_spread() -> None:
    found = spread([0.5, None, 0.7, None], [0, 1, 2, 3], PatientBootstrap(4), worst="high")
    assert found is not None
    assert (found.n, found.mean, found.median, found.worst) == (2, pytest.approx(0.6), pytest.approx(0.6), 0.7)
    assert found.interval is not None
    assert spread([None], [0], PatientBootstrap(1)) is None


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(3)
    held = 0
    for _ in range(300):
        interval = PatientBootstrap(40, draws=800).mean_interval(generator.normal(0, 1, 40), np.arange(40))
        assert interval is not None
        held += interval.low <= 0 <= interval.high
    assert 0.90 <= held / 300 <= 0.98


def test_a_paired_difference_is_that_of_the_pairs_not_of_the_lists() -> None:
    second = values(20)
    found = paired_difference(second + 0.01, second)
    assert found.mean == pytest.approx(0.01)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((0.01, 0.01))
    assert (found.better, found.worse, found.equal) == (20, 0, 0)


@pytest.mark.parametrize(("first", "second"), [([0.9], [0.9, 0.8]), ([], [])])
def test_what_is_not_paired_is_refused(first: list[float], second: list[float]) -> None:
    with pytest.raises(ValueError, match="pairs are needed"):
        paired_difference(first, second)


def test_bland_altman_gives_the_published_example() -> None:
    """Bland & Altman 1999, section 2: 85 pairs, bias -16.29, SD 19.61; limits -54.7 and 22.1, their SE 3.64."""
    gaps = stats.zscore(np.random.default_rng(7).normal(size=85), ddof=1) * 19.61 - 16.29
    reference = np.random.default_rng(8).uniform(80, 200, 85)
    found = bland_altman(list(reference), list(reference + gaps))
    assert found is not None
    assert (found.lower, found.upper) == (pytest.approx(-54.7, abs=0.05), pytest.approx(22.1, abs=0.05))
    # The paper's intervals: -61.9 to -47.5 and 14.9 to 29.3 mmHg, by t, with sqrt(3 / n) for the standard error.
    assert (found.lower_interval.low, found.lower_interval.high) == (
        pytest.approx(-61.9, abs=0.1),
        pytest.approx(-47.5, abs=0.1),
    )
    assert (found.upper_interval.low, found.upper_interval.high) == (
        pytest.approx(14.9, abs=0.1),
        pytest.approx(29.3, abs=0.15),
    )
    assert found.bias_interval.high - found.bias == pytest.approx(stats.t.ppf(0.975, 84) * 19.61 / math.sqrt(85))


def test_bland_altman_counts_patients_not_their_series() -> None:
    first, second = [10.0, 11.0, 20.0, 21.0], [10.5, 11.2, 20.1, 21.7]
    apart, together = bland_altman(first, second), bland_altman(first, second, ["a", "a", "b", "b"])
    assert apart is not None
    assert together is not None
    assert (together.n, together.values, together.bias, together.sd) == (2, 4, apart.bias, apart.sd)
    assert apart.bias_interval is not None
    assert together.bias_interval is not None
    assert together.bias_interval.low < apart.bias_interval.low
    assert (apart.bias_interval.patients, together.bias_interval.patients) == (4, 2)


def test_bland_altman_of_one_patient_has_no_intervals() -> None:
    found = bland_altman([10.0, 11.0], [10.5, 11.2], ["a", "a"])
    assert found is not None
    assert (found.n, found.bias_interval, found.upper_interval) == (1, None, None)
    assert BlandAltman.from_json(found.as_json()) == found


@pytest.mark.parametrize(("patients", "few"), [(2, True), (9, True), (10, False)])
def test_an_interval_says_when_it_rests_on_too_few_patients(patients: int, few: bool) -> None:
    values = list(np.linspace(0.7, 0.9, patients))
    described = spread(values, range(patients), PatientBootstrap(patients))
    pairs = paired_difference(values, [0.7] * patients)
    agreement = bland_altman(values, [0.7] * patients)
    assert described is not None
    assert agreement is not None
    stored = [one.as_json() for one in (described, pairs, agreement)]
    assert [one["few_patients"] for one in stored] == [few] * 3
    assert (few_patients_warning(patients) is not None) == few


def test_an_interval_counts_the_patients_for_whom_its_figure_is_defined() -> None:
    described = spread([0.7, 0.8, *[None] * 10], range(12), PatientBootstrap(12))
    assert described is not None
    assert described.interval is not None
    assert described.interval.patients == 2


def test_what_has_no_interval_needs_no_warning() -> None:
    assert few_patients_warning(1) is None
    assert few_patients_warning(None) is None


def test_what_an_earlier_version_stored_is_read_with_what_is_known_of_its_patients() -> None:
    now = bland_altman([1.0, 2.0, 3.0], [1.1, 2.3, 2.9], ["a", "a", "b"])
    assert now is not None
    stored = {name: value for name, value in now.as_json().items() if name not in ("values", "few_patients")} | {"n": 3}
    found = BlandAltman.from_json(stored, 2)
    assert (found.n, found.values) == (2, 3)
    assert found.bias_interval is not None
    assert found.bias_interval.rests_on_few
    assert BlandAltman.from_json(stored).n == 3


def test_bland_altman_needs_two_pairs() -> None:
    assert bland_altman([1.0], [2.0]) is None
    with pytest.raises(ValueError, match="pairs are needed"):
        bland_altman([1.0], [])


def test_figures_survive_json() -> None:
    agreement = bland_altman([1.0, 2.0, 3.0], [1.1, 2.3, 2.9])
    described = spread([0.9, 0.8], [0, 1], PatientBootstrap(2))
    pairs = paired_difference([0.9, 0.8], [0.7, 0.8])
    assert agreement is not None
    assert described is not None
    assert BlandAltman.from_json(agreement.as_json()) == agreement
    assert Spread.from_json(described.as_json()) == described
    assert PairedDifference.from_json(pairs.as_json()) == pairs


@pytest.mark.parametrize("patients", [0, -1])
def test_a_bootstrap_of_nobody_is_refused(patients: int) -> None:
    with pytest.raises(ValueError, match="needs patients"):
        PatientBootstrap(patients)
