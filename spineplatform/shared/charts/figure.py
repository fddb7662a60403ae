"""What every chart gives to `components/chart.html`.

Marks are text, for a number in an SVG has a point in every language. x is a percentage of the drawing's width (lines:
thousandths of it), y is pixels from its top.
"""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

# Pixels of the part that is drawn in; the texts beside and below it have room of their own (css/charts.css).
HEIGHT = 200
# Pixels for a letter at the size of the labels, for the room beside one, and what a narrow and a wide drawing have.
LETTER, BESIDE, NARROW, WIDE = 7, 8, 270, 560


@dataclass(frozen=True)
class Tick:
    at: str
    text: str


@dataclass(frozen=True)
class Mark:
    """A bar (with ``width`` and ``height``) or a point; ``css`` is its colour and ``title`` its figure in words."""

    css: str
    x: str
    y: str
    title: str
    width: str = ""
    height: str = ""


@dataclass(frozen=True)
class Line:
    css: str
    points: str


@dataclass(frozen=True)
class Level:
    """A line across the drawing at one value, with that value beside it; ``css`` names its look."""

    css: str
    y: str
    text: str


class Figure(ABC):
    """A chart: keys, axes, marks and the same figures as a table."""

    title: str
    height = HEIGHT

    @property
    @abstractmethod
    def is_empty(self) -> bool: ...

    @property
    @abstractmethod
    def description(self) -> str:
        """A sentence or two for those who do not see the drawing."""

    @property
    @abstractmethod
    def keys(self) -> Sequence[tuple[str, str]]:
        """Colour and name of each series."""

    @property
    @abstractmethod
    def x_ticks(self) -> Sequence[Tick]: ...

    @property
    @abstractmethod
    def y_ticks(self) -> Sequence[Tick]: ...

    @property
    def bars(self) -> Sequence[Mark]:
        return ()

    @property
    def points(self) -> Sequence[Mark]:
        return ()

    @property
    def lines(self) -> Sequence[Line]:
        return ()

    @property
    def levels(self) -> Sequence[Level]:
        return ()

    @property
    @abstractmethod
    def columns(self) -> Sequence[str]:
        """Heads of the table, the first that of the rows' names; none where the page has a table of its own."""

    @property
    @abstractmethod
    def rows(self) -> Sequence[tuple[str, Sequence[str]]]: ...

    @property
    def labels_css(self) -> str:
        """How the texts below the axis are kept apart: as they are, turned where there is little room, or turned."""
        longest = max((_width(tick.text) for tick in self.x_ticks), default=0)
        needed = len(self.x_ticks) * (longest + BESIDE)
        return "" if needed <= NARROW else "chart-labels-some" if needed <= WIDE else "chart-labels-long"


def percent(share: float) -> str:
    return f"{100 * share:.2f}%"


def pixels(share: float) -> str:
    """From the top, for a share that counts from the bottom."""
    return f"{HEIGHT * (1 - share):.1f}"


def path(shares: Sequence[tuple[float, float]]) -> str:
    """The points of a line in the drawing that is 1000 wide and stretched to its column."""
    return " ".join(f"{1000 * x:.1f},{HEIGHT * (1 - y):.1f}" for x, y in shares)


def _width(text: str) -> int:
    """About how many pixels a label takes; a Korean syllable is as wide as two letters."""
    return sum(LETTER * (2 if unicodedata.east_asian_width(letter) in "WF" else 1) for letter in text)
