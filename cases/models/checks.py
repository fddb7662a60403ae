"""What is suspected of a mask that a person made, and the run that looked."""

from __future__ import annotations

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from cases.models.hidden_names import HidesNames, Readers, hidden_readers
from cases.models.masks import Annotation
from spineplatform.shared.message_fields import MessageField
from spineplatform.shared.runs import Run


class MaskCheckRun(Run):
    """Compares a mask with its images (`spineml.masks.label_checks`)."""

    kind = "mask-check"
    task_name = "cases.tasks.check_mask"

    annotation = models.OneToOneField(Annotation, on_delete=models.CASCADE, related_name="check_run")


class MaskSuspicionQuerySet(HidesNames["MaskSuspicion"]):
    person = "confirmed_by"

    def holding(self) -> Self:
        """Those that hold a mask back: nobody has said yet that it is right."""
        return self.filter(confirmed_at__isnull=True)

    def _hidden(self, user: Any, rows: Any) -> list[Readers]:
        series = dict(Annotation.objects.filter(pk__in={row.annotation_id for row in rows}).values_list("pk", "series"))
        found = hidden_readers(user, set(series.values()))
        return [found.get(series.get(row.annotation_id), {}) for row in rows]


class MaskSuspicion(models.Model):
    """One finding: ``slices`` (from 0) to open, if some stand for it. It holds the mask back from its signature until
    ``confirmed_by`` has said that the mask is right.
    """

    annotation = models.ForeignKey(Annotation, on_delete=models.CASCADE, related_name="suspicions")
    code = models.CharField(max_length=32)
    message = MessageField()
    slices = models.JSONField(default=list)
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = MaskSuspicionQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["annotation", "code"], name="cases_suspicion_once"),
            models.CheckConstraint(
                condition=Q(confirmed_at__isnull=True, confirmed_by__isnull=True)
                | Q(confirmed_at__isnull=False, confirmed_by__isnull=False),
                name="cases_suspicion_confirmed_by_somebody",
            ),
        ]
        indexes = [
            models.Index(fields=["annotation"], name="cases_suspicion_holds", condition=Q(confirmed_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{self.code} of {self.annotation_id}"
