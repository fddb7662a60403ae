"""Label maps that were sent with values of their own: until somebody says what they are, and what was said before."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import Institution
from cases.models.cases import InstitutionRowQuerySet, Series
from registry.models import Task
from spineml.tasks.mapping import FoundValue


class PendingMask(models.Model):
    """A label map that was read and waits for its mapping. Only its author sees it; it is removed after a day.

    Its file has 1 + the place of each value in ``found`` (`FoundValue.to_json`), in ascending order of the values.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, on_delete=models.CASCADE, related_name="+")
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="pending_masks")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="+")
    label = models.CharField(max_length=120, blank=True)
    file = models.FileField(max_length=200)
    found = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = InstitutionRowQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["created_at"], name="cases_pending_mask_age")]

    def __str__(self) -> str:
        return f"{self.label or self.pk}"

    @property
    def values(self) -> list[FoundValue]:
        """What was found in the file."""
        return [FoundValue.from_json(one) for one in self.found]


class RememberedLabel(models.Model):
    """What an institution last said that a value is, by the value's name in the file, or by its number where it has
    none. ``value`` is a label of the task; None: background.
    """

    institution = models.ForeignKey(Institution, on_delete=models.CASCADE, related_name="+")
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=80)
    value = models.PositiveSmallIntegerField(null=True)
    said_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["institution", "task", "key"], name="cases_remembered_label_once")
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.value}"
