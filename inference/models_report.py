"""Reports of a series that runs wrote."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.urls import reverse

from spineplatform.shared.runs import Run


class ReportRun(Run):
    """Writes the report of a series with one of its masks, as far as the person who asked may see.

    ``result`` holds what the page shows (``title``, ``facts``, ``warnings``, ``measurements``), and the names in the
    storage of the ``pdf`` and of the ``pictures``. Without ``with_title`` the case is known by its pseudonym alone.
    """

    kind = "report"
    task_name = "inference.tasks.report"

    series = models.ForeignKey("cases.Series", on_delete=models.CASCADE, related_name="reports")
    annotation = models.ForeignKey("cases.Annotation", on_delete=models.CASCADE, related_name="reports")
    with_title = models.BooleanField(default=False)
    result = models.JSONField(null=True)

    class Meta(Run.Meta):
        constraints = [
            *Run.Meta.constraints,
            models.UniqueConstraint(
                fields=["annotation", "with_title", "requested_by"],
                condition=Q(state__in=["queued", "running"]),
                name="inference_report_one_unfinished_run",
            ),
        ]

    def result_url(self) -> str:
        return reverse("inference:report", args=[self.pk])
