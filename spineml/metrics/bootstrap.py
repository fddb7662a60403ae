"""How sure a mean is: intervals by bootstrap over patients, differences of pairs, and Bland-Altman agreement.

Images of one patient resemble each other, so whole patients are drawn, never single images (the cluster bootstrap;
Davison & Hinkley, Bootstrap Methods and their Application, 1997, 3.8). Every figure here is a ratio of two sums over
patients, so a draw is a row of weights (how often each patient was drawn) and all draws are one matrix product. The
interval is the percentile one (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, 13.3). With few patients it
is too narrow rather than too wide; with one there is none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Worst = Literal["low", "high", "far"]

DRAWS = 10_000
SEED = 20_200_131
LEVEL = 0.95
# Standard deviations from the bias within which 95 % of the differences lie, as in Bland & Altman 1999.
LIMIT_SDS = 1.96


@dataclass(frozen=True)
class Interval:
    """An interval of 95 % unless it was made otherwise."""

    low: float
    high: float

    def as_json(self) -> list[float]:
        return [self.low, self.high]

    @classmethod
    def from_json(cls, values: Sequence[float] | None) -> Interval | None:
        return cls(values[0], values[1]) if values else None


@dataclass(frozen=True)
class Spread:
    """``n`` values: mean, standard deviation (of a sample; None for one value), median, worst, and the mean's interval.

    ``worst`` is the lowest value, the highest where small is good, or the one farthest from 0 for a difference.
    """

    n: int
    mean: float
    sd: float | None
    median: float
    worst: float
    interval: Interval | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"interval": self.interval.as_json() if self.interval else None}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Spread:
        return cls(**{**values, "interval": Interval.from_json(values["interval"])})


class PatientBootstrap:
    """Draws of ``patients`` patients with replacement, the same for every figure computed by one instance.

    Raises:
        ValueError: no patient, or no draw.
    """

    def __init__(self, patients: int, *, draws: int = DRAWS, seed: int = SEED) -> None:
        if patients < 1 or draws < 1:
            raise ValueError(f"a bootstrap needs patients and draws. Received instead: {patients} and {draws}")
        self.patients = patients
        generator = np.random.default_rng(seed)
        self._weights = generator.multinomial(patients, np.full(patients, 1 / patients), size=draws).astype(float)

    def ratio_interval(self, numerator: FloatArray, denominator: FloatArray, level: float = LEVEL) -> Interval | None:
        """The interval of ``sum(numerator) / sum(denominator)``, both ``(patients,)``.

        None with fewer than two patients that count (denominator above 0). Draws without any of them are left out.
        """
        if np.count_nonzero(denominator) < 2:
            return None
        below = self._weights @ np.asarray(denominator, float)
        drawn = below > 0
        ratios = (self._weights @ np.asarray(numerator, float))[drawn] / below[drawn]
        low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
        return Interval(float(low), float(high))

    def mean_interval(self, values: FloatArray, owners: npt.NDArray[np.intp], level: float = LEVEL) -> Interval | None:
        """The interval of the mean of ``values``, the i-th of which is of patient ``owners[i]``; NaN is left out."""
        defined = ~np.isnan(values)
        sums = np.bincount(owners[defined], values[defined], self.patients).astype(float)
        counts = np.bincount(owners[defined], minlength=self.patients).astype(float)
        return self.ratio_interval(sums, counts, level)


def spread(
    values: Sequence[float | None],
    owners: Sequence[int],
    bootstrap: PatientBootstrap,
    *,
    worst: Worst = "low",
) -> Spread | None:
    """Describe ``values``, the i-th of which is of patient ``owners[i]``. None is left out; None when none is left."""
    array = np.array([math.nan if value is None else value for value in values], float)
    defined = array[~np.isnan(array)]
    if not len(defined):
        return None
    return Spread(
        n=len(defined),
        mean=float(defined.mean()),
        sd=float(defined.std(ddof=1)) if len(defined) > 1 else None,
        median=float(np.median(defined)),
        worst=_worst(defined, worst),
        interval=bootstrap.mean_interval(array, np.asarray(owners, np.intp)),
    )


def _worst(values: FloatArray, kind: Worst) -> float:
    if kind == "far":
        return float(values[np.abs(values).argmax()])
    return float(values.max() if kind == "high" else values.min())


@dataclass(frozen=True)
class PairedDifference:
    """The mean over patients of ``first - second``; ``better``, ``worse``, ``equal``: patients, as the first does."""

    patients: int
    mean: float
    interval: Interval | None
    better: int
    worse: int
    equal: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"interval": self.interval.as_json() if self.interval else None}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> PairedDifference:
        return cls(**{**values, "interval": Interval.from_json(values["interval"])})


def paired_difference(
    first: Sequence[float], second: Sequence[float], *, draws: int = DRAWS, seed: int = SEED
) -> PairedDifference:
    """Compare two lists of one value for each patient, in the same order: patients are drawn, pairs stay together.

    Raises:
        ValueError: the lists differ in length, or are empty.
    """
    if len(first) != len(second) or not len(first):
        raise ValueError(f"pairs are needed. Received instead: {len(first)} and {len(second)} values")
    gaps = np.asarray(first, float) - np.asarray(second, float)
    bootstrap = PatientBootstrap(len(gaps), draws=draws, seed=seed)
    better, worse = int(np.count_nonzero(gaps > 0)), int(np.count_nonzero(gaps < 0))
    interval = bootstrap.ratio_interval(gaps, np.ones_like(gaps))
    return PairedDifference(len(gaps), float(gaps.mean()), interval, better, worse, len(gaps) - better - worse)


@dataclass(frozen=True)
class BlandAltman:
    """Agreement of two ways to measure one quantity: differences (predicted - reference) against means of both.

    ``lower`` and ``upper`` are the 95 % limits of agreement, bias -+ 1.96 SD. Intervals of 95 % are by Student's t with
    n - 1 degrees of freedom, with the standard errors of Bland & Altman (Statistical Methods in Medical Research 8,
    1999, section 2): ``s / sqrt(n)`` for the bias and ``s sqrt(1/n + 1.96^2 / (2 (n - 1)))`` for a limit. They take the
    differences as independent, which several images of one patient are not: by patient is the honest unit then.
    """

    n: int
    bias: float
    sd: float
    lower: float
    upper: float
    bias_interval: Interval
    lower_interval: Interval
    upper_interval: Interval

    def as_json(self) -> dict[str, Any]:
        intervals = ("bias_interval", "lower_interval", "upper_interval")
        return asdict(self) | {name: getattr(self, name).as_json() for name in intervals}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> BlandAltman:
        intervals = ("bias_interval", "lower_interval", "upper_interval")
        return cls(**{**values, **{name: Interval(*values[name]) for name in intervals}})


def bland_altman(reference: Sequence[float], predicted: Sequence[float]) -> BlandAltman | None:
    """Bias and limits of agreement of ``predicted`` with ``reference``; None with fewer than two pairs.

    Raises:
        ValueError: the lists differ in length.
    """
    if len(reference) != len(predicted):
        raise ValueError(f"pairs are needed. Received instead: {len(reference)} and {len(predicted)} values")
    n = len(reference)
    if n < 2:
        return None
    gaps = np.asarray(predicted, float) - np.asarray(reference, float)
    bias, sd = float(gaps.mean()), float(gaps.std(ddof=1))
    lower, upper = bias - LIMIT_SDS * sd, bias + LIMIT_SDS * sd
    quantile = _student_quantile(n - 1)
    of_bias = quantile * sd / math.sqrt(n)
    of_limit = quantile * sd * math.sqrt(1 / n + LIMIT_SDS**2 / (2 * (n - 1)))
    return BlandAltman(
        n, bias, sd, lower, upper, _around(bias, of_bias), _around(lower, of_limit), _around(upper, of_limit)
    )


def _around(middle: float, half: float) -> Interval:
    return Interval(middle - half, middle + half)


def _student_quantile(degrees: int) -> float:
    """The 97.5 % quantile of Student's t."""
    from scipy.special import stdtrit  # here, for a web process shows figures and never computes them

    return float(stdtrit(degrees, (1 + LEVEL) / 2))
