"""Reads about data sets: who may see which, which masks a draft chooses, how many, and what is open about them."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

from django.conf import settings
from django.db.models import Case, QuerySet, When

from accounts.access import Capability, institutions_with
from cases.models import Annotation, AnnotationSource, Patient, Review, ReviewVerdict
from registry.models import SPINE_CT
from training.datasets.findings import TITLES, sentence
from training.datasets.structures import (
    SPLITS,
    LabelCounts,
    count_labels,
    label_sizes,
    merges_into,
    slices_marked,
    teaching_tasks,
)
from training.models import Dataset, Split
from training.splits.selectors import NO_SPLIT, SPLIT_OR_NONE

SHOWN = ("series__case__patient__split", "series__institution", "author", "task")
SPLIT_AND_PATIENT = ("series__case__patient__split__split", "series__case__patient")
COUNTED = ("pk", "task", *SPLIT_AND_PATIENT, "series__geometry_json__shape__0", "areas_px")
Sized = tuple[uuid.UUID, int, int]  # a mask: its patient, its slices, and how many of them it marks


@dataclass(frozen=True)
class Choice:
    """Which masks a data set takes, of its institutions and task.

    Without ``annotations`` those masks that the latest review of their series and task approved for training, between
    ``date_from`` and ``date_to`` (both included, by the day of the review), made by ``source`` (all when empty).
    With ``annotations`` exactly these masks.
    """

    date_from: date | None = None
    date_to: date | None = None
    source: str = ""
    annotations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.source and self.source not in AnnotationSource.values:
            raise ValueError(f"source is one of {AnnotationSource.values}. Received instead: {self.source!r}")

    def as_json(self) -> dict[str, Any]:
        return {
            "date_from": self.date_from.isoformat() if self.date_from else None,
            "date_to": self.date_to.isoformat() if self.date_to else None,
            "source": self.source,
            "annotations": list(self.annotations),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        first, last = values.get("date_from"), values.get("date_to")
        return cls(
            date_from=date.fromisoformat(first) if first else None,
            date_to=date.fromisoformat(last) if last else None,
            source=values.get("source", ""),
            annotations=tuple(values.get("annotations", ())),
        )


# --- which data sets --------------------------------------------------------------------------------------------------
def datasets_seen(user: Any) -> QuerySet[Dataset]:
    """The data sets of the institutions where the user may see models, newest first."""
    places = list(institutions_with(user, Capability.VIEW_MODELS).values_list("pk", flat=True))
    mine = Dataset.objects.filter(institutions__in=places).values("pk")
    rows = Dataset.objects.filter(pk__in=mine).select_related("created_by", "task").prefetch_related("institutions")
    return rows.order_by("-created_at", "-id")


# --- which masks ------------------------------------------------------------------------------------------------------
def masks_chosen(
    institutions: Iterable[Any], choice: Choice, left_out: Iterable[str] = (), *, task: str = SPINE_CT
) -> QuerySet[Annotation]:
    """The masks of ``choice`` with series and patient, each patient with the split if there is one, oldest first.

    Of a series with approved masks of several tasks that teach ``task`` (a slug) its own one is taken, else the one
    that was approved last.
    """
    places = list(institutions)
    found = Annotation.objects.filter(institution__in=places, task__in=teaching_tasks(task)).settled()
    if choice.annotations:
        found = found.filter(pk__in=choice.annotations)
    else:
        found = found.filter(pk__in=_approving(places, choice, task).values("annotation"))
    if choice.source:
        found = found.filter(source=choice.source)
    rows = found.exclude(pk__in=list(left_out))
    return rows.select_related(*SHOWN).order_by("created_at", "pk")


def _approving(places: list[Any], choice: Choice, task: str) -> QuerySet[Review]:
    words = Review.objects.filter(institution__in=places, task__in=teaching_tasks(task))
    latest = words.latest_of_tasks().values("pk")
    rows = Review.objects.filter(pk__in=latest, verdict=ReviewVerdict.APPROVED, for_training=True)
    if choice.source:
        rows = rows.filter(annotation__source=choice.source)
    if choice.date_from:
        rows = rows.filter(created_at__date__gte=choice.date_from)
    if choice.date_to:
        rows = rows.filter(created_at__date__lte=choice.date_to)
    own_first = Case(When(task=task, then=0), default=1)
    return rows.order_by("series_id", own_first, "-created_at", "-pk").distinct("series_id")


def masks_of(dataset: Dataset) -> QuerySet[Annotation]:
    """What a draft would freeze now; of a frozen data set what it holds."""
    if dataset.is_frozen:
        items = dataset.items.values("annotation")
        return Annotation.objects.filter(pk__in=items).select_related(*SHOWN)
    choice, left_out = Choice.from_json(dataset.filters), dataset.decisions.get("left_out", {})
    return masks_chosen(dataset.institutions.all(), choice, left_out, task=dataset.task_id)


def split_name(mask: Annotation) -> str:
    row = getattr(mask.series.case.patient, "split", None)
    return row.split if row else NO_SPLIT


@dataclass(frozen=True)
class Preview:
    """What a draft would hold: ``counts`` by split, and the patients who still need one."""

    counts: dict[str, dict[str, int]]
    without_split: list[Patient]

    @property
    def patients(self) -> int:
        return sum(one["patients"] for one in self.counts.values())


def preview(masks: QuerySet[Annotation], task: str = SPINE_CT) -> Preview:
    """Count ``masks`` by split, as masks of ``task`` (a slug). Reads bare values: a draft may hold thousands of masks,
    and this is on its page.
    """
    merges = merges_into(task)
    others = dict(masks.order_by().exclude(task=task).values_list("pk", "labels")) if merges else {}
    by_split: dict[str, list[Sized]] = defaultdict(list)
    for pk, of_task, split, patient, depth, areas in masks.order_by().values_list(*COUNTED):
        if pk in others:
            marked = slices_marked(label_sizes(others[pk], merges.get(of_task)))
        else:
            marked = sum(1 for area in areas if area)
        by_split[split or NO_SPLIT].append((patient, depth, marked))
    counts = {split: _tally(by_split[split]) for split in SPLITS if by_split[split] or split != NO_SPLIT}
    waiting = {patient for patient, *_ in by_split[NO_SPLIT]}
    return Preview(counts, list(Patient.objects.filter(pk__in=waiting).order_by("pseudonym")))


def held_by(dataset: Dataset) -> Preview:
    """What a draft would hold now; of a frozen data set what was counted when it was frozen."""
    return Preview(dataset.counts, []) if dataset.is_frozen else preview(masks_of(dataset), dataset.task_id)


def labels_held_by(dataset: Dataset) -> list[LabelCounts]:
    """The same of each label; empty for a task of one label, of which the other counts say all."""
    if dataset.is_frozen:
        return [LabelCounts.from_json(one) for one in dataset.label_counts]
    if len(dataset.task.labels.all()) < 2:
        return []
    rows = masks_of(dataset).order_by().values_list(*SPLIT_AND_PATIENT, "task", "labels")
    masks = [(split or NO_SPLIT, patient, task, labels) for split, patient, task, labels in rows]
    found = {split for split, *_ in masks}
    return count_labels(dataset.task, masks, [one for one in SPLITS if one in found or one != NO_SPLIT])


def _tally(rows: Sequence[Sized]) -> dict[str, int]:
    return {
        "patients": len({patient for patient, *_ in rows}),
        "series": len(rows),
        "images": sum(depth for _, depth, _ in rows),
        "images_with_spine": sum(spine for *_, spine in rows),
    }


def what_is_missing(counts: dict[str, dict[str, int]]) -> list[str]:
    """Codes of what such a data set cannot be used for; see `training.datasets.findings.MISSING` for the sentences."""
    of = {split: counts.get(split, {}).get("patients", 0) for split in Split.values}
    found = []
    if sum(of.values()) == 1:
        found.append("one-patient")
    if not of[Split.TRAIN]:
        found.append("no-training-patients")
    elif not of[Split.VALIDATION]:
        found.append("no-validation-patients")
    if not of[Split.TEST]:
        found.append("no-test-patients")
    elif of[Split.TEST] < settings.GATE_LEAST_PATIENTS:
        found.append("few-test-patients")
    return found


# --- what stands in the way -------------------------------------------------------------------------------------------
def open_findings(dataset: Dataset) -> list[dict[str, Any]]:
    """The findings that nobody has accepted, of masks that were not left out."""
    accepted, left_out = dataset.decisions.get("accepted", {}), dataset.decisions.get("left_out", {})
    return [one for one in dataset.findings if one["key"] not in accepted and one["annotation"] not in left_out]


def dependants(dataset: Dataset) -> dict[str, int]:
    """How many trainings, versions and evaluations rest on the data set."""
    runs = dataset.training_runs.all()
    return {
        "trainings": runs.count(),
        "versions": runs.filter(version__isnull=False).count(),
        "evaluations": dataset.evaluations.count(),
    }


def masks_not_there(institutions: Iterable[Any], annotations: Iterable[str]) -> list[str]:
    """Those ids of ``annotations`` that are no mask of these institutions."""
    wanted = list(annotations)
    ids = [one for one in wanted if _is_uuid(one)]
    known = Annotation.objects.filter(pk__in=ids, institution__in=list(institutions)).values_list("pk", flat=True)
    found = {str(pk) for pk in known}
    return [one for one in wanted if str(one).lower() not in found]


def _is_uuid(value: str) -> bool:
    try:
        uuid.UUID(str(value))
    except ValueError:
        return False
    return True


def masks_of_other_tasks(annotations: Iterable[str], task: str) -> QuerySet[Annotation]:
    """Those of these masks that do not teach ``task`` (a slug): neither of it, nor of a task that merges into it."""
    others = Annotation.objects.filter(pk__in=list(annotations)).exclude(task__in=teaching_tasks(task))
    return others.select_related("task")


def series_chosen_twice(annotations: Iterable[str]) -> bool:
    rows = list(Annotation.objects.filter(pk__in=list(annotations)).values_list("series", flat=True))
    return len(rows) != len(set(rows))


@dataclass(frozen=True)
class SeenMask:
    """A mask of a data set with what a page shows of it; names are empty where the user may not see the case."""

    mask: Annotation
    patient: str
    split: str
    url: str


def masks_seen(user: Any, masks: Iterable[Annotation]) -> list[SeenMask]:
    """Rows of `masks_of` for a page."""
    places = set(institutions_with(user, Capability.VIEW_CASES).values_list("pk", flat=True))
    labels = dict(SPLIT_OR_NONE)
    return [
        SeenMask(
            mask,
            mask.series.case.patient.pseudonym if mask.institution_id in places else "",
            str(labels[split_name(mask)]),
            f"{mask.series.get_absolute_url()}?mask={mask.pk}" if mask.institution_id in places else "",
        )
        for mask in masks
    ]


# --- findings for a person --------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class SeenFinding:
    """A finding with what a page shows of it; ``url`` opens the mask, empty where the user may not see the case."""

    key: str
    code: str
    title: str
    message: str
    annotation: str
    series: str
    patient: str
    split: str
    url: str
    blocking: bool
    decision: str
    note: str
    decided_by: str


def findings_seen(user: Any, dataset: Dataset) -> list[SeenFinding]:
    """What the last check found, the open ones first, each with the case to open."""
    places = set(institutions_with(user, Capability.VIEW_CASES).values_list("pk", flat=True))
    ids = {one["annotation"] for one in dataset.findings}
    rows = Annotation.objects.filter(pk__in=ids).select_related("series__case__patient__split")
    masks = {str(mask.pk): mask for mask in rows}
    known = [one for one in dataset.findings if one["annotation"] in masks]
    found = [_seen(dataset, one, masks[one["annotation"]], places) for one in known]
    return sorted(found, key=lambda one: (one.decision != "open", not one.blocking))


def _seen(dataset: Dataset, found: dict[str, Any], mask: Annotation, places: set[uuid.UUID]) -> SeenFinding:
    visible = mask.institution_id in places
    decision, decided = _decision(dataset, found)
    z = f"#z={found['z']}" if found["z"] is not None else ""
    return SeenFinding(
        key=found["key"],
        code=found["code"],
        title=str(TITLES[found["code"]]),
        message=sentence(found),
        annotation=found["annotation"],
        series=str(mask.series) if visible else "",
        patient=mask.series.case.patient.pseudonym if visible else "",
        split=split_name(mask),
        url=f"{mask.series.get_absolute_url()}?mask={mask.pk}{z}" if visible else "",
        blocking=found["blocking"],
        decision=decision,
        note=decided.get("note", ""),
        decided_by=decided.get("by", ""),
    )


def _decision(dataset: Dataset, found: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Is it "left-out", "accepted" or "open"; with who decided it and why."""
    left_out = dataset.decisions.get("left_out", {}).get(found["annotation"])
    if left_out:
        return "left-out", left_out
    accepted = dataset.decisions.get("accepted", {}).get(found["key"])
    return ("accepted", accepted) if accepted else ("open", {})
