"""An evaluation's stored figures as rows of text for a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spineml.message import message
from spineml.metrics.bootstrap import BlandAltman, PairedDifference, Spread, interval_from_json
from spineml.metrics.evaluation import MEASURES
from spineml.metrics.label_agreement import LABEL_MEASURES
from spineml.metrics.tables import DASH, ends, number, table_one, with_ends
from spineml.metrics.tables import label as label_of
from spineml.tasks.task import Task

QUANTITY_LABELS = {
    "area_px": message("Area (px)"),
    "area_mm2": message("Area (mm²)"),
    "volume_ml": message("Volume (ml)"),
}


def summary_tables(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Lists of rows of cells: ``patient``, ``image``, ``pooled``, ``paper`` (Table 1), ``agreement`` (Bland-Altman)."""
    unit, patients = summary["unit"], summary["patients"]
    spreads = {scope: _spreads(summary[f"per_{scope}"], patients) for scope in ("patient", "image")}
    return {
        **{
            scope: [(label_of(name, unit), *_cells(found[name])) for name in MEASURES]
            for scope, found in spreads.items()
        },
        "pooled": [(label_of(name, unit), _pooled(summary["pooled"][name], patients)) for name in MEASURES],
        "paper": [
            (row.name, _with_sd(row.mean, row.sd), number(row.paper))
            for row in table_one(spreads["image"], summary["f1_of_means"])
        ],
        "agreement": [
            (QUANTITY_LABELS[name], scope, *_limits(BlandAltman.from_json(found, patients) if found else None))
            for scope in ("patient", "image")
            for name, found in summary["agreement"][scope].items()
        ],
    }


def label_tables(summary: Mapping[str, Any], task: Task) -> dict[str, Any] | None:
    """Per label of ``task`` (that a patient has) and of their mean, a row of cells; None for a task with one label.

    ``rows``: (label or None for the mean, patients, cells), cells in the order of ``heads``.
    """
    if not summary.get("labels"):
        return None
    unit, patients = summary["unit"], summary["patients"]
    found = {one["value"]: one for one in summary["labels"]}
    rows = [
        (label, found[label.value]["patients"], _means(found[label.value]["per_patient"], patients))
        for label in task.labels
        if label.value in found and found[label.value]["patients"]
    ]
    return {
        "heads": [label_of(name, unit) for name in LABEL_MEASURES],
        "rows": [*rows, (None, patients, _means(summary["mean_of_labels"], patients))],
        "absent": [one for one in task.labels if one.value in found and not found[one.value]["patients"]],
    }


def _means(stored: Mapping[str, Any], patients: int) -> list[str]:
    spreads = _spreads(stored, patients)
    return [with_ends(one.mean, one.interval) if (one := spreads[name]) else DASH for name in LABEL_MEASURES]


def compared_cells(spread: Spread | None, difference: PairedDifference | None) -> dict[str, Any]:
    """A version's mean, and its difference from the first; ``verdict`` when the interval leaves out 0."""
    found: dict[str, Any] = {"mean": number(spread.mean) if spread else DASH, "difference": "", "sure": False}
    if difference is not None:
        found["difference"] = with_ends(f"{difference.mean:+.3f}", difference.interval)
        interval = difference.interval
        found["sure"] = interval is not None and not interval.low <= 0 <= interval.high
    return found


def _spreads(stored: Mapping[str, Any], patients: int) -> dict[str, Spread | None]:
    return {name: Spread.from_json(value, patients) if value else None for name, value in stored.items()}


def _cells(found: Spread | None) -> tuple[str, ...]:
    if found is None:
        return (DASH, "", DASH, DASH, DASH)
    return (number(found.mean), ends(found.interval), *map(number, (found.sd, found.median, found.worst)))


def _pooled(stored: Mapping[str, Any], patients: int) -> str:
    return with_ends(stored["value"], interval_from_json(stored, patients))


def _with_sd(mean: float | None, sd: float | None) -> str:
    return number(mean) if sd is None else f"{number(mean)} ({number(sd)})"


def _limits(found: BlandAltman | None) -> tuple[str, ...]:
    if found is None:
        return ("0", DASH, DASH, DASH)
    return (
        str(found.n),
        with_ends(found.bias, found.bias_interval),
        with_ends(found.lower, found.lower_interval),
        with_ends(found.upper, found.upper_interval),
    )
