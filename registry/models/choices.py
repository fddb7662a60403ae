"""Which version segments where, which institutions it is offered to, and how versions are numbered."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q, Value
from django.utils import timezone

from accounts.models import Institution
from registry.models.structures import Task
from registry.models.versions import PLATFORMS, SPINE_CT, ModelVersion


class ActiveVersion(models.Model):
    """The version that segments at an institution. The row without an institution is the platform's default: it
    segments wherever no version was chosen.

    A trigger refuses a version that the institution may not use, and a default that is not the platform's.
    """

    institution = models.ForeignKey(Institution, null=True, on_delete=models.CASCADE, related_name="active_versions")
    task = models.ForeignKey(
        Task, on_delete=models.CASCADE, db_default=Value(SPINE_CT), db_column="task", related_name="+"
    )
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="choices")
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "training_activeversion"
        constraints = [
            models.UniqueConstraint(fields=["institution", "task"], name="training_one_active_version"),
            models.UniqueConstraint(
                fields=["task"], condition=Q(institution__isnull=True), name="training_one_default_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} at {self.institution or 'the platform'}"


class VersionShare(models.Model):
    """The owner of a version lets another institution use it, until the row is deleted."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="shares")
    institution = models.ForeignKey(Institution, on_delete=models.CASCADE, related_name="shared_versions")
    shared_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    shared_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "training_versionshare"
        ordering = ["institution__name"]
        constraints = [models.UniqueConstraint(fields=["version", "institution"], name="training_version_shared_once")]

    def __str__(self) -> str:
        return f"{self.version} with {self.institution}"


class DefaultTask(models.Model):
    """A task that an institution segments new series with unless the sender names others; without any: the spine."""

    institution = models.ForeignKey(Institution, on_delete=models.CASCADE, related_name="default_tasks")
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="+")

    class Meta:
        ordering = ["task_id"]
        constraints = [models.UniqueConstraint(fields=["institution", "task"], name="registry_default_task_once")]

    def __str__(self) -> str:
        return f"{self.task_id} at {self.institution}"


class VersionCounter(models.Model):
    """The last number that an owner (None: the platform) gave to a version. It only grows."""

    owner = models.ForeignKey(Institution, null=True, on_delete=models.CASCADE, related_name="+")
    task = models.ForeignKey(Task, on_delete=models.CASCADE, db_column="task", related_name="+")
    last = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "training_versioncounter"
        constraints = [
            models.UniqueConstraint(fields=["owner", "task"], name="training_one_counter"),
            models.UniqueConstraint(fields=["task"], condition=PLATFORMS, name="training_one_platform_counter"),
        ]

    def __str__(self) -> str:
        return f"{self.owner or 'the platform'}: {self.last}"
