"""Reports of a series or a case that runs wrote."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from spineplatform.shared.message_fields import MessagesJSONField
from spineplatform.shared.runs import Run


class ReportRun(Run):
    """Writes the report of a series with one of its masks, or of a whole case, as far as whoever asked may see.

    ``series`` and ``annotation`` are those of the report of a series, None of that of a case; ``masks`` are all that it
    shows, at most one of each series, and ``language`` is that of its PDF. ``result`` holds what the page shows
    (``title``, ``facts``, ``summary``, ``sections``) with the names in the storage of the ``pdf`` and the pictures.
    Without ``with_title`` the case is known by its pseudonym alone.
    """

    kind = "report"
    task_name = "inference.tasks.report"

    case = models.ForeignKey("cases.Case", on_delete=models.CASCADE, related_name="reports")
    series = models.ForeignKey("cases.Series", null=True, on_delete=models.CASCADE, related_name="reports")
    annotation = models.ForeignKey("cases.Annotation", null=True, on_delete=models.CASCADE, related_name="+")
    masks = models.ManyToManyField("cases.Annotation", related_name="reports")
    with_title = models.BooleanField(default=False)
    language = models.CharField(max_length=12, default=settings.LANGUAGE_CODE)
    result = MessagesJSONField(null=True)

    class Meta(Run.Meta):
        constraints = [
            *Run.Meta.constraints,
            models.UniqueConstraint(
                fields=["annotation", "with_title", "language", "requested_by"],
                condition=Q(state__in=["queued", "running"]),
                name="inference_report_one_unfinished_run",
            ),
            models.UniqueConstraint(
                fields=["case", "with_title", "language", "requested_by"],
                condition=Q(state__in=["queued", "running"], series__isnull=True),
                name="inference_report_one_unfinished_of_case",
            ),
            models.CheckConstraint(
                condition=Q(series__isnull=True, annotation__isnull=True)
                | Q(series__isnull=False, annotation__isnull=False),
                name="inference_report_of_series_or_case",
            ),
        ]

    def result_url(self) -> str:
        return reverse("inference:report", args=[self.pk])
