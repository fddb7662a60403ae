"""What readers signed."""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q, Value
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Institution
from cases.models.cases import WAITING, InstitutionRowQuerySet, Series
from cases.models.hidden_names import HidesNames
from cases.models.masks import Annotation
from registry.models import SPINE_CT, Task


class ReviewVerdict(models.TextChoices):
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")
    SENT_BACK = "sent-back", _("Sent back")


class ReviewQuerySet(HidesNames["Review"], InstitutionRowQuerySet["Review"]):  # type: ignore[override]
    person = "reader"

    def latest_of_tasks(self) -> Self:
        """The last word on each task of each series."""
        return self.order_by("series_id", "task_id", "-created_at", "-id").distinct("series_id", "task_id")

    def sent_back(self, user: Any) -> Self:
        """The last word on a task of a series whose case waits, as long as no newer mask of the task answers it, as
        ``user`` may know.
        """
        later = {name: OuterRef(name) for name in ("series", "task")} | {"created_at__gt": OuterRef("created_at")}
        seen = (Review.objects.seen_by(user), Annotation.objects.seen_by(user))
        answers = [Exists(rows.filter(**later)) for rows in seen]
        waiting = self.filter(verdict=ReviewVerdict.SENT_BACK, series__case__state__in=WAITING)
        return waiting.filter(*(~answer for answer in answers))

    def seen_by(self, user: Any) -> Self:
        """Leave out what others signed on series that ``user`` reads blindly."""
        blindly = Series.objects.blind_to(user).values("pk")
        return self.exclude(~Q(reader=user.pk), series__in=blindly).names_for(user)


class Review(models.Model):
    """A reader's signature on a mask, or the reason why there is none. Immutable.

    ``task`` is that of its mask. The latest of a series and task counts: a series may have an approved mask of each.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="+")
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="reviews")
    task = models.ForeignKey(Task, on_delete=models.PROTECT, db_default=Value(SPINE_CT), related_name="+")
    annotation = models.ForeignKey(Annotation, null=True, on_delete=models.PROTECT, related_name="reviews")
    verdict = models.CharField(max_length=16, choices=ReviewVerdict)
    reason = models.TextField(blank=True)
    for_training = models.BooleanField(default=True)
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(verdict__in=ReviewVerdict.values), name="cases_review_known_verdict"),
            models.CheckConstraint(
                name="cases_review_approves_a_mask", condition=~Q(verdict="approved") | Q(annotation__isnull=False)
            ),
            models.CheckConstraint(
                name="cases_review_refusal_has_reason", condition=Q(verdict="approved") | ~Q(reason="")
            ),
        ]
        indexes = [
            models.Index(fields=["series", "task", "-created_at", "-id"], name="cases_review_latest"),
            models.Index(fields=["series"], name="cases_review_sent_back", condition=Q(verdict="sent-back")),
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} by {self.reader}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A review is never changed: sign a new one.")
        if self.annotation is not None:
            self.task_id = self.annotation.task_id
        super().save(*args, **kwargs)
