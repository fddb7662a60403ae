"""Model versions. Files are immutable; the row holds the hash that is checked at every load."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

SPINE_CT = "spine-ct"


class VersionStatus(models.TextChoices):
    CANDIDATE = "candidate", _("Candidate")
    ACTIVE = "active", _("Active")
    RETIRED = "retired", _("Retired")


class ModelVersion(models.Model):
    """One trained network for one task: an HDF5 file, the spec read from it, and where it came from.

    A trigger keeps number, file, size and SHA-256 as they were registered.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    task = models.CharField(max_length=32, default=SPINE_CT)
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=16, choices=VersionStatus, default=VersionStatus.CANDIDATE)
    file = models.FileField(max_length=200)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    spec = models.JSONField()
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="children")
    notes = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["task", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["task", "number"], name="training_version_number"),
            models.UniqueConstraint(fields=["task", "sha256"], name="training_version_file_once"),
            models.UniqueConstraint(fields=["task"], condition=Q(status="active"), name="training_version_one_active"),
            models.CheckConstraint(condition=Q(status__in=VersionStatus.values), name="training_version_known_status"),
        ]

    def __str__(self) -> str:
        return f"v{self.number}"

    def get_absolute_url(self) -> str:
        return reverse("training:version", args=[self.pk])

    @property
    def trained_by(self) -> Any:
        """The training run that made it, or None: the shipped model and imported ones have none."""
        return getattr(self, "training_run", None)

    def trained_on(self, pixel_hash: str) -> bool:
        """True when these very images were among the version's training data, so that a Dice on them proves little."""
        return pixel_hash in self.training_hashes

    @property
    def figures(self) -> list[dict[str, Any]]:
        """The spec's own metrics as rows (``split``, ``source``, ``patients``, ``dice``, ...), test first."""
        metrics: dict[str, Any] = self.spec.get("metrics", {})
        splits = [(split, rows) for split, rows in sorted(metrics.items()) if isinstance(rows, list)]
        return [{"split": split, **row} for split, rows in splits for row in rows if isinstance(row, dict)]

    @property
    def training_hashes(self) -> frozenset[str]:
        data: dict[str, Any] = self.spec.get("data", {})
        return frozenset(data.get("pixel_hashes", ()))
