"""Who is to read a case, and until when."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class Assignment(models.Model):
    """The one person who is to read a case; a new one replaces it."""

    case = models.OneToOneField("cases.Case", primary_key=True, on_delete=models.CASCADE, related_name="assignment")
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="assignments")
    due_on = models.DateField(null=True)
    assigned_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    assigned_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["assignee", "due_on"], name="cases_assignment_due")]

    def __str__(self) -> str:
        return f"{self.case} for {self.assignee}"
