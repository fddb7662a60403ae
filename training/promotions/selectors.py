"""Reads for the gate of an institution: what a candidate would be judged by, what was promoted there before, and where
a roll-back leads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet

from accounts.access import Capability, require_anywhere
from accounts.models import Institution
from registry.models import SPINE_CT, ModelVersion, Promotion, PromotionKind, TaskRelation
from registry.selectors import offered_to, places_of, version_active_or_none
from spineml.metrics.promotion_gate import GateResult, GateSettings, decide
from training.evaluations.selectors import as_score, evaluation_finished, label_names
from training.models import Dataset, EvaluationRun, Split


@dataclass(frozen=True)
class GateView:
    """Candidate and active version before the gate of an institution. ``result`` is None while something that it needs
    is missing.
    """

    institution: Institution
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
            "candidate": self.version.name_at(self.institution.pk),
            "active_name": self.active.name_at(self.institution.pk),
        }


def gate_settings() -> GateSettings:
    return GateSettings(settings.GATE_MARGIN, settings.GATE_GROUP_MARGIN, settings.GATE_LEAST_PATIENTS)


def gate_view(version: ModelVersion, institution: Institution, dataset: Dataset | None = None) -> GateView:
    """Judge ``version`` against the one that is active at ``institution`` on the test patients of ``dataset``, or of
    the newest one there that has some.
    """
    active = version_active_or_none(institution.pk, version.task_id)
    dataset = dataset or datasets_with_test_patients(institution, version.task_id).first()
    runs: list[EvaluationRun | None] = [None, None]
    if dataset is not None:
        runs = [evaluation_finished(one, dataset, Split.TEST) if one else None for one in (version, active)]
    candidate_run, active_run = runs
    result = None
    if candidate_run is not None and active_run is not None:
        scores = [
            [as_score(row, label_names(run)) for row in run.series.defer("images").order_by("pk")]
            for run in (candidate_run, active_run)
        ]
        result = decide(scores[0], scores[1], gate_settings())
    before = was_active(version, institution)
    return GateView(institution, version, active, dataset, candidate_run, active_run, result, before)


def datasets_with_test_patients(institution: Institution, task: str) -> QuerySet[Dataset]:
    """The frozen data sets of the institution that a candidate of ``task`` can be judged by, newest first: of the task,
    or of one that a relation makes of it.
    """
    known = [task, *TaskRelation.objects.filter(source=task).values_list("target", flat=True)]
    frozen = Dataset.objects.filter(frozen_at__isnull=False, items__split=Split.TEST, institutions=institution)
    frozen = frozen.filter(task__in=known)
    return frozen.distinct().order_by("-frozen_at", "-id")


def was_active(version: ModelVersion, institution: Institution) -> bool:
    """True when the version has segmented there before, so that making it active again is a roll-back."""
    decided = Promotion.objects.filter(institution=institution)
    return decided.filter(Q(version=version) | Q(previous=version)).exists()


def is_offered(version: ModelVersion, institution: Institution | None) -> bool:
    """True when the institution may choose the version; without one, whether it may be the platform's default."""
    places = [institution.pk] if institution else []
    return ModelVersion.objects.filter(offered_to(places), pk=version.pk).exists()


def promotions_seen(user: Any) -> QuerySet[Promotion]:
    """The decisions of the user's institutions, and of the platform about its default; newest first."""
    if not user.is_superuser:
        require_anywhere(user, Capability.VIEW_MODELS)
    ours = Q(institution__in=places_of(user)) | Q(institution__isnull=True, version__owner__isnull=True)
    related = ("version__owner", "previous__owner", "decided_by", "institution")
    return Promotion.objects.filter(ours).select_related(*related).order_by("-decided_at", "-id")


def rollback_target(institution: Institution | None, task: str = SPINE_CT) -> ModelVersion | None:
    """The version that was active there before the present one was promoted; rolling back twice goes two versions back.

    Without an institution, of the platform's default.
    """
    active = version_active_or_none(institution.pk if institution else None, task)
    promoted = Promotion.objects.filter(institution=institution, version=active, previous__isnull=False)
    promoted = promoted.exclude(kind=PromotionKind.ROLLBACK).select_related("previous__owner")
    last = promoted.order_by("-decided_at", "-id").first() if active else None
    return last.previous if last else None
