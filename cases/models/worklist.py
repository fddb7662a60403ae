"""Who is to read a case, and until when; and the ways in which a person likes to narrow the list."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Institution


class ReaderGroup(models.Model):
    """Members of one institution who share work, such as “Spine clinic” or “Residents”."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, on_delete=models.CASCADE, related_name="reader_groups")
    name = models.CharField(max_length=80)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="reader_groups")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["institution", "name"], name="cases_group_name")]

    def __str__(self) -> str:
        return self.name


def given_to(user: Any, case: str = "") -> Q:
    """Cases assigned to the person or to a group of theirs, which are asked for first; ``case`` leads to them."""
    groups = list(ReaderGroup.objects.filter(members=user.pk).values_list("pk", flat=True))
    return Q((f"{case}assignment__assignee", user.pk)) | Q((f"{case}assignment__group__in", groups))


class Assignment(models.Model):
    """The one person or group who is to read a case; a new one replaces it."""

    case = models.OneToOneField("cases.Case", primary_key=True, on_delete=models.CASCADE, related_name="assignment")
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="assignments"
    )
    group = models.ForeignKey(ReaderGroup, null=True, on_delete=models.CASCADE, related_name="assignments")
    due_on = models.DateField(null=True)
    assigned_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    assigned_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["assignee", "due_on"], name="cases_assignment_due"),
            models.Index(fields=["due_on"], name="cases_assignment_dated", condition=Q(due_on__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(assignee__isnull=False, group__isnull=True) | Q(assignee__isnull=True, group__isnull=False),
                name="cases_assignment_to_one",
            )
        ]

    def __str__(self) -> str:
        return f"{self.case} for {self.to}"

    @property
    def to(self) -> str:
        """The name of the person or group."""
        return self.group.name if self.group else self.assignee.display_name() if self.assignee else ""

    @property
    def value(self) -> str:
        """The person or group as forms name it."""
        return str(self.group_id or self.assignee_id)

    @property
    def is_overdue(self) -> bool:
        """As `cases.worklist.filters` finds it: a case that is signed is late no more."""
        return self.due_on is not None and self.due_on < timezone.localdate() and not self.case.is_signed


LONGEST_QUERY = 1000


class SavedFilter(models.Model):
    """A way to narrow the work list that one person comes back to. ``query`` is that of the list's address."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="case_filters")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=LONGEST_QUERY)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["created_at"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="cases_filter_name")]

    def __str__(self) -> str:
        return self.name
