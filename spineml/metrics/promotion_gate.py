"""May a candidate take the place of the active version? Decided on test patients that neither was trained on.

Non-inferiority by the paired bootstrap: the patients' Dice of both versions are compared pair by pair, and the lower
end of the 95 % interval of the mean difference must not be below ``-margin`` (cf. Piaggio et al., CONSORT extension for
non-inferiority trials, JAMA 308(24), 2012). A version that is better on the whole can be worse for one hospital or one
scanner, so no named group may fall by more than ``group_margin`` in the mean either.

Of a task with several labels, the Dice of a patient is the mean of its labels (of those that the reference or the
version's mask has), and every label is a named group of its own: a version that is as good on the whole must not lose
a single vertebra.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from spineml.metrics.bootstrap import DRAWS, SEED, PairedDifference, paired_difference
from spineml.metrics.confusion import NOTHING, Confusion, mean_of

# Floating point must not refuse a candidate that falls by exactly the margin.
ROUNDING = 1e-9
LABEL = "label"


class Refusal(StrEnum):
    """Why a candidate does not pass."""

    TOO_FEW_PATIENTS = "too-few-patients"
    WORSE = "worse"
    GROUP_WORSE = "group-worse"


@dataclass(frozen=True)
class GateSettings:
    """Margins are Dice. ``least_patients`` unseen test patients are needed before anything is decided.

    Raises:
        ValueError: values that could let anything pass.
    """

    margin: float = 0.01
    group_margin: float = 0.03
    least_patients: int = 5
    draws: int = DRAWS
    seed: int = SEED

    def __post_init__(self) -> None:
        if not (0 <= self.margin < 1 and 0 <= self.group_margin < 1):
            raise ValueError(f"margins are Dice between 0 and 1. Received instead: {self.margin}, {self.group_margin}")
        if self.least_patients < 2:
            raise ValueError("a bootstrap over patients needs two at least")


@dataclass(frozen=True)
class SeriesScore:
    """One test series as one version segmented it. ``groups``: kind (institution, maker, region) to name; ``labels``:
    the counts of each label by its name, of a task that has several.
    """

    key: str
    patient: str
    confusion: Confusion
    groups: Mapping[str, str] = field(default_factory=dict)
    seen: bool = False
    labels: Mapping[str, Confusion] = field(default_factory=dict)


@dataclass
class _Pooled:
    """The counts of one patient: as a whole, and of each label."""

    whole: Confusion = NOTHING
    labels: dict[str, Confusion] = field(default_factory=dict)

    def add(self, one: SeriesScore) -> None:
        self.whole += one.confusion
        for name, counts in one.labels.items():
            self.labels[name] = self.labels.get(name, NOTHING) + counts

    @property
    def dice(self) -> float:
        found = mean_of(counts.dice for counts in self.labels.values() if not counts.both_empty)
        return self.whole.dice if found is None else found


@dataclass(frozen=True)
class GroupChange:
    """Patient-mean Dice in one named group."""

    kind: str
    name: str
    patients: int
    candidate: float
    active: float
    falls: bool

    @property
    def change(self) -> float:
        return self.candidate - self.active


@dataclass(frozen=True)
class GateResult:
    """The decision with its figures. Means are over ``patients`` unseen patients; None when there are none."""

    refusals: tuple[Refusal, ...]
    patients: int
    seen_patients: int
    candidate: float | None
    active: float | None
    difference: PairedDifference | None
    groups: tuple[GroupChange, ...]
    settings: GateSettings

    @property
    def passed(self) -> bool:
        return not self.refusals

    @property
    def fallen(self) -> tuple[GroupChange, ...]:
        return tuple(group for group in self.groups if group.falls)

    def as_json(self) -> dict[str, Any]:
        """What a promotion keeps for ever."""
        return {
            "passed": self.passed,
            "refusals": [refusal.value for refusal in self.refusals],
            "patients": self.patients,
            "seen_patients": self.seen_patients,
            "candidate": self.candidate,
            "active": self.active,
            "difference": self.difference.as_json() if self.difference else None,
            "groups": [asdict(group) | {"change": group.change} for group in self.groups],
            "settings": asdict(self.settings),
        }


def decide(
    candidate: Sequence[SeriesScore], active: Sequence[SeriesScore], settings: GateSettings | None = None
) -> GateResult:
    """Compare two versions on the same test series.

    A patient whom either version has seen does not count, nor one whom neither the reference nor any version marks.

    Raises:
        ValueError: the two were not given the same series.
    """
    settings = settings or GateSettings()
    if sorted(one.key for one in candidate) != sorted(one.key for one in active):
        raise ValueError("both versions must be scored on the same series")
    seen = {one.patient for one in (*candidate, *active) if one.seen}
    pairs = _patient_pairs(candidate, active, without=seen)
    groups = tuple(_groups(candidate, active, seen, settings))
    first, second = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    difference = paired_difference(first, second, draws=settings.draws, seed=settings.seed) if pairs else None
    refusals = []
    if len(pairs) < settings.least_patients:
        refusals.append(Refusal.TOO_FEW_PATIENTS)
    if difference and difference.interval and difference.interval.low < -settings.margin - ROUNDING:
        refusals.append(Refusal.WORSE)
    if any(group.falls for group in groups):
        refusals.append(Refusal.GROUP_WORSE)
    means = mean_of(first), mean_of(second)
    return GateResult(tuple(refusals), len(pairs), len(seen), *means, difference, groups, settings)


def _patient_pairs(
    candidate: Iterable[SeriesScore], active: Iterable[SeriesScore], *, without: set[str]
) -> list[tuple[float, float]]:
    """(candidate's, active's) Dice of each patient that counts, pooled within the patient, in order of the keys."""
    pooled = [_by_patient(scores, without) for scores in (candidate, active)]
    marked = sorted(who for who in pooled[0] if not all(scores[who].whole.both_empty for scores in pooled))
    return [(pooled[0][who].dice, pooled[1][who].dice) for who in marked]


def _by_patient(scores: Iterable[SeriesScore], without: set[str]) -> dict[str, _Pooled]:
    found: dict[str, _Pooled] = defaultdict(_Pooled)
    for one in scores:
        if one.patient not in without:
            found[one.patient].add(one)
    return found


def _groups(
    candidate: Sequence[SeriesScore], active: Sequence[SeriesScore], seen: set[str], settings: GateSettings
) -> Iterable[GroupChange]:
    """Every named group, by kind and name; a patient counts in a group with the series that belong to it."""
    known = sorted({pair for one in candidate for pair in one.groups.items() if pair[1]})
    for kind, name in known:
        # Groups are the data set's, so those of the candidate's scores hold for both.
        keys = {one.key for one in candidate if one.groups.get(kind) == name}
        inside = [[one for one in scores if one.key in keys] for scores in (candidate, active)]
        pairs = _patient_pairs(*inside, without=seen)
        if pairs:
            yield _change(kind, name, pairs, settings)
    for name in dict.fromkeys(name for one in (*candidate, *active) for name in one.labels):
        alone = [[_only(name, one) for one in scores] for scores in (candidate, active)]
        pairs = _patient_pairs(*alone, without=seen)
        if pairs:
            yield _change(LABEL, name, pairs, settings)


def _only(label: str, one: SeriesScore) -> SeriesScore:
    """The score of one label alone. A patient without the label counts if either version marks it."""
    return replace(one, confusion=one.labels.get(label, NOTHING), labels={})


def _change(kind: str, name: str, pairs: Sequence[tuple[float, float]], settings: GateSettings) -> GroupChange:
    means = [sum(column) / len(pairs) for column in zip(*pairs, strict=True)]
    falls = means[1] - means[0] > settings.group_margin + ROUNDING
    return GroupChange(kind, name, len(pairs), means[0], means[1], falls)
