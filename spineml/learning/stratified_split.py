"""Drawing patients into splits: the same seed gives the same draw, and every stratum is shared out alike."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Shares:
    """What part of the patients each split gets.

    Raises:
        ValueError: a share is negative, or together they are not 1.
    """

    train: float = 0.7
    validation: float = 0.15
    test: float = 0.15

    def __post_init__(self) -> None:
        if min(astuple(self)) < 0 or abs(sum(astuple(self)) - 1) > 1e-6:
            raise ValueError(f"shares are not negative and add up to 1. Received instead: {astuple(self)}")


def draw(
    strata: Mapping[K, str],
    *,
    seed: int,
    shares: Shares = Shares(),
    placed: Mapping[K, tuple[str, str]] | None = None,
    labels: Mapping[K, Collection[str]] | None = None,
) -> dict[K, str]:
    """Give each patient of ``strata`` (key to stratum) a split.

    One by one in random order, stratum by stratum, a patient goes where most is missing: of its stratum and of all.
    ``placed`` (key to stratum and split) are patients that have their split; the draw makes up for them.

    ``labels`` names the labels that the masks of a patient have, of ``placed`` ones too. Then whoever has the rarest
    label comes first, and what is missing of each of the patient's labels counts like a stratum, so that a label of few
    patients is in every split as far as they go (Sechidis et al., On the Stratification of Multi-Label Data, 2011).
    """
    rng = random.Random(seed)  # noqa: S311 - a draw that can be repeated, no secret
    targets = dict(zip(SPLITS, astuple(shares), strict=True))
    tallies: dict[str, Counter[str]] = defaultdict(Counter)
    for stratum, split in (placed or {}).values():
        tallies[stratum][split] += 1
    everyone = sum(tallies.values(), Counter())
    tallied = _Labels(labels or {}, {key: split for key, (_, split) in (placed or {}).items()})
    drawn: dict[K, str] = {}
    for stratum in sorted(set(strata.values())):
        keys = sorted((key for key, value in strata.items() if value == stratum), key=str)
        rng.shuffle(keys)
        for key in sorted(keys, key=tallied.rarest):
            split = _most_missing(targets, [tallies[stratum], everyone, *tallied.of(key)], rng)
            drawn[key] = split
            for tally in (tallies[stratum], everyone, *tallied.of(key)):
                tally[split] += 1
    return drawn


class _Labels(Generic[K]):
    """The patients of each label by their splits."""

    def __init__(self, labels: Mapping[K, Collection[str]], placed: Mapping[K, str]) -> None:
        self._labels = labels
        self._patients = Counter(label for found in labels.values() for label in set(found))
        self._tallies: dict[str, Counter[str]] = defaultdict(Counter)
        for key, split in placed.items():
            for tally in self.of(key):
                tally[split] += 1

    def rarest(self, key: K) -> float:
        """How many patients have the rarest label of ``key``."""
        return min((self._patients[label] for label in self._labels.get(key, ())), default=math.inf)

    def of(self, key: K) -> list[Counter[str]]:
        return [self._tallies[label] for label in sorted(set(self._labels.get(key, ())))]


def _most_missing(targets: Mapping[str, float], tallies: Sequence[Counter[str]], rng: random.Random) -> str:
    """Whichever split is furthest below its share once one more patient is there; chance decides between equals."""

    def missing(split: str) -> float:
        return sum(targets[split] * (tally.total() + 1) - tally[split] for tally in tallies)

    wanted = [split for split in SPLITS if targets[split] > 0]
    most = max(missing(split) for split in wanted)
    return rng.choice([split for split in wanted if missing(split) > most - 1e-9])
