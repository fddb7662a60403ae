"""The split of a patient: decided once, for every data set there will ever be."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models import Patient


class Split(models.TextChoices):
    TRAIN = "train", _("Training")
    VALIDATION = "validation", _("Validation")
    TEST = "test", _("Test")


class SplitOrigin(models.TextChoices):
    DRAWN = "drawn", _("Drawn")
    BY_HAND = "by-hand", _("Set by hand")


class PatientSplit(models.Model):
    """Whether a patient may teach or only judge.

    Triggers refuse a change once a version was trained or judged on the patient, and refuse to make a test patient of
    one whose image a version was trained on under another name.
    """

    patient = models.OneToOneField(Patient, on_delete=models.CASCADE, primary_key=True, related_name="split")
    split = models.CharField(max_length=16, choices=Split)
    origin = models.CharField(max_length=16, choices=SplitOrigin)
    stratum = models.CharField(max_length=120, blank=True)
    seed = models.PositiveIntegerField(null=True)
    reason = models.TextField(blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(split__in=Split.values), name="training_split_known"),
            models.CheckConstraint(
                name="training_split_by_hand_has_reason", condition=~Q(origin="by-hand") | ~Q(reason="")
            ),
            models.CheckConstraint(
                name="training_split_drawn_has_seed", condition=~Q(origin="drawn") | Q(seed__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.patient}: {self.split}"
