"""Plots of an evaluation as SVG and PNG, drawn by matplotlib without a display.

Whoever imports this module pays 40 MB for matplotlib when the first plot is drawn; web processes leave it to workers,
or to a process of its own: ``python -m spineml.reports.plots svg < values.json``. Text is English and holds no name
that a person chose, for DejaVu Sans, which comes with matplotlib, has no Hangul.
"""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from spineml.message import Message, message
from spineml.metrics.bootstrap import BlandAltman
from spineml.metrics.evaluation import QUANTITIES, SeriesRow, patients_of
from spineml.metrics.summary import SCOPES, Curve, Summary, paired_sizes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Kind = Literal["svg", "png"]
KINDS: tuple[Kind, ...] = ("svg", "png")
SIZE_INCHES = (5.6, 3.9)
PNG_DPI = 160
# Differences that vary by less than this do not vary.
FLAT = 1e-9
INK, SOFT, ACCENT, SECOND, THIRD = "#1b2630", "#8896a1", "#0b5d7a", "#c2410c", "#17643a"
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "spine",
}
SIZE_LABELS = {"area_px": "area (px)", "area_mm2": "area (mm\u00b2)", "volume_ml": "volume (ml)"}
SIZES_PER = {
    "patient": {
        "area_px": message("area (px) per patient"),
        "area_mm2": message("area (mm²) per patient"),
        "volume_ml": message("volume (ml) per patient"),
    },
    "image": {
        "area_px": message("area (px) per image"),
        "area_mm2": message("area (mm²) per image"),
        "volume_ml": message("volume (ml) per image"),
    },
}
BOXED = {"dice": "Dice", "sensitivity": "Sensitivity", "precision": "Precision", "iou": "IoU"}

_style_lock = threading.Lock()


@dataclass(frozen=True)
class Plot:
    """A plot under the ``name`` that its file and address carry, with what it shows in words."""

    name: str
    title: Message
    files: Mapping[Kind, bytes]


def evaluation_plots(rows: Sequence[SeriesRow], summary: Summary) -> Iterator[Plot]:
    """Every plot of one evaluation that its figures allow."""
    images = [row.image_sizes(image) for row in rows for image in row.marked]
    patients = [one.sizes() for one in patients_of(rows) if not one.confusion.both_empty]
    for scope, sizes in zip(SCOPES, (images, patients), strict=True):
        for quantity in QUANTITIES:
            found = summary.agreement[scope][quantity]
            if found is not None:
                title = message("Bland-Altman, {quantity}", quantity=size_label(quantity, scope))
                figure = bland_altman_figure(*paired_sizes(sizes, quantity), found, quantity, title)
                yield _plot(f"bland-altman-{scope}-{quantity.replace('_', '-')}", title, figure)
    yield _plot("boxes", message("Distribution over images and patients"), boxes_figure(rows))
    yield _plot("level", message("Dice against slice level"), level_figure(rows, summary))
    if summary.curve is not None:
        title = message("Precision and recall over the threshold")
        yield _plot("precision-recall", title, curve_figure(summary.curve))


def size_label(quantity: str, scope: str) -> Message:
    """What is measured of each patient or image."""
    return SIZES_PER[scope][quantity]


def bland_altman_figure(
    reference: Sequence[float], predicted: Sequence[float], found: BlandAltman, quantity: str, title: str
) -> Figure:
    """Differences against means, with bias and limits of agreement; the shaded bands are their 95 % intervals."""
    figure, axes = _figure(title, pad=0.12)  # the numbers beside the lines are wider in one format than in another
    means = (np.array(reference) + np.array(predicted)) / 2
    axes.scatter(means, np.array(predicted) - np.array(reference), s=14, color=ACCENT, alpha=0.65, linewidths=0)
    limits = [
        (found.upper, found.upper_interval, "+1.96 SD", SECOND),
        (found.bias, found.bias_interval, "bias", INK),
        (found.lower, found.lower_interval, "\u22121.96 SD", SECOND),
    ]
    for value, interval, name, colour in limits if found.sd > FLAT else limits[1:2]:
        ends = ""
        if interval is not None:
            axes.axhspan(interval.low, interval.high, color=colour, alpha=0.10, linewidth=0)
            ends = f"\n[{interval.low:.3g}, {interval.high:.3g}]"
        axes.axhline(value, color=colour, linewidth=1.2, linestyle="-" if name == "bias" else "--")
        axes.annotate(
            f"{name} {value:.3g}{ends}",
            (1.01, value),
            xycoords=("axes fraction", "data"),
            va="center",
            color=colour,
            fontsize=7.5,
        )
    if found.bias_interval is not None and found.bias_interval.rests_on_few:
        words = f"intervals from {found.n} patients only: too narrow to build on"
        axes.annotate(words, (0.01, 0.01), xycoords="axes fraction", color=SECOND, fontsize=7.5)
    axes.axhline(0, color=SOFT, linewidth=0.8)
    if found.sd <= FLAT:
        axes.set_ylim(found.bias - 1, found.bias + 1)
    label = SIZE_LABELS[quantity]
    axes.set_xlabel(f"mean of reference and predicted {label}")
    axes.set_ylabel(f"predicted \u2212 reference {label}")
    return figure


def boxes_figure(rows: Sequence[SeriesRow]) -> Figure:
    """Box plots of the rates: images on the left of each pair, patients on the right."""
    figure, axes = _figure("Distribution over images and patients")
    images = [row.image_values(image) for row in rows for image in row.marked]
    patients = [one.values() for one in patients_of(rows) if not one.confusion.both_empty]
    for values, shift, colour, name in ((images, -0.19, ACCENT, "images"), (patients, 0.19, SECOND, "patients")):
        columns = [[row[rate] for row in values if row[rate] is not None] for rate in BOXED]
        _draw_boxes(axes, columns, [place + shift for place in range(len(BOXED))], colour, 0.32)
        axes.plot([], [], color=colour, linewidth=6, alpha=0.4, label=f"{len(values)} {name}")
    axes.set_xticks(range(len(BOXED)), BOXED.values())
    _legend_below(figure)
    return figure


def versions_figure(dice: Mapping[str, Sequence[float]]) -> Figure:
    """Box plots of the patients' Dice, one for each version, with every patient as a point."""
    figure, axes = _figure("Dice of each patient, by version")
    _draw_boxes(axes, list(dice.values()), list(range(len(dice))), ACCENT, 0.5, outliers=False)
    for place, values in enumerate(dice.values()):
        spread = np.random.default_rng(place).uniform(-0.12, 0.12, len(values))
        axes.scatter(place + spread, values, s=12, color=INK, alpha=0.5, linewidths=0, zorder=3)
    axes.set_xticks(range(len(dice)), list(dice))
    axes.set_ylabel("Dice")
    return figure


def level_figure(rows: Sequence[SeriesRow], summary: Summary) -> Figure:
    """Dice of each marked image against its relative height, with the mean of each tenth."""
    figure, axes = _figure("Dice against slice level")
    images = [image for row in rows for image in row.marked]
    levels, dice = [image.level for image in images], [image.confusion.dice for image in images]
    axes.scatter(levels, dice, s=10, color=ACCENT, alpha=0.5, linewidths=0, label="image")
    middles = [((one.low + one.high) / 2, one.mean) for one in summary.levels if one.mean is not None]
    axes.plot(*zip(*middles, strict=True) if middles else ([], []), "o-", color=SECOND, label="mean of a tenth")
    axes.set_xlabel("relative position in the series (0 lowest slice, 1 highest)")
    axes.set_ylabel("Dice")
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlim(-0.02, 1.02)
    _legend_below(figure)
    return figure


def curve_figure(curve: Curve) -> Figure:
    """Left: precision against recall, pooled. Right: all three against the threshold."""
    figure, (left, right) = _figure("", columns=2)
    points = [(r, p) for r, p in zip(curve.recall, curve.precision, strict=True) if r is not None and p is not None]
    left.plot(*zip(*points, strict=True) if points else ([], []), color=ACCENT)
    left.set_xlabel("recall (pooled)")
    left.set_ylabel("precision (pooled)")
    _title(left, "Precision against recall")
    for values, colour, name in (
        (curve.precision, ACCENT, "precision"),
        (curve.recall, SECOND, "recall"),
        (curve.dice, THIRD, "Dice (patients)"),
    ):
        right.plot(curve.thresholds, [np.nan if one is None else one for one in values], color=colour, label=name)
    right.set_xlabel("threshold")
    _title(right, "Over the threshold")
    if curve.best is not None:
        right.axvline(curve.best, color=INK, linestyle=":", label=f"best {curve.best:.2f}")
        at = curve.thresholds.index(curve.best)
        if curve.precision[at] is not None:
            left.plot(curve.recall[at], curve.precision[at], "o", color=INK)
    right.legend(loc="lower center", frameon=False, fontsize=8)
    for axes in (left, right):
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
    return figure


def _draw_boxes(
    axes: Axes,
    columns: Sequence[Sequence[Any]],
    places: Sequence[float],
    colour: str,
    width: float,
    *,
    outliers: bool = True,
) -> None:
    """Tukey's box plots; empty columns are left out. The triangle is the mean."""
    filled = [(column, place) for column, place in zip(columns, places, strict=True) if len(column)]
    if filled:
        axes.boxplot(
            [column for column, _ in filled],
            positions=[place for _, place in filled],
            widths=width,
            manage_ticks=False,
            patch_artist=True,
            showmeans=True,
            showfliers=outliers,
            boxprops={"facecolor": colour, "alpha": 0.35, "edgecolor": colour},
            medianprops={"color": INK},
            meanprops={"markerfacecolor": INK, "markeredgecolor": INK, "markersize": 4},
            flierprops={"marker": ".", "markersize": 4, "markeredgecolor": colour},
        )


def _figure(title: str, *, columns: int = 1, pad: float = 0.04) -> tuple[Figure, Any]:
    """A figure with ``pad`` inches beside its axes."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with _styled():
        figure = Figure(figsize=SIZE_INCHES, layout=ConstrainedLayoutEngine(w_pad=pad))
        axes = figure.subplots(1, columns)
        if title:
            _title(axes, title)
    return figure, axes


def _legend_below(figure: Figure) -> None:
    """Outside the axes: inside it would cover whichever values are low."""
    figure.legend(loc="outside lower right", frameon=False, fontsize=8, ncols=2)


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="left", fontsize=10)


@contextmanager
def _styled() -> Iterator[None]:
    """Matplotlib's style is one for the whole process: threads take turns."""
    from matplotlib import rc_context

    with _style_lock, rc_context(STYLE):
        yield


def _plot(name: str, title: Message, figure: Figure) -> Plot:
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once for both files
    return Plot(name, title, {kind: render(figure, kind) for kind in KINDS})


def render(figure: Figure, kind: Kind) -> bytes:
    """The figure as a file; the same figure gives the same bytes."""
    sink = io.BytesIO()
    with _styled():
        metadata = {"Date": None} if kind == "svg" else None
        figure.savefig(sink, format=kind, dpi=PNG_DPI, metadata=metadata)
    return sink.getvalue()


def main() -> None:
    """Draw `versions_figure` of the JSON object at standard input: ``{"v1": [0.9, ...], ...}``."""
    kind: Kind = "png" if sys.argv[1:] == ["png"] else "svg"
    sys.stdout.buffer.write(render(versions_figure(json.load(sys.stdin)), kind))


if __name__ == "__main__":
    main()
