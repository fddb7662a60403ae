"""Small charts as inline SVG: the geometry is worked out here, `components/chart.html` draws it with its table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# User units of the SVG; it scales with the page.
WIDTH, HEIGHT = 560, 240
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 10, 34
MOST_LABELS = 8
# As many colours as the style sheet has, apart in brightness too.
MOST_SERIES = 6

Values = Sequence[float | None]


@dataclass(frozen=True)
class Series:
    """One line or one colour of bars; ``values`` has one number for each label, None where there is none."""

    name: str
    values: Values


@dataclass(frozen=True)
class Mark:
    """A bar (``x``, ``y``, ``width``, ``height``) or a point (``x``, ``y``) of the series number ``of`` (from 1)."""

    x: float
    y: float
    of: int
    title: str
    width: float = 0.0
    height: float = 0.0


@dataclass(frozen=True)
class Text:
    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Chart:
    """Bars beside each other or lines over ``labels``; ``digits`` are the decimals of its figures.

    Raises:
        ValueError: a series has not one value for each label, or there are too many series.
    """

    title: str
    labels: Sequence[str]
    series: Sequence[Series]
    kind: Literal["bars", "lines"] = "bars"
    digits: int = 0
    unit: str = ""
    low: float = 0.0
    high: float | None = None

    def __post_init__(self) -> None:
        if len(self.series) > MOST_SERIES:
            raise ValueError(f"a chart shows up to {MOST_SERIES} series. Received instead: {len(self.series)}")
        if any(len(one.values) != len(self.labels) for one in self.series):
            raise ValueError("each series needs one value for each label")

    width, height = WIDTH, HEIGHT

    @property
    def is_empty(self) -> bool:
        return not any(value is not None for one in self.series for value in one.values)

    @property
    def top_value(self) -> float:
        if self.high is not None:
            return self.high
        highest = max((value for one in self.series for value in one.values if value is not None), default=0.0)
        if highest <= 0:
            return self.low + 1.0
        step = round_step(highest)
        return step * math.ceil(highest / step)

    @property
    def grid(self) -> list[Text]:
        """Horizontal lines with the value of each."""
        top = self.top_value
        step = max(round_step(top - self.low), 10.0**-self.digits)
        count = math.floor((top - self.low) / step + 1e-9)
        values = [self.low + step * n for n in range(count + 1)]
        digits = 0 if step >= 1 else max(1, -math.floor(math.log10(step)))
        return [Text(LEFT, self._y(value), f"{value:.{digits}f}") for value in values]

    @property
    def ticks(self) -> list[Text]:
        """The labels below, thinned so that they do not run into each other."""
        every = max(1, math.ceil(len(self.labels) / MOST_LABELS))
        return [Text(self._middle(n), HEIGHT - 12, text) for n, text in enumerate(self.labels) if n % every == 0]

    @property
    def bars(self) -> list[Mark]:
        if self.kind != "bars":
            return []
        slot = self._slot
        wide = slot * 0.8 / max(len(self.series), 1)
        return [
            Mark(
                x=self._middle(n) - slot * 0.4 + wide * (of - 1),
                y=self._y(value),
                of=of,
                title=self._said(one.name, n, value),
                width=max(wide - 1, 1.0),
                height=max(self._y(self.low) - self._y(value), 0.0),
            )
            for of, one in enumerate(self.series, start=1)
            for n, value in enumerate(one.values)
            if value is not None
        ]

    @property
    def points(self) -> list[Mark]:
        if self.kind != "lines":
            return []
        return [
            Mark(self._middle(n), self._y(value), of, self._said(one.name, n, value))
            for of, one in enumerate(self.series, start=1)
            for n, value in enumerate(one.values)
            if value is not None
        ]

    @property
    def lines(self) -> list[tuple[int, str]]:
        """Series number and the points of its line; a missing value is bridged."""
        paths: dict[int, list[str]] = {}
        for point in self.points:
            paths.setdefault(point.of, []).append(f"{point.x:.1f},{point.y:.1f}")
        return [(of, " ".join(path)) for of, path in paths.items()]

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        """The same figures as a table."""
        return [(label, [self._figure(one.values[n]) for one in self.series]) for n, label in enumerate(self.labels)]

    @property
    def _slot(self) -> float:
        return (WIDTH - LEFT - RIGHT) / max(len(self.labels), 1)

    def _middle(self, n: int) -> float:
        return round(LEFT + self._slot * (n + 0.5), 1)

    def _y(self, value: float) -> float:
        share = (min(max(value, self.low), self.top_value) - self.low) / ((self.top_value - self.low) or 1.0)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def _figure(self, value: float | None) -> str:
        return "-" if value is None else f"{value:,.{self.digits}f}{self.unit}"

    def _said(self, name: str, n: int, value: float) -> str:
        return f"{name}, {self.labels[n]}: {self._figure(value)}"


def round_step(extent: float) -> float:
    """1, 2 or 5 times a power of ten, so that three to six steps fill ``extent``."""
    power = 10.0 ** math.floor(math.log10(extent / 4))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= extent / 5)
