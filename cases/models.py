"""Patients, cases, series, uploads and masks. A case belongs to one institution and is invisible outside of it."""

from __future__ import annotations

import uuid
from typing import Any, Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.access import Capability, institutions_with
from accounts.models import Institution
from spineml.volume import Geometry
from spineplatform.shared.runs import Run

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

    objects = InstitutionRowQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["institution", "study_hash"], name="cases_case_study"),
            models.CheckConstraint(condition=Q(state__in=CaseState.values), name="cases_case_known_state"),
        ]
        indexes = [
            models.Index(fields=["institution", "-created_at", "-id"], name="cases_case_worklist"),
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
    def being_read_by(self, user: Any) -> Self:
        """Series that ``user`` reads in a project and that not all of its readers have finished."""
        return self._unfinished_of(user, left_at__isnull=True)

    def blind_to(self, user: Any) -> Self:
        """The same of blind projects, also for a reader who has left."""
        return self._unfinished_of(user).filter(reading_item__project__blind=True)

    def _unfinished_of(self, user: Any, **part: Any) -> Self:
        """``part`` narrows the person's membership; all of it is asked of one and the same."""
        part = {"user": user.pk, "role": "reader", **part}
        read_by = {f"reading_item__project__members__{name}": value for name, value in part.items()}
        return self.filter(**read_by, reading_item__state__in=["waiting", "one-read"])


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
    warnings = models.JSONField(default=list, blank=True)
    meta = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = SeriesQuerySet.as_manager()

    class Meta:
        ordering = ["case", "number"]
        verbose_name_plural = "series"
        constraints = [
            models.UniqueConstraint(fields=["case", "number"], name="cases_series_number"),
            models.UniqueConstraint(fields=["institution", "pixel_hash"], name="cases_series_pixels_once"),
        ]

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


class AnnotationSource(models.TextChoices):
    MODEL = "model", _("Model")
    UPLOAD = "upload", _("Uploaded")
    EDIT = "edit", _("Edited")


class AnnotationQuerySet(InstitutionRowQuerySet["Annotation"]):
    def seen_by(self, user: Any) -> Self:
        """Leave out what blind double reading hides from ``user``: masks of other people, until all have finished.

        Whoever shows masks, or figures from them, goes through here; rights are another matter (``visible_to``).
        """
        hidden = ~Q(source=AnnotationSource.MODEL) & ~Q(author=user.pk)
        return self.exclude(hidden, series__in=Series.objects.blind_to(user).values("pk"))

    def settled(self) -> Self:
        """Masks that may go on to training: of a series in a reading project only the one that was decided upon."""
        return self.filter(Q(series__reading_item__isnull=True) | Q(decision__isnull=False))


class Annotation(models.Model):
    """A mask on a series, by a person or a model. Immutable: a correction is a new one with its ``parent``."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="+")
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="annotations")
    source = models.CharField(max_length=16, choices=AnnotationSource)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="corrections")
    label = models.CharField(max_length=120, blank=True)
    mask = models.FileField(max_length=200)
    pixel_hash = models.CharField(max_length=64)
    voxels = models.PositiveBigIntegerField()
    volume_ml = models.FloatField(null=True)
    areas_px = models.JSONField()
    change = models.JSONField(null=True)  # to the parent, see spineml.mask_change
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AnnotationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="cases_annotation_model_or_author",
                condition=Q(source="model", author__isnull=True)
                | Q(source__in=["upload", "edit"], author__isnull=False),
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
    def slices_with_mask(self) -> int:
        return sum(1 for area in self.areas_px if area)


class ReviewVerdict(models.TextChoices):
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")
    SENT_BACK = "sent-back", _("Sent back")


class ReviewQuerySet(InstitutionRowQuerySet["Review"]):
    def latest_of_series(self) -> Self:
        """The last word on each series."""
        return self.order_by("series_id", "-created_at", "-id").distinct("series_id")

    def seen_by(self, user: Any) -> Self:
        """Leave out what others signed on series that ``user`` reads blindly."""
        return self.exclude(~Q(reader=user.pk), series__in=Series.objects.blind_to(user).values("pk"))


class Review(models.Model):
    """A reader's signature on a mask, or the reason why there is none. Immutable: the latest of a series counts."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="+")
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="reviews")
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
        indexes = [models.Index(fields=["series", "-created_at", "-id"], name="cases_review_latest")]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} by {self.reader}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A review is never changed: sign a new one.")
        super().save(*args, **kwargs)


class Upload(models.Model):
    """Files that one person sent at once. ``digest`` makes sending the same files again harmless."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="uploads")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    title = models.CharField(max_length=120, blank=True)
    options = models.JSONField(default=dict, blank=True)
    digest = models.CharField(max_length=64)
    total_bytes = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = InstitutionRowQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["institution", "digest"], name="cases_upload_digest")]

    def __str__(self) -> str:
        return self.title or f"Upload of {self.created_at:%Y-%m-%d %H:%M}"

    def get_absolute_url(self) -> str:
        return reverse("cases:upload_detail", args=[self.pk])


class Verdict(models.TextChoices):
    IMPORTED = "imported", _("Imported")
    WARNING = "warning", _("Imported with a warning")
    SKIPPED = "skipped", _("Skipped")
    REJECTED = "rejected", _("Rejected")


class UploadFile(models.Model):
    """One received file, and what became of it. ``staged`` is empty once the import has succeeded."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=500)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    staged = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name


class FileVerdict(models.Model):
    """What became of one file, also of each file inside a zip, with a reason a person can act on."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="verdicts")
    series = models.ForeignKey(Series, null=True, on_delete=models.SET_NULL, related_name="+")
    name = models.CharField(max_length=500)
    status = models.CharField(max_length=16, choices=Verdict)
    code = models.CharField(max_length=64, blank=True)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.name}: {self.status}"


class ImportRun(Run):
    """Reads an upload and makes cases and series of it."""

    kind = "import"
    task_name = "cases.tasks.import_upload"

    upload = models.OneToOneField(Upload, on_delete=models.CASCADE, related_name="run")

    def result_url(self) -> str:
        """The case, when there is just one; else the upload with its list."""
        cases = set(Case.objects.filter(series__in=self.upload.verdicts.values("series")).values_list("pk", flat=True))
        if len(cases) == 1:
            return reverse("cases:detail", args=[cases.pop()])
        return self.upload.get_absolute_url()


# Django finds models through this module; theirs name this one's by text.
from cases.models_agreement import (  # noqa: E402, F401
    AgreementRun,
    Decision,
    ProjectMember,
    Reading,
    ReadingItem,
    ReadingProject,
)
from cases.models_comments import Comment, Notice, NoticeKind  # noqa: E402, F401
from cases.models_presence import Presence  # noqa: E402, F401
from cases.models_reading import Draft, Measurement, MeasurementKind, ViewerSettings  # noqa: E402, F401
from cases.models_worklist import Assignment, ReaderGroup, SavedFilter  # noqa: E402, F401
