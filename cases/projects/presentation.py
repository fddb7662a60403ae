"""Stored figures of agreement as text for pages, and as a Bland-Altman plot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from cases.models import Annotation
from registry.models import Task
from spineml.message import Message
from spineml.metrics.bootstrap import BlandAltman, Interval, Spread
from spineml.metrics.reader_agreement import MODEL
from spineml.metrics.tables import DASH, ends, with_ends
from spineplatform.shared.charts import Plot, Trace


def measures() -> dict[str, str]:
    return {
        "dice": _("Dice"),
        "hd95_mm": _("Hausdorff 95 (mm)"),
        "mean_surface_mm": _("Mean distance (mm)"),
        "kappa": _("Kappa on slices"),
    }


def number(value: float | None, digits: int = 3) -> str:
    return DASH if value is None else f"{value:.{digits}f}"


def pair_rows(figures: Mapping[str, Any] | None, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """One row of text for each pair of masks of a series; ``names`` are those of the readers by their id."""
    names = {**names, MODEL: _("Model")}
    return [_pair(one, names) for one in figures["pairs"]] if figures else []


def _pair(one: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    gap = None if one["first_ml"] is None else one["second_ml"] - one["first_ml"]
    return {
        "first": names.get(one["first"], DASH),
        "second": names.get(one["second"], DASH),
        "dice": number(one["dice"]),
        "hd95": number(one["hd95_mm"], 2),
        "mean": number(one["mean_surface_mm"], 2),
        "kappa": number(one["kappa"]),
        "volumes": DASH if gap is None else f"{one['first_ml']:.1f} / {one['second_ml']:.1f}",
        "gap": DASH if gap is None else f"{gap:+.1f}",
    }


def equal_masks(masks: Iterable[tuple[str, Annotation]]) -> list[str]:
    """Sentences about masks, each with its maker's name, that are the same voxel for voxel."""
    names: dict[str, list[str]] = {}
    for name, mask in masks:
        names.setdefault(mask.pixel_hash, []).append(name)
    same = [", ".join(one) for one in names.values() if len(one) > 1]
    return [_("Identical masks: %(names)s.") % {"names": one} for one in same]


# --- a project --------------------------------------------------------------------------------------------------------
def summary_shown(summary: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """One entry for readers among themselves and one for the model: ``title``, ``note``, ``rows``, ``plot``."""
    if not summary:
        return []
    titles = {
        "readers": (_("Readers with each other"), _("second minus first reader")),
        "model": (_("Model with readers"), _("model minus reader")),
    }
    names = _label_names(summary.get("task"))
    return [_group(name, summary[name], *titles[name], names) for name in titles if summary[name]]


def _label_names(task: str | None) -> dict[str, str]:
    """Names of labels by value as text, in the order of the task."""
    found = Task.objects.prefetch_related("labels").filter(pk=task).first() if task else None
    return {str(label.value): label.name for label in found.definition.labels} if found else {}


def _group(name: str, found: Mapping[str, Any], title: str, order: str, names: Mapping[str, str]) -> dict[str, Any]:
    spreads = found["spreads"]
    rows = [(label, *_cells(spreads[key], found["patients"])) for key, label in measures().items()]
    if "labels" in found:
        rows.append((_("Dice, mean of the labels"), *_cells(found["mean_of_labels"], found["patients"])))
        labels = {value: names[value] for value in names if value in found["labels"]}
        rows += [
            (_("Dice, %(label)s") % {"label": called}, *_cells(found["labels"][value], found["patients"]))
            for value, called in labels.items()
        ]
    volumes = found["volumes"]
    return {
        "name": name,
        "title": title,
        "order": order,
        "pairs": found["pairs"],
        "patients": found["patients"],
        "rows": rows,
        "limits": _limits(BlandAltman.from_json(volumes["figures"], found["patients"])) if volumes else None,
        "plot": volumes_plot(volumes, title, order) if volumes else None,
    }


def _cells(found: Mapping[str, Any] | None, patients: int) -> tuple[Message | str, ...]:
    if found is None:
        return (DASH, "", DASH, DASH, DASH)
    shown = Spread.from_json(dict(found), patients)
    return (number(shown.mean), ends(shown.interval), *(number(one) for one in (shown.sd, shown.median, shown.worst)))


def _limits(found: BlandAltman) -> dict[str, Message | str]:
    limits = {"bias": found.bias_interval, "lower": found.lower_interval, "upper": found.upper_interval}
    shown = {name: with_ends(f"{getattr(found, name):+.2f}", interval) for name, interval in limits.items()}
    return {"n": str(found.n), **shown}


def variation_shown(summary: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The answer: ``kind`` of the notice, ``sentence`` and ``rows``; None where there is nothing to answer from."""
    found = summary["variation"] if summary else None
    if not found:
        return None
    difference = found["difference"]
    interval = Interval.from_json(difference["interval"], found["patients"])
    return {
        "verdict": found["verdict"],
        "patients": found["patients"],
        "kind": {"inside": "good", "outside": "bad"}.get(found["verdict"], "warn"),
        "sentence": _sentence(found),
        "from_model": found["from_model"],
        "series": found["series"],
        "rows": [
            (_("Patients"), str(found["patients"])),
            (_("Series"), str(found["series"])),
            (_("Dice of model and reader, mean over patients"), number(found["model_dice"])),
            (_("Dice of reader and reader, mean over patients"), number(found["readers_dice"])),
            (_("Difference, model minus readers (interval: 95 %)"), with_ends(f"{difference['mean']:+.3f}", interval)),
            (_("Pre-specified margin"), f"{found['margin']:.3f}"),
        ],
    }


def _sentence(found: Mapping[str, Any]) -> str:
    words = {
        "margin": f"{found['margin']:.3f}",
        "patients": found["patients"],
        "fewest": found["fewest"],
        "gap": f"{found['difference']['mean']:+.3f}",
    }
    sentences = {
        "inside": _(
            "Yes: the model agrees with readers as well as readers agree with each other, within a Dice margin of "
            "%(margin)s (difference %(gap)s, %(patients)s patients)."
        ),
        "outside": _(
            "No: the model agrees with readers less than readers agree with each other, by more than the Dice margin "
            "of %(margin)s (difference %(gap)s, %(patients)s patients)."
        ),
        "unclear": _(
            "Inconclusive: with these %(patients)s patients the interval of the difference includes the margin of "
            "%(margin)s."
        ),
        "too-few": _(
            "Too few patients: %(patients)s were read by all readers; at least %(fewest)s are needed for a meaningful "
            "interval."
        ),
    }
    return sentences[found["verdict"]] % words


def volumes_plot(found: Mapping[str, Any], title: str, order: str) -> Plot:
    """The Bland-Altman plot: differences against means, with bias and limits of agreement."""
    figures, points = found["figures"], [(float(mean), float(gap)) for mean, gap in found["points"]]
    levels = [("bias", figures["bias"], f"{figures['bias']:+.1f}")]
    if figures["lower"] < figures["upper"]:
        levels += [("limit", figures[name], f"{figures[name]:+.1f}") for name in ("lower", "upper")]
    return Plot(
        _("Bland-Altman plot of volumes: %(title)s") % {"title": title},
        [Trace(_("pair of masks"), points, style="points")],
        _("Mean of both volumes (ml)"),
        _("Difference (ml): %(order)s") % {"order": order},
        levels_at=levels,
        about=_("Lines: bias, and limits of agreement."),
    )
