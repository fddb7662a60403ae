"""Tasks as rows: which structures a mask of the task names, and how one task is made of another."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone

from accounts.models import Institution
from spineml.tasks import task as definitions

CODES = ("category", "type", "modifier")


class Task(models.Model):
    """What is segmented. ``owner`` is the institution that made it; without one it is the platform's, which every
    institution may use.

    ``revision`` counts its changes, so that of two admins who edit it at once the second is told.
    """

    slug = models.CharField(max_length=definitions.MAX_SLUG, primary_key=True)
    name = models.CharField(max_length=definitions.MAX_NAME)
    modality = models.CharField(max_length=16, default="CT")
    owner = models.ForeignKey(Institution, null=True, on_delete=models.PROTECT, related_name="tasks")
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = [F("owner").asc(nulls_first=True), "name", "slug"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("training:task", args=[self.pk])

    @property
    def definition(self) -> definitions.Task:
        """The task as `spineml` knows it; labels in their order."""
        labels = sorted(self.labels.all(), key=lambda label: label.position)
        return definitions.Task(self.slug, self.name, tuple(label.definition for label in labels), self.modality)

    @property
    def values(self) -> set[int]:
        """The values of its labels."""
        return {label.value for label in self.labels.all()}


class TaskLabel(models.Model):
    """One structure of a task (`spineml.tasks.task.Label`). Masks store ``value``: it never changes once one does."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="labels")
    position = models.PositiveSmallIntegerField()
    value = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=definitions.MAX_NAME)
    short = models.CharField(max_length=definitions.MAX_SHORT)
    colour = models.CharField(max_length=7)
    codes = models.JSONField(default=dict)

    class Meta:
        ordering = ["position", "value"]
        constraints = [
            models.UniqueConstraint(fields=["task", "value"], name="registry_label_value_once"),
            models.UniqueConstraint(F("task"), Lower("name"), name="registry_label_name_once"),
            models.CheckConstraint(
                condition=Q(value__gte=1, value__lte=definitions.MAX_VALUE), name="registry_label_value_in_range"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def definition(self) -> definitions.Label:
        """The label as `spineml` knows it."""
        plain = {"value": self.value, "name": self.name, "short": self.short, "colour": self.colour}
        return definitions.Label.from_json({**plain, **self.codes})

    @classmethod
    def of(cls, task: Task, position: int, label: definitions.Label) -> TaskLabel:
        """The unsaved row of a label."""
        return cls(task=task, position=position, **label_fields(label))


class TaskRelation(models.Model):
    """Masks of ``target`` are made of those of ``source``: ``values`` gives the value of ``target`` for each value of
    ``source`` (keys are strings, as JSON wants them); others become background.
    """

    source = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="relations")
    target = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="made_of")
    values = models.JSONField()
    rule = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["source", "target"]
        constraints = [
            models.UniqueConstraint(fields=["source", "target"], name="registry_relation_once"),
            models.CheckConstraint(condition=~Q(source=F("target")), name="registry_relation_of_two"),
        ]

    def __str__(self) -> str:
        return f"{self.source_id} → {self.target_id}"

    @property
    def definition(self) -> definitions.Merge:
        """The relation as `spineml` knows it."""
        values = {int(value): int(becomes) for value, becomes in self.values.items()}
        return definitions.Merge(self.source_id, self.target_id, values)


def label_fields(label: definitions.Label) -> dict[str, Any]:
    """The columns of a label, without its task and position."""
    stored = label.to_json()
    codes = {name: stored.pop(name) for name in CODES}
    return {**stored, "codes": codes}
