"""The figures of an evaluation as tables: names for people, Table 1 of the 2020 paper, and CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from spineml.csv_text import csv_text
from spineml.message import Message, message, verbatim
from spineml.metrics.bootstrap import Interval, Spread
from spineml.metrics.confusion import COUNTS
from spineml.metrics.evaluation import MEASURES, QUANTITIES, SeriesRow, Unit, patients_of
from spineml.metrics.label_agreement import LABEL_MEASURES, mean_of_labels
from spineml.metrics.summary import PAPER, Pooled, Summary
from spineml.metrics.surface_distance import DISTANCES

DECIMALS = 6
DASH = "\u2013"
LABELS = {
    "dice": verbatim("Dice"),
    "sensitivity": message("Sensitivity (recall)"),
    "precision": message("Precision"),
    "specificity": message("Specificity"),
    "f1": verbatim("F1"),
    "iou": verbatim("IoU"),
    "area_px_difference": message("Area difference (px)"),
    "area_mm2_difference": message("Area difference (mm²)"),
    "volume_ml_difference": message("Volume difference (ml)"),
}
# Columns of an interval in a CSV: its ends, how many patients it rests on, and whether they are too few to build on.
INTERVAL = ("low_95", "high_95", "interval_patients", "few_patients")
Label = Callable[[str], str]


def label(name: str, unit: Unit) -> Message:
    """The name of a measure with its unit."""
    if name == "hd95":
        return message("Hausdorff 95 ({unit})", unit=unit)
    if name == "mean_surface_distance":
        return message("Mean surface distance ({unit})", unit=unit)
    return LABELS[name]


@dataclass(frozen=True)
class PaperRow:
    """One line of the paper's Table 1: the mean over the test images here, and in the paper where it states it."""

    name: Message
    mean: float | None
    sd: float | None
    paper: float | None


def table_one(per_image: Mapping[str, Spread | None], f1_of_means: float | None) -> list[PaperRow]:
    """Kim et al. 2020, Table 1: means over the images; F1 from the mean precision and the mean recall."""

    def row(name: str, title: Message) -> PaperRow:
        found = per_image[name]
        return PaperRow(title, found.mean if found else None, found.sd if found else None, PAPER.get(name))

    return [
        row("dice", message("Dice coefficient")),
        row("sensitivity", message("Sensitivity")),
        row("precision", message("Precision")),
        row("sensitivity", message("Recall")),
        PaperRow(message("F1-score"), f1_of_means, None, PAPER["f1_of_means"]),
    ]


def number(value: float | None) -> str:
    """Three decimals below 10, else one; a dash for what is not defined."""
    if value is None:
        return DASH
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"


def ends(interval: Interval | None) -> Message:
    """The interval in brackets behind its figure, with its patients where these are too few; or nothing."""
    if interval is None:
        return Message("")
    low, high = number(interval.low), number(interval.high)
    if interval.rests_on_few:
        return message(" ({low} to {high}, only {patients} patients)", low=low, high=high, patients=interval.patients)
    return message(" ({low} to {high})", low=low, high=high)


def with_ends(value: float | str | None, interval: Interval | None) -> Message:
    """A figure, and behind it its interval in brackets where it has one."""
    shown = value if isinstance(value, str) else number(value)
    if interval is None:
        return verbatim(shown)
    low, high, patients = number(interval.low), number(interval.high), interval.patients
    if interval.rests_on_few:
        return message(
            "{value} ({low} to {high}, only {patients} patients)", value=shown, low=low, high=high, patients=patients
        )
    return message("{value} ({low} to {high})", value=shown, low=low, high=high)


# --- CSV --------------------------------------------------------------------------------------------------------------
def images_csv(rows: Sequence[SeriesRow], patient: Label = str, series: Label = str) -> str:
    """One row for each slice (counted from 1). ``patient`` and ``series`` say how keys are written."""
    header = ["patient", "series", "slice", "level", "seen_in_training", *COUNTS, *_sizes(), *_names(rows)]
    lines = []
    for row in rows:
        who = [patient(row.identity.patient), series(row.identity.key)]
        for image in row.images:
            counts = [getattr(image.confusion, name) for name in COUNTS]
            sizes = [value for name in QUANTITIES for value in row.image_sizes(image)[name] or (None, None)]
            values = row.image_values(image)
            place = [image.z + 1, image.level, _yes(row.identity.seen)]
            lines.append([*who, *place, *counts, *sizes, *(values[name] for name in MEASURES)])
    return _csv(header, lines)


def patients_csv(rows: Sequence[SeriesRow], patient: Label = str) -> str:
    """One row for each patient, the pixels of all its series pooled."""
    header = ["patient", "series", "images", "seen_in_training", *COUNTS, *_sizes(), *_names(rows)]
    lines = []
    for one in patients_of(rows):
        counts = [getattr(one.confusion, name) for name in COUNTS]
        sizes = [value for name in QUANTITIES for value in one.sizes()[name] or (None, None)]
        values = one.values()
        images = sum(len(row.images) for row in one.series)
        who = [patient(one.patient), len(one.series), images, _yes(one.seen)]
        lines.append([*who, *counts, *sizes, *(values[name] for name in MEASURES)])
    return _csv(header, lines)


def labels_csv(rows: Sequence[SeriesRow], names: Mapping[int, str], patient: Label = str) -> str:
    """One row for each patient and label that either mask has, the pixels of all series pooled; then the mean of the
    labels of each patient. ``names`` are those of the labels by value.
    """
    units = {row.unit for row in rows}
    unit = units.pop() if len(units) == 1 else None
    measures = [_name(name, unit) for name in LABEL_MEASURES]
    lines: list[list[object]] = []
    for one in patients_of(rows):
        who = [patient(one.patient), _yes(one.seen)]
        for label in one.labels:
            if label.counts:
                counts = [getattr(label.confusion, name) for name in COUNTS]
                lines.append([*who, label.value, names.get(label.value, ""), *counts, *label.values().values()])
        means = mean_of_labels(one.labels)
        lines.append([*who, "mean of the labels", "", *[None] * len(COUNTS), *means.values()])
    return _csv(["patient", "seen_in_training", "label", "label_name", *COUNTS, *measures], lines)


def summary_csv(summaries: dict[str, Summary], names: Mapping[int, str] | None = None) -> str:
    """One row for each measure, average and set of patients (``summaries`` by the name of the set); then of each label,
    called as ``names`` say (by value), and of the mean of the labels.
    """
    header = ["patients_in", "average", "measure", "n", "mean", "sd", "median", "worst", *INTERVAL]
    lines: list[list[object]] = []
    for chosen, summary in summaries.items():
        for average, spreads in (("per image", summary.per_image), ("per patient", summary.per_patient)):
            lines += [[chosen, average, _name(name, summary.unit), *_spread(spreads[name])] for name in MEASURES]
        mean_f1 = [summary.marked_images, summary.f1_of_means, *[None] * (3 + len(INTERVAL))]
        lines.append([chosen, "per image", "f1_of_means", *mean_f1])
        for name in MEASURES:
            lines.append([chosen, "pooled", _name(name, summary.unit), *_pooled(summary.pooled[name], summary)])
        lines += _label_lines(chosen, summary, names or {})
    return _csv(header, lines)


def _label_lines(chosen: str, summary: Summary, names: Mapping[int, str]) -> Iterable[list[object]]:
    if summary.by_label is None:
        return
    averages = [
        (f"label {one.value} {names.get(one.value, '')}".strip(), one.per_patient) for one in summary.by_label.labels
    ]
    for average, spreads in (*averages, ("mean of the labels", summary.by_label.mean_of_labels)):
        for name in LABEL_MEASURES:
            yield [chosen, f"per patient, {average}", _name(name, summary.unit), *_spread(spreads[name])]


def _spread(found: Spread | None) -> list[object]:
    if found is None:
        return [0, *[None] * (4 + len(INTERVAL))]
    return [found.n, found.mean, found.sd, found.median, found.worst, *_ends(found.interval)]


def _pooled(found: Pooled, summary: Summary) -> list[object]:
    return [summary.images, found.value, None, None, None, *_ends(found.interval)]


def _ends(interval: Interval | None) -> list[object]:
    if interval is None:
        return [None] * len(INTERVAL)
    return [interval.low, interval.high, interval.patients, _yes(interval.rests_on_few)]


def _sizes() -> list[str]:
    return [f"{name}_{which}" for name in QUANTITIES for which in ("reference", "predicted")]


def _names(rows: Sequence[SeriesRow]) -> list[str]:
    """Lengths carry their unit in their name when it is one for all."""
    units = {row.unit for row in rows}
    unit = units.pop() if len(units) == 1 else None
    return [_name(name, unit) for name in MEASURES]


def _name(name: str, unit: Unit | None) -> str:
    return f"{name}_{unit}" if unit and name in DISTANCES else name


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _csv(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    return csv_text(header, ([_cell(value) for value in line] for line in lines))


def _cell(value: object) -> object:
    return f"{value:.{DECIMALS}g}" if isinstance(value, float) else value
