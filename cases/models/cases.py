"""Patients, cases and series. A case belongs to one institution and is invisible outside of it."""

from __future__ import annotations

import uuid
from typing import Any, Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.access import Capability, institutions_with
from accounts.models import Institution
from cases.models.projects import BEING_READ, ProjectRole
from spineml.volumes.volume import Geometry
from spineplatform.shared.message_fields import MessageListField

M = TypeVar("M", bound=models.Model)


class InstitutionRowQuerySet(models.QuerySet[M]):
    """Rows that carry the institution they belong to."""

    def visible_to(self, user: Any) -> Self:
        """Asks for the institutions first: with their ids at hand PostgreSQL reads a page of rows from the index."""
        return self.filter(institution__in=list(institutions_with(user, Capability.VIEW_CASES)))


class Patient(models.Model):
    """A person known by a pseudonym. ``key_hash`` finds the patient again; it cannot be turned back into a name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="patients")
    pseudonym = models.CharField(max_length=32)
    key_hash = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001 - unique where it is known
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["institution", "pseudonym"], name="cases_patient_pseudonym"),
            models.UniqueConstraint(fields=["institution", "key_hash"], name="cases_patient_key"),
        ]

    def __str__(self) -> str:
        return self.pseudonym


class CaseState(models.TextChoices):
    """Where a case is on its way to a signed-off mask."""

    IMPORTED = "imported", _("Imported")
    SEGMENTED = "segmented", _("Segmented")
    IN_REVIEW = "in-review", _("In review")
    CORRECTED = "corrected", _("Corrected")
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")


# A case in one of these waits for a reader.
WAITING = (CaseState.SEGMENTED, CaseState.IN_REVIEW, CaseState.CORRECTED)
SIGNED = (CaseState.APPROVED, CaseState.REJECTED)


class Case(models.Model):
    """One study of one patient: the unit a clinician works through."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="cases")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="cases")
    title = models.CharField(max_length=120)
    study_hash = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001 - unique where it is known
    state = models.CharField(max_length=16, choices=CaseState, default=CaseState.IMPORTED)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # When something that the work list shows of it changed, by the database's clock: see cases.changes.
    changed_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = InstitutionRowQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["institution", "study_hash"], name="cases_case_study"),
            models.CheckConstraint(condition=Q(state__in=CaseState.values), name="cases_case_known_state"),
        ]
        indexes = [
            models.Index(fields=["institution", "-created_at", "-id"], name="cases_case_worklist"),
            models.Index(fields=["institution", "-changed_at"], name="cases_case_changed"),
            models.Index(
                fields=["institution", "created_at", "id"], name="cases_case_waiting", condition=Q(state__in=WAITING)
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("cases:detail", args=[self.pk])

    @property
    def is_signed(self) -> bool:
        return self.state in SIGNED


class SeriesQuerySet(InstitutionRowQuerySet["Series"]):
    def blind_to(self, user: Any) -> Self:
        """Series of blind projects that ``user`` reads, or has left, and that not all readers have finished."""
        return self.filter(
            reading_item__project__members__user=user.pk,
            reading_item__project__members__role=ProjectRole.READER,
            reading_item__project__blind=True,
            reading_item__state__in=BEING_READ,
        )


class Series(models.Model):
    """One CT volume on one grid, kept as a canonical HDF5 file that never changes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="+")
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="series")
    number = models.PositiveSmallIntegerField()
    description = models.CharField(max_length=120, blank=True)
    modality = models.CharField(max_length=16, blank=True)
    source_kind = models.CharField(max_length=16)
    geometry_json = models.JSONField()
    volume = models.FileField(max_length=200)
    originals = models.FileField(max_length=200, blank=True)
    pixel_hash = models.CharField(max_length=64)
    # Of the values, the grid and the patient: see cases.intake.duplicates.
    content_hash = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001 - unique where it is known
    warnings = MessageListField()
    meta = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = SeriesQuerySet.as_manager()

    class Meta:
        ordering = ["case", "number"]
        verbose_name_plural = "series"
        constraints = [
            models.UniqueConstraint(fields=["case", "number"], name="cases_series_number"),
            models.UniqueConstraint(fields=["institution", "content_hash"], name="cases_series_once"),
        ]
        indexes = [models.Index(fields=["institution", "pixel_hash"], name="cases_series_pixels")]

    def __str__(self) -> str:
        return self.description or self._size()

    def get_absolute_url(self) -> str:
        return reverse("cases:series", args=[self.pk])

    def _size(self) -> str:
        """In the language of whoever reads it: most files that are no DICOM describe nothing."""
        depth, height, width = self.geometry_json["shape"]
        words = ngettext("%(width)s x %(height)s, %(n)s slice", "%(width)s x %(height)s, %(n)s slices", depth)
        return words % {"width": width, "height": height, "n": depth}

    @property
    def geometry(self) -> Geometry:
        return Geometry.from_json(self.geometry_json)

    @property
    def depth(self) -> int:
        return int(self.geometry_json["shape"][0])

    @property
    def height(self) -> int:
        return int(self.geometry_json["shape"][1])

    @property
    def width(self) -> int:
        return int(self.geometry_json["shape"][2])

    @property
    def holds_hu(self) -> bool:
        """False for windowed pictures, whose values are only like HU."""
        return "windowed" not in str(self.meta.get("intensity", ""))
