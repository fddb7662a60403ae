"""How well a version does on one split of a frozen data set."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.urls import reverse

from cases.models import Annotation, Patient, Series
from registry.models.versions import ModelVersion
from spineplatform.shared.message_fields import MessagesJSONField
from spineplatform.shared.runs import Run
from training.models.datasets import Dataset
from training.models.splits import Split


class EvaluationRun(Run):
    """Segments a split of a data set with a version and compares the masks with the approved ones.

    ``result`` is `spineml.metrics.evaluation`'s summary as JSON: per image, per patient and pooled figures with
    intervals, Bland-Altman, precision-recall, with the names in the storage of the plots, of the summary and of the PDF
    in each language (``reports``); empty until the run has succeeded. The rows of images stand in `EvaluatedSeries`.
    """

    kind = "evaluation"
    task_name = "training.tasks.evaluate"

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="evaluations")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="evaluations")
    split = models.CharField(max_length=16, choices=Split)
    result = MessagesJSONField(default=dict, blank=True)

    class Meta(Run.Meta):
        constraints = [
            *Run.Meta.constraints,
            models.CheckConstraint(condition=Q(split__in=Split.values), name="training_evaluation_known_split"),
            models.UniqueConstraint(
                fields=["version", "dataset", "split"],
                condition=Q(state__in=["queued", "running", "succeeded"]),
                name="training_evaluation_once",
            ),
        ]

    @property
    def task_id(self) -> str:
        """The slug of the task in whose labels the masks are compared: the data set's."""
        return self.dataset.task_id

    def get_absolute_url(self) -> str:
        return reverse("training:evaluation", args=[self.pk])

    def result_url(self) -> str:
        return self.get_absolute_url()


class EvaluatedSeries(models.Model):
    """One series of an evaluation. ``images`` are `evaluation.ImageRow` as JSON, in order of the slices.

    ``seen`` says that the version, or one it descends from, was trained on these very images or on this patient.
    """

    run = models.ForeignKey(EvaluationRun, on_delete=models.CASCADE, related_name="series")
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="evaluated")
    annotation = models.ForeignKey(Annotation, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="evaluated")
    groups = models.JSONField(default=dict)
    seen = models.BooleanField()
    figures = models.JSONField()
    images = models.JSONField()

    class Meta:
        ordering = ["run", "id"]
        verbose_name_plural = "evaluated series"
        constraints = [models.UniqueConstraint(fields=["run", "series"], name="training_evaluated_once")]

    def __str__(self) -> str:
        return f"{self.series_id} in {self.run_id}"
