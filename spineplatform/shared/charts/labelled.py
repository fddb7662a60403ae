"""Bars or lines over labels, such as weeks or states."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext as _

from spineplatform.shared.charts.figure import HEIGHT, Figure, Line, Mark, Tick, path, percent, pixels
from spineplatform.shared.charts.scale import Scale, round_step

MOST_LABELS = 8
# As many colours as the style sheet has, apart in brightness too.
MOST_SERIES = 6
# Parts of the room of a label: all its bars together, and one bar of its own part.
GROUP, BAR = 0.8, 0.94
DASH = "-"


@dataclass(frozen=True)
class Series:
    """One line or one colour of bars; ``values`` has one number for each label, None where there is none."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Chart(Figure):
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

    @property
    def is_empty(self) -> bool:
        return not any(value is not None for one in self.series for value in one.values)

    @property
    def description(self) -> str:
        return _("%(series)s, from %(first)s to %(last)s. The table below has every figure.") % {
            "series": ", ".join(one.name for one in self.series),
            "first": self.labels[0],
            "last": self.labels[-1],
        }

    @property
    def keys(self) -> Sequence[tuple[str, str]]:
        return [(_css(of), one.name) for of, one in enumerate(self.series)]

    @property
    def scale(self) -> Scale:
        """From ``low`` to ``high``, or to a round number that the highest value fits below."""
        if self.high is not None:
            return Scale(self.low, self.high)
        highest = max((value for one in self.series for value in one.values if value is not None), default=0.0)
        if highest <= self.low:
            return Scale(self.low, self.low + 1.0)
        step = round_step(highest)
        return Scale(self.low, step * math.ceil(highest / step - 1e-9))

    @property
    def y_ticks(self) -> Sequence[Tick]:
        scale = self.scale
        return [Tick(pixels(scale.share(value)), text) for value, text in scale.ticks(10.0**-self.digits)]

    @property
    def x_ticks(self) -> Sequence[Tick]:
        """The labels below, thinned so that they do not run into each other."""
        every = max(1, math.ceil(len(self.labels) / MOST_LABELS))
        return [Tick(percent(self._middle(n)), text) for n, text in enumerate(self.labels) if n % every == 0]

    @property
    def bars(self) -> Sequence[Mark]:
        if self.kind != "bars":
            return ()
        scale, wide = self.scale, self._slot * GROUP / max(len(self.series), 1)
        return [
            Mark(
                _css(of),
                percent(self._middle(n) - self._slot * GROUP / 2 + wide * of),
                pixels(scale.share(value)),
                self._words(one.name, n, value),
                width=percent(wide * BAR),
                height=f"{HEIGHT * scale.share(value):.1f}",
            )
            for of, one in enumerate(self.series)
            for n, value in enumerate(one.values)
            if value is not None
        ]

    @property
    def points(self) -> Sequence[Mark]:
        if self.kind != "lines":
            return ()
        share = self.scale.share
        return [
            Mark(_css(of), percent(self._middle(n)), pixels(share(value)), self._words(one.name, n, value))
            for of, one in enumerate(self.series)
            for n, value in enumerate(one.values)
            if value is not None
        ]

    @property
    def lines(self) -> Sequence[Line]:
        """A missing value is bridged."""
        if self.kind != "lines":
            return ()
        share = self.scale.share
        known = [
            [(self._middle(n), share(value)) for n, value in enumerate(one.values) if value is not None]
            for one in self.series
        ]
        return [Line(_css(of), path(shares)) for of, shares in enumerate(known) if shares]

    @property
    def columns(self) -> Sequence[str]:
        return ["", *(one.name for one in self.series)]

    @property
    def rows(self) -> Sequence[tuple[str, Sequence[str]]]:
        return [(label, [self._figure(one.values[n]) for one in self.series]) for n, label in enumerate(self.labels)]

    @property
    def _slot(self) -> float:
        return 1 / max(len(self.labels), 1)

    def _middle(self, n: int) -> float:
        return self._slot * (n + 0.5)

    def _figure(self, value: float | None) -> str:
        return DASH if value is None else f"{value:,.{self.digits}f}{self.unit}"

    def _words(self, name: str, n: int, value: float) -> str:
        return f"{name}, {self.labels[n]}: {self._figure(value)}"


def _css(of: int) -> str:
    return f"chart-{of + 1}"
