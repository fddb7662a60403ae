"""What people say to each other about a series, and what each is told of it."""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Institution
from cases.models.cases import Series


def _read_blindly(user: Any) -> models.QuerySet[Any]:
    return Series.objects.blind_to(user).values("pk")


class CommentQuerySet(models.QuerySet["Comment"]):
    def seen_by(self, user: Any) -> Self:
        """Leave out what others say about series that ``user`` reads blindly."""
        return self.exclude(~Q(author=user.pk), series__in=_read_blindly(user))


class Comment(models.Model):
    """A remark on a series, or on its slice ``z``. Immutable."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="+")
    series = models.ForeignKey("cases.Series", on_delete=models.CASCADE, related_name="comments")
    z = models.PositiveIntegerField(null=True)
    text = models.TextField(max_length=2000)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = CommentQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["series", "-created_at", "-id"], name="cases_comment_listed")]
        constraints = [models.CheckConstraint(condition=~Q(text=""), name="cases_comment_says_something")]

    def __str__(self) -> str:
        return f"{self.author} on {self.series}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A comment is never changed: write another.")
        super().save(*args, **kwargs)

    @property
    def slice_number(self) -> int | None:
        """Counted from 1, as people read it."""
        return None if self.z is None else self.z + 1

    @property
    def read_address(self) -> str:
        return read_address(self.series_id, self.z)


class NoticeKind(models.TextChoices):
    MENTION = "mention", _("Mentioned you")
    ASSIGNMENT = "assignment", _("Assigned to you")
    SENT_BACK = "sent-back", _("Sent back")


class NoticeQuerySet(models.QuerySet["Notice"]):
    def unread(self) -> Self:
        return self.filter(read_at__isnull=True)

    def told_to(self, user: Any) -> Self:
        """What the person is told; what others say about a series read blindly is told once all have finished it."""
        return self.filter(recipient=user).exclude(series__isnull=False, series__in=_read_blindly(user))


class Notice(models.Model):
    """One thing that one person is told. ``text`` is what the other one wrote."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=16, choices=NoticeKind)
    case = models.ForeignKey("cases.Case", on_delete=models.CASCADE, related_name="+")
    series = models.ForeignKey("cases.Series", null=True, on_delete=models.CASCADE, related_name="+")
    z = models.PositiveIntegerField(null=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    text = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    read_at = models.DateTimeField(null=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["recipient", "-created_at", "-id"], name="cases_notice_listed"),
            models.Index(fields=["recipient"], name="cases_notice_unread", condition=Q(read_at__isnull=True)),
        ]
        constraints = [models.CheckConstraint(condition=Q(kind__in=NoticeKind.values), name="cases_notice_known_kind")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.recipient}"

    @property
    def address(self) -> str:
        if self.series_id is None:
            return reverse("cases:detail", args=[self.case_id])
        return read_address(self.series_id, self.z)


def read_address(series_id: uuid.UUID, z: int | None = None) -> str:
    """The reading room, at slice ``z``."""
    return reverse("reading:read", args=[series_id]) + ("" if z is None else f"#z={z}")
