"""Reads that span models: what the result page and the comparison page show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from accounts.access import Capability, institutions_with
from cases.approved import approved_masks
from cases.exposures import masks_shown
from cases.models import Annotation, AnnotationSource, Series
from inference.models import ComparisonRun, InferenceRun, Prediction
from registry.models import ModelVersion


@dataclass(frozen=True)
class SeriesResults:
    """Everything about one series: its masks, the runs that are going or failed, and the comparisons."""

    series: Series
    masks: list[Annotation]
    runs: list[InferenceRun]
    comparisons: list[ComparisonRun]
    approved: Annotation | None = None

    @property
    def newest_prediction(self) -> Annotation | None:
        return next((mask for mask in self.masks if mask.source == AnnotationSource.MODEL), None)


def series_results(series: Series, user: Any) -> SeriesResults:
    """What this person may see of a series: comparisons only of masks that they see."""
    seen = series.annotations.seen_by(user)
    shown = seen.select_related("author", "model_version__owner", "prediction", "task")
    masks = list(shown.prefetch_related("suspicions", "task__labels"))
    masks_shown(masks, user)
    runs = series.inference_runs.select_related("model_version", "prediction").order_by("-created_at")[:20]
    comparisons = ComparisonRun.objects.filter(
        reference__in=seen.order_by(), predicted__in=seen.order_by()
    ).select_related("reference", "predicted")
    comparisons = comparisons.defer("result")  # one row for each slice
    approved = next(iter(approved_masks([series.pk], user).values()), None)
    signed = next((mask for mask in masks if mask.pk == approved), None)
    return SeriesResults(series, masks, list(runs), list(comparisons), signed)


def runs_seen(user: Any) -> QuerySet[InferenceRun]:
    return InferenceRun.objects.filter(institution__in=institutions_with(user, Capability.VIEW_CASES)).select_related(
        "series", "model_version"
    )


def trained_on(run: ComparisonRun) -> bool:
    """True when the compared images were among the training data of the version that made the predicted mask."""
    version = run.predicted.model_version
    return version is not None and version.trained_on(run.reference.series.pixel_hash)


def masks_of_version(user: Any, version: ModelVersion) -> QuerySet[Prediction]:
    """The masks that ``version`` made of cases the user may see, newest first."""
    places = list(institutions_with(user, Capability.VIEW_CASES).values_list("pk", flat=True))
    found = Prediction.objects.filter(annotation__model_version=version, annotation__institution__in=places)
    return found.select_related("annotation__series__case__patient", "run").order_by("-created_at", "-id")
