"""Reads about evaluations: who may see which, what a version was trained on, and rows as the core knows them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from accounts.access import Capability, institutions_with
from cases.models import Series
from registry.models import ModelVersion, Task
from registry.selectors import known_to, places_of
from spineml.metrics.confusion import COUNTS, Confusion
from spineml.metrics.evaluation import Identity, SeriesRow
from spineml.metrics.promotion_gate import SeriesScore
from spineml.metrics.version_comparison import VersionComparison, compare_versions
from spineplatform.shared.errors import UserError
from spineplatform.shared.runs import RunState
from training.access import evaluation_get
from training.models import Dataset, DatasetItem, EvaluatedSeries, EvaluationRun, Split, TrainingRun


class EvaluationsNotComparable(UserError):
    """Choose two or more finished evaluations of the same data set and split."""

    code = "not-comparable"


def evaluations_seen(user: Any) -> QuerySet[EvaluationRun]:
    """The evaluations on data of the user's institutions of versions that they may see, newest first."""
    places = places_of(user)
    mine = Q(institution__in=places) | Q(dataset__in=Dataset.objects.filter(institutions__in=places))
    known = ModelVersion.objects.filter(known_to(places))
    found = EvaluationRun.objects.filter(mine, version__in=known)
    found = found.select_related("version__owner", "dataset", "requested_by")
    return found.order_by("-created_at", "-id")


def datasets_to_judge_by(user: Any) -> QuerySet[Dataset]:
    """The frozen data sets of the institutions where the user manages models, newest first."""
    places = list(institutions_with(user, Capability.MANAGE_MODELS).values_list("pk", flat=True))
    frozen = Dataset.objects.filter(frozen_at__isnull=False, institutions__in=places).distinct()
    return frozen.order_by("-frozen_at", "-id")


# --- what a version was trained on ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Exposure:
    """The images and patients that a version, or one it descends from, was trained on."""

    hashes: frozenset[str]
    patients: frozenset[uuid.UUID]


def version_lineage(version: ModelVersion) -> list[ModelVersion]:
    """The version and those it descends from, youngest first."""
    found: dict[uuid.UUID, ModelVersion] = {}
    waiting = [version]
    while waiting:
        one = waiting.pop(0)
        if one.pk in found:
            continue
        found[one.pk] = one
        run = TrainingRun.objects.filter(version=one).select_related("base").first()
        waiting += [parent for parent in (one.parent, run.base if run else None) if parent is not None]
    return list(found.values())


def version_exposure(version: ModelVersion, patients: Iterable[uuid.UUID]) -> Exposure:
    """What of ``patients`` the version was trained on: the patients themselves, and images of theirs by pixel hash.

    The record inside the model files counts as much as the training runs known here.
    """
    asked = set(patients)
    lineage = version_lineage(version)
    items = DatasetItem.objects.filter(dataset__training_runs__version__in=lineage, split=Split.TRAIN)
    hashes = frozenset(items.values_list("pixel_hash", flat=True)).union(*(one.training_hashes for one in lineage))
    trained = set(items.filter(patient__in=asked).values_list("patient_id", flat=True))
    images = Series.objects.filter(case__patient__in=asked).values_list("pixel_hash", "case__patient")
    trained |= {patient for pixel_hash, patient in images if pixel_hash in hashes}
    return Exposure(hashes, frozenset(trained))


# --- rows as spineml knows them ---------------------------------------------------------------------------------------
def evaluated_rows(run: EvaluationRun) -> QuerySet[EvaluatedSeries]:
    return run.series.select_related("series", "patient").order_by("pk")


def as_series_row(row: EvaluatedSeries) -> SeriesRow:
    """Keys are the ids of series and patient."""
    identity = Identity(str(row.series_id), str(row.patient_id), row.groups, row.seen)
    return SeriesRow.from_json(identity, row.figures, row.images)


def as_score(row: EvaluatedSeries, names: Mapping[int, str]) -> SeriesScore:
    """``names``: of labels, see `label_names`."""
    labels = {names.get(one["value"], str(one["value"])): _counts(one) for one in row.figures.get("labels", ())}
    return SeriesScore(str(row.series_id), str(row.patient_id), _counts(row.figures), row.groups, row.seen, labels)


def _counts(figures: Mapping[str, Any]) -> Confusion:
    return Confusion(*(figures[name] for name in COUNTS))


def label_names(run: EvaluationRun) -> dict[int, str]:
    """The names of the labels that the masks were compared in, by value."""
    task = Task.objects.prefetch_related("labels").get(pk=run.task_id)
    return {label.value: label.name for label in task.definition.labels}


def patient_names(user: Any, rows: Iterable[EvaluatedSeries]) -> dict[str, str]:
    """The pseudonym of each patient whom the user may see, by id; the others are numbered."""
    places = set(institutions_with(user, Capability.VIEW_CASES).values_list("pk", flat=True))
    known = {row.patient_id: row.patient for row in rows}
    return {
        str(pk): patient.pseudonym if patient.institution_id in places else f"patient {number}"
        for number, (pk, patient) in enumerate(known.items(), start=1)
    }


def evaluation_finished(version: ModelVersion, dataset: Dataset, split: str) -> EvaluationRun | None:
    found = EvaluationRun.objects.filter(version=version, dataset=dataset, split=split, state=RunState.SUCCEEDED)
    return found.first()


def version_names(versions: Sequence[ModelVersion]) -> dict[uuid.UUID, str]:
    """What to call versions beside each other: two of different owners never bear one name."""
    owners = {one.owner_id for one in versions if one.owner_id}
    return {one.pk: str(one) if len(owners) < 2 else one.full_name for one in versions}


def evaluations_compared(user: Any, runs: Sequence[EvaluationRun]) -> tuple[VersionComparison, dict[str, str]]:
    """The versions of ``runs`` side by side, and what the patients are called for this user."""
    names = version_names([run.version for run in runs])
    stored = {names[run.version_id]: list(evaluated_rows(run)) for run in runs}
    rows = {version: [as_series_row(row) for row in mine] for version, mine in stored.items()}
    return compare_versions(rows), patient_names(user, next(iter(stored.values())))


def runs_to_compare(user: Any, ids: Sequence[str]) -> list[EvaluationRun]:
    """The named evaluations, oldest version first.

    Raises:
        EvaluationsNotComparable: fewer than two, or not of one data set and split, or one is not ready.
    """
    runs = sorted({evaluation_get(user, one) for one in ids}, key=lambda run: run.version.created_at)
    alike = {(run.dataset_id, run.split) for run in runs}
    if len(runs) < 2 or len(alike) > 1 or not all(run.result for run in runs):
        raise EvaluationsNotComparable
    return runs
