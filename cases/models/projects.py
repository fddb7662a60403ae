"""Projects in which several readers read the same series, what came of each reading, and what was decided."""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q, Value
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Institution
from registry.models import SPINE_CT, Task
from spineplatform.shared.message_fields import MessageField
from spineplatform.shared.runs import Run

DEFAULT_MARGIN = 0.02


class ReadingProject(models.Model):
    """Series of which two or more readers draw the structures of one task, and adjudicators settle.

    ``blind`` hides each reader's masks from the others until all have finished the series. ``names_hidden`` keeps from
    adjudicators which reader drew, measured, said or signed what (``cases.models.hidden_names``). ``agreed_dice`` lets
    readers settle a series by themselves: None asks an adjudicator for every series. ``margin`` is the Dice by which a
    model may agree less with readers than these with each other and still be inside human variation. ``summary`` is
    ``spineml.metrics.reader_agreement.summarised`` over the series that all have read, None before the first.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    task = models.ForeignKey(Task, on_delete=models.PROTECT, db_default=Value(SPINE_CT), related_name="+")
    blind = models.BooleanField(default=True)
    names_hidden = models.BooleanField(default=False)
    agreed_dice = models.FloatField(null=True)
    margin = models.FloatField(default=DEFAULT_MARGIN)
    summary = models.JSONField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["institution", "name"], name="cases_project_name"),
            models.CheckConstraint(
                condition=Q(agreed_dice__isnull=True) | Q(agreed_dice__gt=0, agreed_dice__lte=1),
                name="cases_project_agreed_dice",
            ),
            models.CheckConstraint(condition=Q(margin__gt=0, margin__lt=1), name="cases_project_margin"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("projects:project", args=[self.pk])


class ProjectRole(models.TextChoices):
    READER = "reader", _("Reader")
    ADJUDICATOR = "adjudicator", _("Adjudicator")


class ProjectMemberQuerySet(models.QuerySet["ProjectMember"]):
    def taking_part(self) -> Self:
        return self.filter(left_at__isnull=True)


class ProjectMember(models.Model):
    """A person's part in a project: reader or adjudicator, never both. The first reader has the lowest id.

    A reader who leaves after having finished a series, or a blind project that has begun, is kept with ``left_at``: the
    readings count, and no series waits for them any more.
    """

    project = models.ForeignKey(ReadingProject, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=16, choices=ProjectRole)
    left_at = models.DateTimeField(null=True)

    objects = ProjectMemberQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="cases_project_one_part_each"),
            models.CheckConstraint(condition=Q(role__in=ProjectRole.values), name="cases_project_known_role"),
            models.CheckConstraint(condition=Q(left_at__isnull=True) | Q(role="reader"), name="cases_project_left"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"


class ItemState(models.TextChoices):
    """How far the readers of a project are with one series."""

    WAITING = "waiting", _("Waiting")
    ONE_READ = "one-read", _("Not all have read")
    ALL_READ = "all-read", _("Needs adjudication")
    AGREED = "agreed", _("Agreed")
    ADJUDICATED = "adjudicated", _("Adjudicated")


BEING_READ = (ItemState.WAITING, ItemState.ONE_READ)
SETTLED = (ItemState.AGREED, ItemState.ADJUDICATED)


class ReadingItem(models.Model):
    """One series of a project; a series is in one project at most. ``figures`` is the result of its last run."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(ReadingProject, on_delete=models.CASCADE, related_name="items")
    series = models.OneToOneField("cases.Series", on_delete=models.CASCADE, related_name="reading_item")
    state = models.CharField(max_length=16, choices=ItemState, default=ItemState.WAITING)
    figures = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ItemState.values), name="cases_item_known_state"),
            models.CheckConstraint(
                condition=Q(figures__isnull=True) | ~Q(state__in=["waiting", "one-read"]),
                name="cases_item_no_figures_before_all_read",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.series} in {self.project}"

    def get_absolute_url(self) -> str:
        return reverse("projects:item", args=[self.pk])


class Reading(models.Model):
    """A reader has finished a series with this mask: their own, or the model's that they accepted."""

    item = models.ForeignKey(ReadingItem, on_delete=models.CASCADE, related_name="readings")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    annotation = models.ForeignKey("cases.Annotation", on_delete=models.PROTECT, related_name="+")
    finished_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["item", "reader"], name="cases_reading_once_each")]

    def __str__(self) -> str:
        return f"{self.reader} finished {self.item}"


class DecisionKind(models.TextChoices):
    """Where the mask came from that was decided upon."""

    AGREED = "agreed", _("The readers agreed")
    READING = "reading", _("A reader's mask")
    MODEL = "model", _("The model's mask")
    PROPOSAL = "proposal", _("A computed proposal")
    CORRECTION = "correction", _("A correction")


class Decision(models.Model):
    """The one mask of a series that goes on to training. Immutable; it ends when the series is reopened
    (``cases.projects.reopening``). Only readers who agree need no adjudicator."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    item = models.OneToOneField(ReadingItem, on_delete=models.PROTECT, related_name="decision")
    annotation = models.OneToOneField("cases.Annotation", on_delete=models.PROTECT, related_name="decision")
    kind = models.CharField(max_length=16, choices=DecisionKind)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    note = MessageField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=DecisionKind.values), name="cases_decision_known_kind"),
            models.CheckConstraint(
                condition=Q(kind="agreed", decided_by__isnull=True) | (~Q(kind="agreed") & Q(decided_by__isnull=False)),
                name="cases_decision_agreed_or_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.item}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A decision is never changed.")
        super().save(*args, **kwargs)


class AgreementJob(models.TextChoices):
    """What a run computes from the finished masks of a series: figures, or a mask to propose."""

    FIGURES = "figures", _("Agreement statistics")
    UNION = "union", _("Union of the readers")
    STAPLE = "staple", _("STAPLE of the readers")
    MAJORITY = "majority", _("Majority of the readers")
    MAJORITY_WITH_MODEL = "majority-model", _("Majority of the readers and the model")

    def label_for(self, readers: int) -> str:
        """What it makes of so many readers' masks: more than half of two is both."""
        return str(_("Intersection of the readers") if self == self.MAJORITY and readers == 2 else self.label)


class AgreementRun(Run):
    """Compares the finished masks of a series, or makes one mask of them (``annotation``)."""

    kind = "agreement"
    task_name = "cases.tasks.agree"

    item = models.ForeignKey(ReadingItem, on_delete=models.CASCADE, related_name="runs")
    job = models.CharField(max_length=16, choices=AgreementJob)
    annotation = models.OneToOneField(
        "cases.Annotation", null=True, on_delete=models.PROTECT, related_name="proposal_run"
    )

    class Meta(Run.Meta):
        constraints = [
            *Run.Meta.constraints,
            models.UniqueConstraint(
                fields=["item", "job"],
                condition=Q(state__in=["queued", "running"]),
                name="cases_agreement_one_unfinished_run",
            ),
            models.CheckConstraint(condition=Q(job__in=AgreementJob.values), name="cases_agreement_known_job"),
            models.CheckConstraint(
                condition=Q(annotation__isnull=True) | ~Q(job="figures"), name="cases_agreement_figures_make_no_mask"
            ),
        ]

    def result_url(self) -> str:
        return reverse("projects:item", args=[self.item_id])
