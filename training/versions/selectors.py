"""Reads about versions: the registry, what depends on one, its lineage, who saw a patient, and two side by side."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cases.models import Patient, Series
from registry.models import SPINE_CT, ModelVersion, VersionStatus
from registry.selectors import active_for, as_seen_by, known_to, versions_seen
from spineplatform.shared.references import references_to
from spineplatform.shared.runs import RunState
from training.evaluations.selectors import evaluations_seen
from training.models import DatasetItem, EvaluationRun, Split, TrainingRun

IN_USE = "in-use"
# The kinds of rows that can refer to a version, by the name of their model.
DEPENDANTS: dict[str, Promise | str] = {
    "annotation": _("masks"),
    "inferencerun": _("segmentations"),
    "evaluationrun": _("evaluations"),
    "modelversion": _("derived versions"),
    "activeversion": _("institutions where it is active"),
    "versionshare": _("institutions that it is shared with"),
    "promotion": _("promotions"),
    "trainingrun": _("trainings"),
}
LONGEST_LIST = 8


# --- the registry -----------------------------------------------------------------------------------------------------
def versions_narrowed(user: Any, status: str) -> QuerySet[ModelVersion]:
    """The versions of one status, newest first; ``in-use`` are those that are not retired, anything else is all."""
    rows = versions_seen(user).select_related("training_run__dataset").defer("parent__spec")
    if status == IN_USE:
        return rows.filter(retired=False)
    if status == VersionStatus.RETIRED:
        return rows.filter(retired=True)
    if status not in VersionStatus.values:
        return rows
    active = active_for(user)
    if status == VersionStatus.ACTIVE:
        return rows.filter(pk__in=active)
    return rows.filter(retired=False).exclude(pk__in=active)


# What a shared version tells of itself: enough to judge it by, nothing of the patients and runs that made it.
SHARED_SPEC = (
    "format",
    "task",
    "architecture",
    "preprocess",
    "postprocess",
    "classes",
    "metrics",
    "software",
    "card",
    "fingerprint",
)


def spec_shown(version: ModelVersion) -> dict[str, Any]:
    """What the file says of itself, or of a shared version the part that its owner offers."""
    if not version.is_foreign:
        return dict(version.spec)
    shown = {name: version.spec[name] for name in SHARED_SPEC if name in version.spec}
    return {**shown, "data": {"patients": version.spec.get("data", {}).get("patients", 0)}}


def training_shown(version: ModelVersion) -> TrainingRun | None:
    """The training that made the version; shipped and imported ones have none, and of a shared one it is not shown."""
    return None if version.is_foreign else getattr(version, "training_run", None)


@dataclass(frozen=True)
class TestScore:
    """The mean Dice of the patients of a test split on whom the version was not trained; of all when none is left,
    which ``seen`` says: such a figure is never shown without its mark.
    """

    run_id: uuid.UUID
    dataset: str
    dice: float
    seen: bool = False


def judged_by_version(user: Any, versions: Iterable[ModelVersion]) -> dict[uuid.UUID, TestScore]:
    """The newest finished evaluation of each version on test patients, of those that the user may see; one with
    patients on whom it was not trained goes before.
    """
    mean = "per_patient__dice__mean"
    runs = evaluations_seen(user).filter(version__in=list(versions), split=Split.TEST, state=RunState.SUCCEEDED)
    rows = runs.values(
        "pk", "version_id", "dataset__name", all=F(f"result__all__{mean}"), unseen=F(f"result__unseen__{mean}")
    )
    found: dict[uuid.UUID, TestScore] = {}
    for row in rows:
        seen = row["unseen"] is None
        dice = row["all"] if seen else row["unseen"]
        if dice is not None:
            judged = TestScore(row["pk"], row["dataset__name"], dice, seen)
            before = found.get(row["version_id"])
            if before is None or (before.seen and not seen):
                found[row["version_id"]] = judged
    return found


def own_dice(version: ModelVersion) -> float | None:
    """The mean Dice of the test patients that the file itself states, over all its sources."""
    rows = [row for row in version.figures if row["split"] == Split.TEST and row.get("dice") is not None]
    patients = sum(row.get("patients", 0) for row in rows)
    return sum(row["dice"] * row.get("patients", 0) for row in rows) / patients if patients else None


# --- what depends on a version ----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Dependant:
    code: str
    label: str
    count: int


def dependants(version: ModelVersion) -> list[Dependant]:
    """How many rows of each kind refer to the version, whichever app they are in."""
    return [Dependant(code, str(DEPENDANTS.get(code, code)), count) for code, count in references_to(version).items()]


# --- lineage ----------------------------------------------------------------------------------------------------------
def parents_of_all() -> dict[uuid.UUID, list[uuid.UUID]]:
    """Every version with those it was made from, oldest first: its parent, and the base of its training."""
    rows = ModelVersion.objects.filter(task=SPINE_CT).order_by("created_at", "pk")
    found: dict[uuid.UUID, list[uuid.UUID]] = {}
    for row in rows.values("pk", "parent", "training_run__base"):
        above: tuple[uuid.UUID | None, ...] = (row["parent"], row["training_run__base"])
        found[row["pk"]] = [one for one in dict.fromkeys(above) if one is not None]
    return found


# --- who saw a patient ------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Sight:
    """How a version knows a patient. ``inherited``: one that it descends from was trained on the patient; ``through``
    names that one where it may be seen.

    ``trained`` on the patient's images, ``tuned``: they decided when its training was best, ``judged`` on them.
    """

    version: ModelVersion
    trained: bool = False
    tuned: bool = False
    judged: bool = False
    inherited: bool = False
    through: ModelVersion | None = None


def versions_that_saw(patient: Patient, user: Any) -> list[Sight]:
    """Every version that knows the patient and that the institution of the patient may see, newest first, by training
    data, pixel hashes, lineage and evaluations.
    """
    hashes = list(Series.objects.filter(case__patient=patient).values_list("pixel_hash", flat=True))
    items = DatasetItem.objects.filter(Q(patient=patient) | Q(pixel_hash__in=hashes))
    trained = _ids(Q(training_run__dataset__items__in=items.filter(split=Split.TRAIN))) | _recorded(hashes)
    tuned = _ids(Q(training_run__dataset__items__in=items.filter(split=Split.VALIDATION)))
    finished = EvaluationRun.objects.filter(state=RunState.SUCCEEDED, series__patient=patient)
    judged = _ids(Q(evaluations__in=finished))
    through = _inherited(trained)
    wanted = trained | tuned | judged | set(through)
    rows = ModelVersion.objects.filter(known_to([patient.institution_id]), pk__in=wanted).select_related(
        "owner", "parent"
    )
    versions = {
        one.pk: one for one in as_seen_by(user, rows.defer("spec", "parent__spec").order_by("-created_at", "-pk"))
    }
    return [
        Sight(
            one,
            pk in trained,
            pk in tuned,
            pk in judged,
            pk in through,
            versions.get(through[pk]) if pk in through else None,
        )
        for pk, one in versions.items()
    ]


def _ids(condition: Q) -> set[uuid.UUID]:
    return set(ModelVersion.objects.filter(condition).values_list("pk", flat=True))


def _recorded(hashes: Sequence[str]) -> set[uuid.UUID]:
    """The versions whose own file names one of the images."""
    found = Q()
    for pixel_hash in hashes:
        found |= Q(spec__data__pixel_hashes__contains=[pixel_hash])
    return _ids(found) if hashes else set()


def _inherited(trained: set[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """The descendants of ``trained``, each with the nearest of those; older versions come first."""
    found: dict[uuid.UUID, uuid.UUID] = {}
    for pk, parents in parents_of_all().items():
        origins = [one if one in trained else found[one] for one in parents if one in trained or one in found]
        if origins and pk not in trained:
            found[pk] = origins[0]
    return found


# --- what a version is, and two side by side --------------------------------------------------------------------------
SECTIONS: dict[str, Promise | str] = {
    "architecture": _("Network"),
    "preprocess": _("Preprocessing"),
    "postprocess": _("Postprocessing"),
    "training": _("Training"),
    "fingerprint": _("Fingerprint of the training images"),
    "software": _("Software"),
}


@dataclass(frozen=True)
class Fact:
    """One line of a spec; ``values`` has one for each version, None where it states nothing."""

    name: str
    values: tuple[str | None, ...]

    @property
    def differs(self) -> bool:
        return len(set(self.values)) > 1


@dataclass(frozen=True)
class SpecSection:
    title: str
    facts: tuple[Fact, ...]

    @property
    def differs(self) -> bool:
        return any(fact.differs for fact in self.facts)


def spec_sections(versions: Sequence[ModelVersion]) -> list[SpecSection]:
    """The specs side by side, section by section; long lists, such as curves, are left out."""
    found = []
    for key, title in SECTIONS.items():
        flat = [_flat(spec_shown(version).get(key) or {}) for version in versions]
        names = sorted({name for one in flat for name in one})
        facts = tuple(Fact(name, tuple(one.get(name) for one in flat)) for name in names)
        if facts:
            found.append(SpecSection(str(title), facts))
    return found


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in values.items():
        name = f"{before}{str(key).replace('_', ' ')}"
        if isinstance(value, dict):
            found |= _flat(value, f"{name}: ")
        elif isinstance(value, list):
            if value and len(value) <= LONGEST_LIST and not any(isinstance(one, list | dict) for one in value):
                found[name] = ", ".join(map(_shown, value))
        elif value is not None and value != "":
            found[name] = _shown(value)
    return found


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


@dataclass(frozen=True)
class SharedEvaluation:
    """Two or more versions on the same split of the same data set."""

    dataset: str
    split: str
    runs: tuple[EvaluationRun, ...]


def evaluations_shared(user: Any, versions: Sequence[ModelVersion]) -> list[SharedEvaluation]:
    """The splits on which every one of ``versions`` was evaluated, newest first."""
    runs = evaluations_seen(user).filter(version__in=versions, state=RunState.SUCCEEDED).defer("result")
    together: dict[tuple[Any, str], dict[Any, EvaluationRun]] = {}
    for run in runs:
        together.setdefault((run.dataset, run.split), {})[run.version_id] = run
    return [
        SharedEvaluation(str(dataset), str(Split(split).label), tuple(mine[one.pk] for one in versions))
        for (dataset, split), mine in together.items()
        if len(mine) == len({one.pk for one in versions})
    ]
