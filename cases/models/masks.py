"""Masks of people and models."""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q, Value
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Institution
from cases.models.cases import InstitutionRowQuerySet, Series
from cases.models.hidden_names import HidesNames
from registry.models import SPINE_CT, ModelVersion, Task
from spineml.tasks.label_sizes import LabelSize, label_sizes
from spineplatform.shared.message_fields import MessagesJSONField


class AnnotationSource(models.TextChoices):
    MODEL = "model", _("Model")
    UPLOAD = "upload", _("Uploaded")
    EDIT = "edit", _("Edited")
    DRAWN = "drawn", _("Drawn")


class AnnotationQuerySet(HidesNames["Annotation"], InstitutionRowQuerySet["Annotation"]):  # type: ignore[override]
    def seen_by(self, user: Any) -> Self:
        """Leave out what blind double reading hides from ``user``: masks of other people, until all have finished, and
        names from adjudicators who are not to know them.

        Whoever shows masks, or figures from them, goes through here; rights are another matter (``visible_to``).
        """
        hidden = ~Q(source=AnnotationSource.MODEL) & ~Q(author=user.pk)
        return self.exclude(hidden, series__in=Series.objects.blind_to(user).values("pk")).names_for(user)

    def settled(self) -> Self:
        """Masks that may go on to training: of a series in a reading project only the one that was decided upon."""
        return self.filter(Q(series__reading_item__isnull=True) | Q(decision__isnull=False))


class Exposure(models.Model):
    """A person has been shown a mask of a series that somebody else drew. Kept for ever: nobody unsees a mask.

    Whoever has one is no blind reader of that series any more, whatever becomes of projects and of parts in them.
    """

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="exposures")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["series", "user"], name="cases_exposure_once")]

    def __str__(self) -> str:
        return f"{self.user} has seen masks of {self.series}"


class Annotation(models.Model):
    """A mask on a series, by a person or a model. Immutable: a correction is a new one with its ``parent``.

    Its file holds labels of its ``task``. ``labels`` has a row for each that occurs (`LabelSummary.as_row`);
    ``voxels``, ``volume_ml`` and ``areas_px`` are of all labels together. Masks from before labels had names are of the
    spine, and do not know their centroid.

    Of a model's mask ``confidence`` holds, for each slice, the Dice that the network expects of it
    (``spineml.metrics.expected_dice``); it is empty for masks from before it was measured. ``deviations`` tells in what
    the series is far outside of the images that the version learned from, each with ``code`` and ``message``
    (``spineml.model.fingerprint``).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="+")
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="annotations")
    task = models.ForeignKey(Task, on_delete=models.PROTECT, db_default=Value(SPINE_CT), related_name="masks")
    source = models.CharField(max_length=16, choices=AnnotationSource)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="corrections")
    label = models.CharField(max_length=120, blank=True)
    mask = models.FileField(max_length=200)
    pixel_hash = models.CharField(max_length=64)
    voxels = models.PositiveBigIntegerField()
    volume_ml = models.FloatField(null=True)
    areas_px = models.JSONField()
    labels = models.JSONField(default=list)
    change = models.JSONField(null=True)  # to the parent, see spineml.masks.change
    model_version = models.ForeignKey(ModelVersion, null=True, on_delete=models.PROTECT, related_name="masks")
    confidence = models.JSONField(default=list)
    deviations = MessagesJSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AnnotationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="cases_annotation_model_or_author",
                condition=Q(source="model", author__isnull=True)
                | Q(source__in=["upload", "edit", "drawn"], author__isnull=False),
            ),
            models.CheckConstraint(
                name="cases_annotation_version_of_model",
                condition=Q(source="model") | Q(model_version__isnull=True),
            ),
            models.CheckConstraint(
                name="cases_annotation_edit_has_parent", condition=~Q(source="edit") | Q(parent__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.label or self.get_source_display()

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A mask is never changed: save a new one with this as its parent.")
        super().save(*args, **kwargs)

    @property
    def held(self) -> bool:
        """Whether something is suspected of it, and nobody has said that it is right."""
        return any(one.confirmed_at is None for one in self.suspicions.all())

    @property
    def slices_with_mask(self) -> int:
        return sum(1 for area in self.areas_px if area)

    @property
    def label_sizes(self) -> list[LabelSize]:
        """Its labels in the order of the task, with their sizes."""
        return label_sizes(self.task.definition, self.labels)

    @property
    def structures(self) -> list[LabelSize]:
        """The same for a task with several labels; empty where the size of the mask says it all."""
        return self.label_sizes if len(self.task.labels.all()) > 1 else []
