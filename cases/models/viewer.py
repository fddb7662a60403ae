"""What a reader leaves behind while reading: an unsaved correction, measurements, and how the viewer is set up."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Institution
from cases.models.hidden_names import HidesNames
from registry.models import Task


class Draft(models.Model):
    """A correction that is not saved yet: the changed slices of one person over one mask. Replaced as it grows.

    Without ``base`` a mask is drawn from nothing; ``task`` says whose labels it has (None: the spine's).
    ``slices`` holds, by slice number as text, the base64 of a zlib stream of the slice's labels. ``revision`` counts
    the writes, so that two tabs of one person notice each other.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    series = models.ForeignKey("cases.Series", on_delete=models.CASCADE, related_name="drafts")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    base = models.ForeignKey("cases.Annotation", null=True, on_delete=models.CASCADE, related_name="+")
    task = models.ForeignKey(Task, null=True, on_delete=models.PROTECT, related_name="+")
    slices = models.JSONField(default=dict)
    revision = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-updated_at"]
        constraints = [models.UniqueConstraint(fields=["series", "author"], name="cases_draft_one_each")]

    def __str__(self) -> str:
        return f"{len(self.slices)} slices by {self.author}"


class MeasurementKind(models.TextChoices):
    LENGTH = "length", _("Length")
    ANGLE = "angle", _("Angle")
    COBB = "cobb", _("Cobb angle")
    RECTANGLE = "rectangle", _("Rectangle")
    ELLIPSE = "ellipse", _("Ellipse")
    HEIGHT_RATIO = "height-ratio", _("Vertebral height ratio")


class MeasurementQuerySet(HidesNames["Measurement"]):
    """Who may see a measurement is said by `cases.projects.selectors.measurements_for`."""


class Measurement(models.Model):
    """Something measured on a series. ``points`` are LPS mm; ``values`` by name, in mm, mm2, degrees or HU. Immutable.

    ``plane`` and ``index`` say in which view and on which slice of it the points were set.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="+")
    series = models.ForeignKey("cases.Series", on_delete=models.CASCADE, related_name="measurements")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=MeasurementKind)
    plane = models.CharField(max_length=8)
    index = models.PositiveIntegerField()
    points = models.JSONField()
    values = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = MeasurementQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=MeasurementKind.values), name="cases_measurement_known_kind"),
            models.CheckConstraint(
                condition=Q(plane__in=["axial", "sagittal", "coronal"]), name="cases_measurement_known_plane"
            ),
        ]
        indexes = [models.Index(fields=["series", "created_at", "id"], name="cases_measurement_listed")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} by {self.author}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A measurement is never changed: remove it and measure again.")
        super().save(*args, **kwargs)


class ViewerSettings(models.Model):
    """How one person likes the viewer: window, opacity, layout. The browser decides what is in it."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="viewer_settings")
    values = models.JSONField(default=dict)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "viewer settings"

    def __str__(self) -> str:
        return str(self.user)
