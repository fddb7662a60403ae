"""Versions side by side on the same series: means, paired differences from the first, and who does better for whom.

Only patients whom none of the versions was trained on count: a version that knows a patient is no fair opponent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from spineml.metrics.bootstrap import DRAWS, SEED, PairedDifference, PatientBootstrap, Spread, paired_difference, spread
from spineml.metrics.evaluation import MEASURES, SeriesRow, patients_of
from spineml.metrics.summary import worst_of

# Dice that differ by less than this are a draw.
DRAW = 0.001


@dataclass(frozen=True)
class PatientLine:
    """Dice of one patient by version; ``best`` has the highest, None when it is a draw."""

    patient: str
    dice: dict[str, float]
    best: str | None


@dataclass(frozen=True)
class VersionComparison:
    """``spreads`` and ``differences`` go by version and measure; differences are from the first version."""

    versions: tuple[str, ...]
    seen_patients: int
    spreads: dict[str, dict[str, Spread | None]]
    differences: dict[str, dict[str, PairedDifference | None]]
    patients: tuple[PatientLine, ...]

    @property
    def dice(self) -> dict[str, list[float]]:
        """Each version's Dice of the patients, in one order."""
        return {version: [line.dice[version] for line in self.patients] for version in self.versions}

    def as_json(self) -> dict[str, Any]:
        def plain(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
            return {
                version: {name: value.as_json() if value else None for name, value in values.items()}
                for version, values in found.items()
            }

        return {
            "versions": list(self.versions),
            "seen_patients": self.seen_patients,
            "spreads": plain(self.spreads),
            "differences": plain(self.differences),
            "patients": [asdict(line) for line in self.patients],
        }


def compare_versions(
    rows: Mapping[str, Sequence[SeriesRow]], *, draws: int = DRAWS, seed: int = SEED
) -> VersionComparison:
    """Compare versions, given each version's rows by its name; the first is what the others are compared with.

    Raises:
        ValueError: fewer than two versions, or not of the same series.
    """
    keys = [sorted(row.identity.key for row in mine) for mine in rows.values()]
    if len(keys) < 2 or any(one != keys[0] for one in keys[1:]):
        raise ValueError("two or more versions are needed, evaluated on the same series")
    by_patient = {version: {one.patient: one for one in patients_of(mine)} for version, mine in rows.items()}
    everybody = next(iter(by_patient.values()))
    seen = {who for who in everybody if any(mine[who].seen for mine in by_patient.values())}
    fair = [
        who
        for who in everybody
        if who not in seen and not all(mine[who].confusion.both_empty for mine in by_patient.values())
    ]
    values = {version: [mine[who].values() for who in fair] for version, mine in by_patient.items()}
    first = values[next(iter(rows))]
    return VersionComparison(
        tuple(rows),
        len(seen),
        {version: _spreads(mine, draws, seed) for version, mine in values.items()},
        {version: _differences(mine, first, draws, seed) for version, mine in values.items() if mine is not first},
        tuple(_line(who, {version: mine[who].confusion.dice for version, mine in by_patient.items()}) for who in fair),
    )


def _spreads(values: Sequence[dict[str, float | None]], draws: int, seed: int) -> dict[str, Spread | None]:
    if not values:
        return dict.fromkeys(MEASURES)
    bootstrap = PatientBootstrap(len(values), draws=draws, seed=seed)
    owners = range(len(values))
    return {name: spread([row[name] for row in values], owners, bootstrap, worst=worst_of(name)) for name in MEASURES}


def _differences(
    mine: Sequence[dict[str, float | None]], first: Sequence[dict[str, float | None]], draws: int, seed: int
) -> dict[str, PairedDifference | None]:
    """Pairs in which a measure is undefined are left out of it."""
    found: dict[str, PairedDifference | None] = {}
    for name in MEASURES:
        pairs = [(one[name], other[name]) for one, other in zip(mine, first, strict=True)]
        known = [(a, b) for a, b in pairs if a is not None and b is not None]
        columns = [a for a, _ in known], [b for _, b in known]
        found[name] = paired_difference(*columns, draws=draws, seed=seed) if known else None
    return found


def _line(patient: str, dice: dict[str, float]) -> PatientLine:
    ranked = sorted(dice, key=lambda version: dice[version], reverse=True)
    clear = dice[ranked[0]] - dice[ranked[1]] >= DRAW
    return PatientLine(patient, dice, ranked[0] if clear else None)
