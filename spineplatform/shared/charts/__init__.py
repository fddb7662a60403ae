"""The one renderer of charts on pages (ADR 24): geometry here, SVG by `components/{chart,graph}.html`.

Widths are percentages and heights pixels, so that a chart fills its column while its text keeps its size.
"""

from __future__ import annotations

from spineplatform.shared.charts.figure import HEIGHT, Figure, Level, Line, Mark, Tick
from spineplatform.shared.charts.graph import Box, Graph, Node
from spineplatform.shared.charts.labelled import MOST_SERIES, Chart, Series
from spineplatform.shared.charts.plot import Plot, Trace
from spineplatform.shared.charts.scale import Scale, round_step

__all__ = [
    "HEIGHT",
    "MOST_SERIES",
    "Box",
    "Chart",
    "Figure",
    "Graph",
    "Level",
    "Line",
    "Mark",
    "Node",
    "Plot",
    "Scale",
    "Series",
    "Tick",
    "Trace",
    "round_step",
]
