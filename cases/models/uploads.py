"""What was sent, what became of each file, and the run that reads it."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Institution
from cases.models.cases import Case, InstitutionRowQuerySet, Series
from spineplatform.shared.message_fields import MessageField
from spineplatform.shared.runs import Run


class Upload(models.Model):
    """Files that one person sent at once. ``digest`` makes sending the same files again harmless.

    ``known`` says which of them were imported before, into which cases, and what differs; empty: none was.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="uploads")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    title = models.CharField(max_length=120, blank=True)
    options = models.JSONField(default=dict, blank=True)
    digest = models.CharField(max_length=64)
    known = MessageField()
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


# The code of the verdict on what is here already.
DUPLICATE = "duplicate"


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
        indexes = [models.Index(fields=["sha256"], name="cases_upload_file_known")]

    def __str__(self) -> str:
        return self.name


class FileVerdict(models.Model):
    """What became of one file, also of each file inside a zip, with a reason a person can act on."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="verdicts")
    # The first of the series that the file is in, and all of them: a file may hold several.
    series = models.ForeignKey(Series, null=True, on_delete=models.SET_NULL, related_name="+")
    all_series = models.ManyToManyField(Series, related_name="+", blank=True)
    name = models.CharField(max_length=500)
    status = models.CharField(max_length=16, choices=Verdict)
    code = models.CharField(max_length=64, blank=True)
    reason = MessageField()

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
        """The case, when there is just one and no file was there before; else the upload with its list."""
        if self.upload.known or self.upload.verdicts.filter(code=DUPLICATE).exists():
            return self.upload.get_absolute_url()
        cases = set(
            Case.objects.filter(series__in=self.upload.verdicts.values("all_series")).values_list("pk", flat=True)
        )
        if len(cases) == 1:
            return reverse("cases:detail", args=[cases.pop()])
        return self.upload.get_absolute_url()
