"""Data sets: a frozen choice of exact masks, written to one HDF5 file."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q, Value
from django.urls import reverse
from django.utils import timezone

from accounts.models import Institution
from cases.models import Annotation, Patient
from registry.models import SPINE_CT, Task
from spineplatform.shared.runs import Run
from training.models.splits import Split


class Dataset(models.Model):
    """A choice of masks of one task with their images. A draft until its run wrote ``file``; then it never changes.

    Masks of other tasks are taken where a relation merges them into ``task`` (`training.datasets.structures`).
    ``filters`` is the choice as it was asked for, `training.datasets.selectors.Choice` as JSON. ``findings`` is what
    the label checks said at ``checked_at``, ``decisions`` what was decided on them: masks left out (``left_out``, by
    mask) and findings accepted (``accepted``, by the finding's key), each with note, name and time. ``counts`` holds
    how many patients, series, images and images with any label a split has, ``label_counts`` the same of each label
    (`training.datasets.structures.LabelCounts`, empty for a task of one label), ``fingerprint``
    `spineml.model.fingerprint.Fingerprint`. Triggers of the database keep a frozen data set and its items as they are.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    task = models.ForeignKey(Task, on_delete=models.PROTECT, db_default=Value(SPINE_CT), related_name="datasets")
    institutions = models.ManyToManyField(Institution, related_name="+")
    name = models.CharField(max_length=120, unique=True)
    notes = models.TextField(blank=True)
    filters = models.JSONField(default=dict, blank=True)
    counts = models.JSONField(default=dict, blank=True)
    label_counts = models.JSONField(default=list, blank=True)
    findings = models.JSONField(default=list, blank=True)
    decisions = models.JSONField(default=dict, blank=True)
    checked_at = models.DateTimeField(null=True, editable=False)
    fingerprint = models.JSONField(default=dict, blank=True)
    file = models.FileField(max_length=200, blank=True)
    size = models.PositiveBigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    frozen_at = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="training_dataset_frozen_has_file",
                condition=Q(frozen_at__isnull=True) | (~Q(file="") & ~Q(sha256="") & Q(size__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("training:dataset", args=[self.pk])

    @property
    def is_frozen(self) -> bool:
        return self.frozen_at is not None


class DatasetItem(models.Model):
    """One mask in a data set, with the split of its patient: a trigger compares it with `PatientSplit`.

    ``merge`` is the rule by which a mask of another task was merged into the data set's when it was frozen, value by
    value (keys are strings, as JSON wants them); empty for a mask of the task itself.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="items")
    annotation = models.ForeignKey(Annotation, on_delete=models.PROTECT, related_name="dataset_items")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="dataset_items")
    split = models.CharField(max_length=16, choices=Split)
    pixel_hash = models.CharField(max_length=64)
    merge = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "annotation"], name="training_item_mask_once"),
            models.UniqueConstraint(fields=["dataset", "pixel_hash"], name="training_item_image_once"),
            models.CheckConstraint(condition=Q(split__in=Split.values), name="training_item_known_split"),
        ]
        indexes = [models.Index(fields=["pixel_hash"], name="training_item_pixels")]

    def __str__(self) -> str:
        return f"{self.annotation_id} ({self.split})"


class DatasetRun(Run):
    """Checks the labels of a draft; when it ``freezes``, also writes its file and freezes it."""

    kind = "dataset"
    task_name = "training.tasks.prepare_dataset"

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="runs")
    freezes = models.BooleanField(default=True)

    class Meta(Run.Meta):
        constraints = [
            *Run.Meta.constraints,
            models.UniqueConstraint(
                fields=["dataset"],
                condition=Q(state__in=["queued", "running"]),
                name="training_dataset_one_unfinished_run",
            ),
        ]

    def result_url(self) -> str:
        return self.dataset.get_absolute_url()
