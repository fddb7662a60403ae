"""Lines and points over two axes of numbers, such as a loss over epochs or differences against means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from django.utils.translation import gettext as _

from spineplatform.shared.charts.figure import Figure, Level, Line, Mark, Tick, path, percent, pixels
from spineplatform.shared.charts.scale import Scale

# More points of one line than a page has pixels for are thinned.
MOST_POINTS = 600
FAINT = "chart-faint"


@dataclass(frozen=True)
class Trace:
    """Points ``(x, y)`` in order: as ``points``, as a ``line`` with a dot at its end, or as a ``faint`` line."""

    name: str
    values: Sequence[tuple[float, float]]
    style: Literal["line", "faint", "points"] = "line"


@dataclass(frozen=True)
class Plot(Figure):
    """``levels`` are lines across at a value: look, value and text. ``x`` and ``y`` are the axes; left out: they follow
    the values. ``whole``: only whole numbers are told along x. ``tabled``: the page has no table of these figures, so
    that the chart brings its own, with ``digits`` decimals.
    """

    title: str
    traces: Sequence[Trace]
    x_label: str
    y_label: str = ""
    levels_at: Sequence[tuple[str, float, str]] = ()
    x: Scale | None = None
    y: Scale | None = None
    whole: bool = False
    tabled: bool = True
    digits: int = 1
    about: str = ""
    _axes: tuple[Scale, Scale] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        xs = [x for trace in self.traces for x, _y in trace.values]
        ys = [y for trace in self.traces for _x, y in trace.values] + [value for _css, value, _text in self.levels_at]
        object.__setattr__(self, "_axes", (self.x or Scale.around(xs), self.y or Scale.around([*ys, 0.0])))

    @property
    def is_empty(self) -> bool:
        return not any(trace.values for trace in self.traces)

    @property
    def description(self) -> str:
        names = ", ".join(trace.name for trace in self.traces)
        axes = _("%(names)s over %(axis)s.") % {"names": names, "axis": self.x_label}
        return " ".join(one for one in (axes, self.about, _("The table below has the figures.")) if one)

    @property
    def keys(self) -> Sequence[tuple[str, str]]:
        return [(css, trace.name) for css, trace in self._colours()]

    @property
    def x_ticks(self) -> Sequence[Tick]:
        scale = self._axes[0]
        return [Tick(percent(scale.share(value)), text) for value, text in scale.ticks(1.0 if self.whole else 0.0)]

    @property
    def y_ticks(self) -> Sequence[Tick]:
        scale = self._axes[1]
        return [Tick(pixels(scale.share(value)), text) for value, text in scale.ticks()]

    @property
    def lines(self) -> Sequence[Line]:
        drawn = [(css, trace) for css, trace in self._colours() if trace.style != "points" and trace.values]
        return [Line(css, path([self._at(one) for one in _thinned(trace.values)])) for css, trace in drawn]

    @property
    def points(self) -> Sequence[Mark]:
        return [
            Mark(css, percent(x), pixels(y), f"{trace.name}: {', '.join(self._row(value))}")
            for css, trace in self._colours()
            for value in _marked(trace)
            for x, y in [self._at(value)]
        ]

    @property
    def levels(self) -> Sequence[Level]:
        return [Level(f"chart-{css}", pixels(self._axes[1].share(value)), text) for css, value, text in self.levels_at]

    @property
    def columns(self) -> Sequence[str]:
        return ["", self.x_label, self.y_label] if self.tabled else ()

    @property
    def rows(self) -> Sequence[tuple[str, Sequence[str]]]:
        if not self.tabled:
            return ()
        return [(trace.name, self._row(value)) for trace in self.traces for value in trace.values]

    def _row(self, value: tuple[float, float]) -> list[str]:
        x, y = value
        return [f"{x:,.0f}" if self.whole else f"{x:,.{self.digits}f}", f"{y:,.{self.digits}f}"]

    def _at(self, value: tuple[float, float]) -> tuple[float, float]:
        return self._axes[0].share(value[0]), self._axes[1].share(value[1])

    def _colours(self) -> Sequence[tuple[str, Trace]]:
        found, number = [], 0
        for trace in self.traces:
            number += trace.style != "faint"
            found.append((FAINT if trace.style == "faint" else f"chart-{number}", trace))
        return found


def _marked(trace: Trace) -> Sequence[tuple[float, float]]:
    """The points that are drawn as such."""
    return trace.values if trace.style == "points" else trace.values[-1:] if trace.style == "line" else ()


def _thinned(values: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """Every n-th of many points, and the last."""
    every = math.ceil(len(values) / MOST_POINTS)
    return [*values[:-1:every], values[-1]] if every > 1 else values
