"""How sure a mean is: intervals by bootstrap over patients, differences of pairs, and Bland-Altman agreement.

Images of one patient resemble each other, so whole patients are drawn, never single images (the cluster bootstrap;
Davison & Hinkley, Bootstrap Methods and their Application, 1997, 3.8). Every figure here is a ratio of two sums over
patients, so a draw is a row of weights (how often each patient was drawn) and all draws are one matrix product. The
interval is the percentile one (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, 13.3). With few patients it
is too narrow rather than too wide, so each interval knows how many it rests on (`few_patients`); one patient has none.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spineml.message import Message, message

FloatArray = npt.NDArray[np.float64]
Worst = Literal["low", "high", "far"]

DRAWS = 10_000
SEED = 20_200_131
LEVEL = 0.95
# Standard deviations from the bias within which 95 % of the differences lie, as in Bland & Altman 1999.
LIMIT_SDS = 1.96
# An interval from fewer patients is too narrow to build a claim on.
FEWEST_PATIENTS = 10


def few_patients(patients: int | None) -> bool:
    """Whether an interval that rests on so many patients is too narrow to build on; None: it is not known."""
    return patients is not None and patients < FEWEST_PATIENTS


def few_patients_warning(patients: int | None) -> Message | None:
    """The same in words for everything that rests on these patients; None with enough, and where there is no interval
    to warn of.
    """
    if patients is None or patients < 2 or not few_patients(patients):
        return None
    return message(
        "These intervals rest on {patients} patients. From fewer than {fewest} an interval is too narrow: do not build "
        "on it.",
        patients=patients,
        fewest=FEWEST_PATIENTS,
    )


@dataclass(frozen=True)
class Interval:
    """An interval of 95 % unless it was made otherwise, from ``patients``; None where an earlier version stored it."""

    low: float
    high: float
    patients: int | None = None

    @property
    def rests_on_few(self) -> bool:
        return few_patients(self.patients)

    def as_json(self) -> list[float]:
        return [self.low, self.high]

    @classmethod
    def from_json(cls, values: Sequence[float] | None, patients: int | None = None) -> Interval | None:
        return cls(values[0], values[1], patients) if values else None


def interval_as_json(interval: Interval | None) -> dict[str, Any]:
    """``interval``, ``interval_patients`` and ``few_patients`` of whatever has one interval."""
    return {
        "interval": interval.as_json() if interval else None,
        "interval_patients": interval.patients if interval else None,
        "few_patients": interval is not None and interval.rests_on_few,
    }


def interval_from_json(values: Mapping[str, Any], patients: int | None = None) -> Interval | None:
    """``patients``: what is known of an interval that was stored by an earlier version, which kept no number."""
    return Interval.from_json(values["interval"], values.get("interval_patients", patients))


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
        return asdict(self) | interval_as_json(self.interval)

    @classmethod
    def from_json(cls, values: dict[str, Any], patients: int | None = None) -> Spread:
        """``patients``: see `interval_from_json`."""
        plain = {name: values[name] for name in ("n", "mean", "sd", "median", "worst")}
        return cls(**plain, interval=interval_from_json(values, patients))


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
        patients = int(np.count_nonzero(denominator))
        if patients < 2:
            return None
        below = self._weights @ np.asarray(denominator, float)
        drawn = below > 0
        ratios = (self._weights @ np.asarray(numerator, float))[drawn] / below[drawn]
        low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
        return Interval(float(low), float(high), patients)

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
        return asdict(self) | interval_as_json(self.interval)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> PairedDifference:
        plain = {name: values[name] for name in ("patients", "mean", "better", "worse", "equal")}
        return cls(**plain, interval=Interval.from_json(values["interval"], values["patients"]))


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

    ``n`` counts patients and ``values`` the differences. ``lower`` and ``upper`` are the 95 % limits of agreement, bias
    -+ 1.96 SD of all differences. Intervals of 95 % are by Student's t with n - 1 degrees of freedom, with the standard
    errors of Bland & Altman (Statistical Methods in Medical Research 8, 1999, section 2): ``s / sqrt(n)`` for the bias
    and ``s sqrt(1/n + 1.96^2 / (2 (n - 1)))`` for a limit. Several differences of one patient are not independent, so
    they count once: the intervals are rather too wide than too narrow then. One patient has none.
    """

    n: int
    values: int
    bias: float
    sd: float
    lower: float
    upper: float
    bias_interval: Interval | None
    lower_interval: Interval | None
    upper_interval: Interval | None

    def as_json(self) -> dict[str, Any]:
        intervals = {name: getattr(self, name) for name in BLAND_ALTMAN_INTERVALS}
        plain = {name: one.as_json() if one else None for name, one in intervals.items()}
        return asdict(self) | plain | {"few_patients": self.bias_interval is not None and few_patients(self.n)}

    @classmethod
    def from_json(cls, values: dict[str, Any], patients: int | None = None) -> BlandAltman:
        """An earlier version counted values as ``n``; ``patients`` says how many patients these were then."""
        known = values["n"] if "values" in values else patients
        bias, lower, upper = (Interval.from_json(values[name], known) for name in BLAND_ALTMAN_INTERVALS)
        return cls(
            n=values["n"] if known is None else known,
            values=values.get("values", values["n"]),
            **{name: values[name] for name in ("bias", "sd", "lower", "upper")},
            bias_interval=bias,
            lower_interval=lower,
            upper_interval=upper,
        )


BLAND_ALTMAN_INTERVALS = ("bias_interval", "lower_interval", "upper_interval")


def bland_altman(
    reference: Sequence[float], predicted: Sequence[float], owners: Sequence[Hashable] | None = None
) -> BlandAltman | None:
    """Bias and limits of agreement of ``predicted`` with ``reference``; None with fewer than two pairs.

    The i-th pair is of patient ``owners[i]``; left out, each pair is of a patient of its own.

    Raises:
        ValueError: the lists differ in length.
    """
    owners = range(len(reference)) if owners is None else owners
    if not len(reference) == len(predicted) == len(owners):
        raise ValueError(f"pairs are needed. Received instead: {len(reference)} and {len(predicted)} values")
    if len(reference) < 2:
        return None
    gaps = np.asarray(predicted, float) - np.asarray(reference, float)
    bias, sd, n = float(gaps.mean()), float(gaps.std(ddof=1)), len(set(owners))
    lower, upper = bias - LIMIT_SDS * sd, bias + LIMIT_SDS * sd
    if n < 2:
        return BlandAltman(n, len(gaps), bias, sd, lower, upper, None, None, None)
    quantile = _student_quantile(n - 1)
    of_bias = quantile * sd / math.sqrt(n)
    of_limit = quantile * sd * math.sqrt(1 / n + LIMIT_SDS**2 / (2 * (n - 1)))
    ends = ((bias, of_bias), (lower, of_limit), (upper, of_limit))
    intervals = [Interval(middle - half, middle + half, n) for middle, half in ends]
    return BlandAltman(n, len(gaps), bias, sd, lower, upper, *intervals)


def _student_quantile(degrees: int) -> float:
    """The 97.5 % quantile of Student's t."""
    from scipy.special import stdtrit  # here, for a web process shows figures and never computes them

    return float(stdtrit(degrees, (1 + LEVEL) / 2))
