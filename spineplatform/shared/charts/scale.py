"""From values to shares of an axis, with ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

# Part of the range that stays free at both ends of an axis that follows its values.
ROOM = 0.08


@dataclass(frozen=True)
class Scale:
    """An axis from ``low`` to ``high``.

    Raises:
        ValueError: it has no extent, or an end that is not finite.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"an axis needs a low and a higher end. Received instead: {self.low} and {self.high}")

    @classmethod
    def around(cls, values: Iterable[float]) -> Scale:
        """With a little room at both ends; also for equal values, or none."""
        known = list(values) or [0.0]
        low, high = min(known), max(known)
        room = (high - low) * ROOM or max(abs(high), 1.0) * 0.1
        return cls(low - room, high + room)

    def share(self, value: float) -> float:
        """0 at the low end and 1 at the high one; a value outside is put to the nearer end."""
        return (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)

    def ticks(self, least_step: float = 0.0) -> list[tuple[float, str]]:
        """Values at multiples of 1, 2 or 5 times a power of ten, with their texts; zero is among them when in range."""
        step = max(round_step(self.high - self.low), least_step)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [(n * step, f"{n * step:,.{digits}f}") for n in range(first, last + 1)]


def round_step(extent: float) -> float:
    """1, 2 or 5 times a power of ten, so that three to six steps fill ``extent``."""
    power = 10.0 ** math.floor(math.log10(extent / 4))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= extent / 5)
