"""Drawing patients into splits: the same seed gives the same draw, and every stratum is shared out alike."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import astuple, dataclass
from typing import TypeVar

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
    strata: Mapping[K, str], *, seed: int, shares: Shares = Shares(), placed: Mapping[K, tuple[str, str]] | None = None
) -> dict[K, str]:
    """Give each patient of ``strata`` (key to stratum) a split.

    One by one in random order, stratum by stratum, a patient goes where most is missing: of its stratum and of all.
    ``placed`` (key to stratum and split) are patients that have their split; the draw makes up for them.
    """
    rng = random.Random(seed)  # noqa: S311 - a draw that can be repeated, no secret
    targets = dict(zip(SPLITS, astuple(shares), strict=True))
    tallies: dict[str, Counter[str]] = defaultdict(Counter)
    for stratum, split in (placed or {}).values():
        tallies[stratum][split] += 1
    everyone = sum(tallies.values(), Counter())
    drawn: dict[K, str] = {}
    for stratum in sorted(set(strata.values())):
        keys = sorted((key for key, value in strata.items() if value == stratum), key=str)
        rng.shuffle(keys)
        for key in keys:
            split = _most_missing(targets, tallies[stratum], everyone, rng)
            drawn[key] = split
            tallies[stratum][split] += 1
            everyone[split] += 1
    return drawn


def _most_missing(targets: Mapping[str, float], here: Counter[str], all_: Counter[str], rng: random.Random) -> str:
    """Whichever split is furthest below its share once one more patient is there; chance decides between equals."""

    def missing(split: str) -> float:
        share = targets[split]
        return share * (here.total() + 1) - here[split] + share * (all_.total() + 1) - all_[split]

    wanted = [split for split in SPLITS if targets[split] > 0]
    most = max(missing(split) for split in wanted)
    return rng.choice([split for split in wanted if missing(split) > most - 1e-9])
