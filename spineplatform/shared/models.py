"""The audit trail: who did what to which object, and when. Rows are added and never changed. And counts of tries."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone


class AuditQuerySet(models.QuerySet["AuditEvent"]):
    """Adds and reads, and nothing else."""

    def update(self, **kwargs: Any) -> int:
        raise TypeError("Audit events are never changed.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise TypeError("Audit events are never deleted.")


class AuditEvent(models.Model):
    """One thing that one person did. ``detail`` holds no patient data."""

    at = models.DateTimeField(default=timezone.now, editable=False)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    institution_id = models.UUIDField(null=True, editable=False)
    action = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64, blank=True)
    detail = models.JSONField(default=dict, blank=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["institution_id", "-at"], name="shared_audit_by_institution")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.action} {self.object_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("Audit events are never changed.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("Audit events are never deleted.")


class Attempt(models.Model):
    """How often something was tried since ``begun``; ``key`` tells of whom only to whoever asks (shared.limits)."""

    key = models.CharField(max_length=64, primary_key=True)
    begun = models.DateTimeField()
    number = models.PositiveIntegerField()

    class Meta:
        indexes = [models.Index(fields=["begun"], name="shared_attempt_begun")]

    def __str__(self) -> str:
        return f"{self.number} since {self.begun:%Y-%m-%d %H:%M}"
