"""Who made which version the active one where, with the figures it was decided by. Kept for ever."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Institution
from registry.models.versions import ModelVersion


class PromotionKind(models.TextChoices):
    FIRST = "first", _("First version")
    GATED = "gated", _("Passed the promotion gate")
    OVERRIDE = "override", _("Promotion gate overridden")
    ROLLBACK = "rollback", _("Rolled back")


class Promotion(models.Model):
    """One decision of an institution, or of the platform about its default. ``gate`` is `promotion_gate.GateResult` as
    JSON; an override has a reason.

    A trigger refuses to change or delete one, whoever asks.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, null=True, on_delete=models.PROTECT, related_name="+")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="promotions")
    previous = models.ForeignKey(ModelVersion, null=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=PromotionKind)
    gate = models.JSONField(null=True)
    reason = models.TextField(blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "training_promotion"
        ordering = ["-decided_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=PromotionKind.values), name="training_promotion_known_kind"),
            models.CheckConstraint(
                name="training_promotion_override_has_reason", condition=~Q(kind="override") | ~Q(reason="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} ({self.kind})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A promotion is never changed: record a new one.")
        super().save(*args, **kwargs)
