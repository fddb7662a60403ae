"""Runs of a model on a series, the masks they made, and comparisons between masks."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q, Value
from django.urls import reverse
from django.utils import timezone

from cases.models import Annotation, Review, Series
from registry.models import SPINE_CT, ModelVersion, Task
from spineplatform.shared.runs import Run


class InferenceRun(Run):
    """Segments one series with one model version."""

    kind = "inference"
    task_name = "inference.tasks.segment"

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="inference_runs")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="inference_runs")

    class Meta(Run.Meta):
        constraints = [
            *Run.Meta.constraints,
            models.UniqueConstraint(
                fields=["series", "model_version"],
                condition=Q(state__in=["queued", "running"]),
                name="inference_one_unfinished_run",
            ),
        ]

    def result_url(self) -> str:
        return reverse("inference:view", args=[self.series_id])


class Prediction(models.Model):
    """The mask a run made, and how long that took. One run has at most one, whatever happens to its workers."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.OneToOneField(InferenceRun, on_delete=models.PROTECT, related_name="prediction")
    annotation = models.OneToOneField(Annotation, on_delete=models.CASCADE, related_name="prediction")
    seconds = models.FloatField()
    timings = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.annotation} in {self.seconds:.1f} s"


class ComparisonRun(Run):
    """Compares a predicted mask with a reference mask of the same series. ``result`` is ``Comparison.as_json()``.

    ``task`` is that of both masks, or the one that a relation makes of the other mask's task.
    """

    kind = "comparison"
    task_name = "inference.tasks.compare"

    reference = models.ForeignKey(Annotation, on_delete=models.CASCADE, related_name="+")
    predicted = models.ForeignKey(Annotation, on_delete=models.CASCADE, related_name="+")
    task = models.ForeignKey(Task, on_delete=models.PROTECT, db_default=Value(SPINE_CT), related_name="comparisons")
    result = models.JSONField(null=True)

    class Meta(Run.Meta):
        constraints = [
            *Run.Meta.constraints,
            models.UniqueConstraint(fields=["reference", "predicted"], name="inference_comparison_once"),
            models.CheckConstraint(condition=~Q(reference=models.F("predicted")), name="inference_comparison_of_two"),
        ]

    def result_url(self) -> str:
        return reverse("inference:comparison", args=[self.pk])

    @property
    def merged_from(self) -> Task | None:
        """The task of the mask whose labels were merged into those of ``task``; None when both masks are of it."""
        return next((mask.task for mask in (self.reference, self.predicted) if mask.task_id != self.task_id), None)


class Acceptance(models.Model):
    """What a reader made of a model's mask, told by the approval: as it was, or with how much change.

    ``comparison`` has the Dice of the model's mask with the accepted one; without change there is nothing to compute.
    """

    review = models.OneToOneField(Review, on_delete=models.CASCADE, primary_key=True, related_name="acceptance")
    prediction = models.ForeignKey(Prediction, on_delete=models.CASCADE, related_name="acceptances")
    comparison = models.ForeignKey(ComparisonRun, null=True, on_delete=models.SET_NULL, related_name="acceptances")
    unchanged = models.BooleanField()

    class Meta:
        ordering = ["review"]
        indexes = [models.Index(fields=["prediction"], name="inference_acceptance_of")]

    def __str__(self) -> str:
        return f"{self.prediction_id} {'as it was' if self.unchanged else 'with changes'}"
