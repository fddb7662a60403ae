"""Reads for the gate: what a candidate would be judged by, what was promoted before, where a roll-back leads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet

from accounts.access import Capability, require_anywhere
from spineml.gate import GateResult, GateSettings, decide
from training.evaluations.selectors import as_score, evaluation_finished
from training.models import (
    SPINE_CT,
    Dataset,
    EvaluationRun,
    ModelVersion,
    Promotion,
    PromotionKind,
    Split,
    VersionStatus,
)


@dataclass(frozen=True)
class GateView:
    """Candidate and active version before the gate. ``result`` is None while something that it needs is missing."""

    version: ModelVersion
    active: ModelVersion | None
    dataset: Dataset | None
    candidate_run: EvaluationRun | None
    active_run: EvaluationRun | None
    result: GateResult | None
    was_active: bool

    @property
    def missing(self) -> list[ModelVersion]:
        """The versions that have yet to be evaluated on the test patients."""
        runs = ((self.version, self.candidate_run), (self.active, self.active_run))
        return [version for version, run in runs if version is not None and run is None]

    @property
    def is_free(self) -> bool:
        """True when the gate is not asked: nothing is active, this version is, or it has been before."""
        return self.active is None or self.active == self.version or self.was_active

    @property
    def passed(self) -> bool:
        return self.is_free or (self.result is not None and self.result.passed)

    def as_json(self) -> dict[str, Any] | None:
        """The figures with where they are from, for the promotion that they decide."""
        if self.result is None or self.dataset is None or self.active is None:
            return None
        return {
            **self.result.as_json(),
            "dataset": {"id": str(self.dataset.pk), "name": self.dataset.name, "sha256": self.dataset.sha256},
            "candidate_version": self.version.number,
            "active_version": self.active.number,
        }


def gate_settings() -> GateSettings:
    return GateSettings(settings.GATE_MARGIN, settings.GATE_GROUP_MARGIN, settings.GATE_LEAST_PATIENTS)


def gate_view(version: ModelVersion, dataset: Dataset | None = None) -> GateView:
    """Judge ``version`` against the active one on the test patients of ``dataset``, or of the newest that has some."""
    active = ModelVersion.objects.filter(task=version.task, status=VersionStatus.ACTIVE).first()
    dataset = dataset or datasets_with_test_patients().first()
    runs: list[EvaluationRun | None] = [None, None]
    if dataset is not None:
        runs = [evaluation_finished(one, dataset, Split.TEST) if one else None for one in (version, active)]
    candidate_run, active_run = runs
    result = None
    if candidate_run is not None and active_run is not None:
        scores = [
            [as_score(row) for row in run.series.defer("images").order_by("pk")] for run in (candidate_run, active_run)
        ]
        result = decide(scores[0], scores[1], gate_settings())
    before = was_active(version)
    return GateView(version, active, dataset, candidate_run, active_run, result, before)


def datasets_with_test_patients() -> QuerySet[Dataset]:
    """The frozen data sets that a candidate can be judged by, newest first."""
    frozen = Dataset.objects.filter(frozen_at__isnull=False, items__split=Split.TEST)
    return frozen.distinct().order_by("-frozen_at", "-id")


def was_active(version: ModelVersion) -> bool:
    """True when the version has segmented before, so that making it active again is a roll-back."""
    return Promotion.objects.filter(Q(version=version) | Q(previous=version)).exists()


def promotions_seen(user: Any) -> QuerySet[Promotion]:
    """Every decision, newest first, for whoever may see models."""
    require_anywhere(user, Capability.VIEW_MODELS)
    found = Promotion.objects.select_related("version", "previous", "decided_by")
    return found.order_by("-decided_at", "-id")


def rollback_target(task: str = SPINE_CT) -> ModelVersion | None:
    """The version that was active before the present one was promoted; rolling back twice goes two versions back."""
    promoted = Promotion.objects.filter(
        version__task=task, version__status=VersionStatus.ACTIVE, previous__isnull=False
    ).exclude(kind=PromotionKind.ROLLBACK)
    last = promoted.select_related("previous").order_by("-decided_at", "-id").first()
    return last.previous if last else None
