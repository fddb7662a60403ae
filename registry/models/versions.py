"""Model versions. Files are immutable; the row holds the hash that is checked at every load."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q, Value
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Institution
from registry.models.structures import Task

SPINE_CT = "spine-ct"
# Of rows without an institution.
PLATFORMS = Q(owner__isnull=True)


class VersionStatus(models.TextChoices):
    CANDIDATE = "candidate", _("Candidate")
    ACTIVE = "active", _("Active")
    RETIRED = "retired", _("Retired")


class ModelVersion(models.Model):
    """One trained network for one task: an HDF5 file, the spec read from it, and where it came from.

    ``owner`` is the institution that trained or imported it; without one it is the platform's, which every institution
    may use. ``number`` counts what one owner has made, by `VersionCounter`. ``flaw`` is what `spineml.model.probe`
    found wrong with its output: empty where nothing is, None while it was not looked for.

    A trigger keeps owner, number, file, size and SHA-256 as they were registered.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    task = models.ForeignKey(
        Task, on_delete=models.PROTECT, db_default=Value(SPINE_CT), db_column="task", related_name="versions"
    )
    owner = models.ForeignKey(Institution, null=True, on_delete=models.PROTECT, related_name="model_versions")
    number = models.PositiveIntegerField()
    retired = models.BooleanField(default=False)
    file = models.FileField(max_length=200)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    spec = models.JSONField()
    flaw = models.CharField(max_length=16, null=True)  # noqa: DJ001 - None and "" differ
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="children")
    notes = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    # What depends on who looks, filled in by `registry.selectors.as_seen_by`: at which of their institutions it is
    # active, whether it is the platform's default, whether it belongs to an institution that is not theirs, and its
    # parent where that one may be seen.
    active_at: tuple[str, ...] = ()
    is_default: bool = False
    is_foreign: bool = False
    seen_parent: ModelVersion | None = None

    class Meta:
        # The name from before this app was made: triggers of the database know it.
        db_table = "training_modelversion"
        ordering = ["task_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["task", "owner", "number"], name="training_version_number_of_owner"),
            models.UniqueConstraint(fields=["task", "number"], condition=PLATFORMS, name="training_version_number"),
            models.UniqueConstraint(fields=["task", "owner", "sha256"], name="training_version_file_of_owner"),
            models.UniqueConstraint(fields=["task", "sha256"], condition=PLATFORMS, name="training_version_file"),
        ]

    def __str__(self) -> str:
        """What its owner calls it."""
        if self.owner_id is None:
            return gettext("platform v%(number)s") % {"number": self.number}
        return f"v{self.number}"

    def get_absolute_url(self) -> str:
        return reverse("training:version", args=[self.pk])

    def name_at(self, institution_id: uuid.UUID | None) -> str:
        """What it is called at an institution: a version of another one goes by that one's name."""
        if self.owner_id in (None, institution_id) or self.owner is None:
            return str(self)
        return f"{self.owner.name} v{self.number}"

    @property
    def full_name(self) -> str:
        """The same for whoever works at several institutions."""
        return self.name_at(None)

    @property
    def file_name(self) -> str:
        """Part of the names of files: the same in every language."""
        return f"{'' if self.owner_id else 'platform-'}v{self.number}"

    @property
    def status(self) -> VersionStatus:
        """Active where it segments for an institution of whoever looks; see ``active_at``."""
        if self.retired:
            return VersionStatus.RETIRED
        return VersionStatus.ACTIVE if self.active_at else VersionStatus.CANDIDATE

    def get_status_display(self) -> str:
        return str(self.status.label)

    def trained_on(self, pixel_hash: str) -> bool:
        """True when these very images were among the version's training data, so that a Dice on them proves little."""
        return pixel_hash in self.training_hashes

    @property
    def figures(self) -> list[dict[str, Any]]:
        """The spec's own metrics as rows (``split``, ``source``, ``patients``, ``dice``, ...), test first."""
        metrics: dict[str, Any] = self.spec.get("metrics", {})
        splits = [(split, rows) for split, rows in sorted(metrics.items()) if isinstance(rows, list)]
        return [{"split": split, **row} for split, rows in splits for row in rows if isinstance(row, dict)]

    @property
    def training_hashes(self) -> frozenset[str]:
        data: dict[str, Any] = self.spec.get("data", {})
        return frozenset(data.get("pixel_hashes", ()))
