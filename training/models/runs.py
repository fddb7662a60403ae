"""Training runs, with the curve they leave behind."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.urls import reverse
from django.utils import timezone

from cases.models import Series
from registry.models.versions import ModelVersion
from spineplatform.shared.runs import Run
from training.models.datasets import Dataset


class TrainingRun(Run):
    """Trains a network on a frozen data set, from ``base`` or from scratch, and makes a new version of it.

    ``settings`` is `spineml.learning.settings.TrainingSettings` as JSON. ``live`` holds the epoch that is going:
    its step, the losses of its batches so far and the seconds that are left, so that a page opened late misses nothing.
    """

    kind = "training"
    task_name = "training.tasks.train"

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="training_runs")
    base = models.ForeignKey(ModelVersion, null=True, on_delete=models.PROTECT, related_name="based_runs")
    settings = models.JSONField()
    notes = models.TextField(blank=True)
    keep_best_on_cancel = models.BooleanField(default=False)
    live = models.JSONField(default=dict, blank=True)
    version = models.OneToOneField(ModelVersion, null=True, on_delete=models.PROTECT, related_name="training_run")

    @property
    def can_retry(self) -> bool:
        """A run that was stopped and made a version of its best weights is done."""
        return super().can_retry and self.version_id is None

    @property
    def seen_base(self) -> ModelVersion | None:
        """The base, unless it is another institution's: trainings from before versions had owners may have such."""
        if self.base is None or self.base.owner_id in (None, self.institution_id):
            return self.base
        return None

    def fresh_values(self) -> dict[str, Any]:
        return {"keep_best_on_cancel": False}

    def get_absolute_url(self) -> str:
        return reverse("training:training", args=[self.pk])

    def result_url(self) -> str:
        return self.get_absolute_url()

    def as_message(self) -> dict[str, Any]:
        """With the time that is left; the curves come with the page, and by REST."""
        return super().as_message() | {"seconds_left": self.live.get("seconds_left")}


class TrainingEpoch(models.Model):
    """One epoch that is done, recorded once. ``batch_losses`` are in order; Dice is the mean of patients, 0..1."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="epochs")
    epoch = models.PositiveIntegerField()
    step = models.PositiveIntegerField()
    loss = models.FloatField()
    train_dice = models.FloatField(null=True)
    validation_dice = models.FloatField(null=True)
    learning_rate = models.FloatField()
    seconds = models.FloatField()
    batch_losses = models.JSONField(default=list, blank=True)
    attempt = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["run", "epoch"]
        constraints = [models.UniqueConstraint(fields=["run", "epoch"], name="training_epoch_once")]

    def __str__(self) -> str:
        return f"epoch {self.epoch}, loss {self.loss:.4f}"


class TrainingSample(models.Model):
    """What the network made of one validation slice after an epoch: a picture of the CT with both masks."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="samples")
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="+")
    epoch = models.PositiveIntegerField()
    slice_index = models.PositiveIntegerField()
    dice = models.FloatField(null=True)
    picture = models.FileField(max_length=200)

    class Meta:
        ordering = ["run", "epoch", "series", "slice_index"]
        constraints = [
            models.UniqueConstraint(fields=["run", "epoch", "series", "slice_index"], name="training_sample_once")
        ]

    def __str__(self) -> str:
        return f"epoch {self.epoch}, slice {self.slice_index}"
