"""What people say to each other about a series, and what each is told of it and of reading projects."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import Institution
from cases.models.cases import Series
from cases.models.hidden_names import HidesNames
from cases.models.projects import ProjectMember, ProjectRole


def _read_blindly(user: Any) -> models.QuerySet[Any]:
    return Series.objects.blind_to(user).values("pk")


class CommentQuerySet(HidesNames["Comment"]):
    def seen_by(self, user: Any) -> Self:
        """Leave out what others say about series that ``user`` reads blindly."""
        return self.exclude(~Q(author=user.pk), series__in=_read_blindly(user)).names_for(user)


class Comment(models.Model):
    """A remark on a series, or on its slice ``z``. Immutable."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="+")
    series = models.ForeignKey("cases.Series", on_delete=models.CASCADE, related_name="comments")
    z = models.PositiveIntegerField(null=True)
    text = models.TextField(max_length=2000)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = CommentQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["series", "-created_at", "-id"], name="cases_comment_listed")]
        constraints = [models.CheckConstraint(condition=~Q(text=""), name="cases_comment_says_something")]

    def __str__(self) -> str:
        return f"{self.author} on {self.series}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A comment is never changed: write another.")
        super().save(*args, **kwargs)

    @property
    def slice_number(self) -> int | None:
        """Counted from 1, as people read it."""
        return None if self.z is None else self.z + 1

    @property
    def read_address(self) -> str:
        return read_address(self.series_id, self.z)


class NoticeKind(models.TextChoices):
    MENTION = "mention", _("Mentioned you")
    ASSIGNMENT = "assignment", _("Assigned to you")
    SENT_BACK = "sent-back", _("Sent back")
    TO_READ = "to-read", _("Series to read")
    TO_SETTLE = "to-settle", _("Ready to adjudicate")
    ALL_SETTLED = "all-settled", _("All series are decided")
    MODEL_PROMOTED = "model-promoted", _("Promoted despite the promotion gate")
    MODEL_DEFAULT = "model-default", _("New default of the platform")
    MODEL_SHARED = "model-shared", _("Model shared with us")
    MODEL_UNSHARED = "model-unshared", _("Model no longer shared")


# What each kind is about: whatever is not named here is empty.
ABOUT_SERIES = (NoticeKind.MENTION, NoticeKind.SENT_BACK)
ABOUT_CASE = (*ABOUT_SERIES, NoticeKind.ASSIGNMENT)
ABOUT_PROJECT = (NoticeKind.TO_READ, NoticeKind.TO_SETTLE, NoticeKind.ALL_SETTLED)
# Of a model version, which this app does not know: it is told by an institution, a name and an address.
ABOUT_MODEL = (
    NoticeKind.MODEL_PROMOTED,
    NoticeKind.MODEL_DEFAULT,
    NoticeKind.MODEL_SHARED,
    NoticeKind.MODEL_UNSHARED,
)
WITH_NUMBER = (NoticeKind.TO_READ, NoticeKind.TO_SETTLE)
PART_TOLD = {NoticeKind.TO_READ: ProjectRole.READER, NoticeKind.TO_SETTLE: ProjectRole.ADJUDICATOR}


class NoticeQuerySet(HidesNames["Notice"]):
    person = "actor"

    def unread(self) -> Self:
        return self.filter(read_at__isnull=True)

    def visible_to(self, user: Any) -> Self:
        """What the person is told; what others say about a series read blindly is told once all have finished it.

        Of what there is to do in a project only who has that part in it is told, and nobody who has left.
        """
        mine = self.filter(recipient=user).exclude(series__isnull=False, series__in=_read_blindly(user))
        for kind, role in PART_TOLD.items():
            parts = ProjectMember.objects.taking_part().filter(user=user.pk, role=role)
            mine = mine.exclude(~Q(project__in=parts.values("project")), kind=kind)
        return mine.names_for(user)


def _only_of(kinds: Iterable[NoticeKind], field: str) -> Q:
    """Notices of these kinds have the field, and no others."""
    of_them = Q(kind__in=[kind.value for kind in kinds])
    return (of_them & Q(**{f"{field}__isnull": False})) | (~of_them & Q(**{f"{field}__isnull": True}))


class Notice(models.Model):
    """One thing that one person is told: of a case, of a reading project, or of a model of an institution, which
    ``subject`` names and ``link`` leads to.

    ``text`` is what the other one wrote, ``number`` how many series of the project there are to read or to settle.
    A newer notice of a project takes the place of one that was not read yet.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=16, choices=NoticeKind)
    case = models.ForeignKey("cases.Case", null=True, on_delete=models.CASCADE, related_name="+")
    series = models.ForeignKey("cases.Series", null=True, on_delete=models.CASCADE, related_name="+")
    project = models.ForeignKey("cases.ReadingProject", null=True, on_delete=models.CASCADE, related_name="+")
    institution = models.ForeignKey("accounts.Institution", null=True, on_delete=models.CASCADE, related_name="+")
    subject = models.CharField(max_length=200, blank=True)
    link = models.CharField(max_length=200, blank=True)
    number = models.PositiveIntegerField(null=True)
    z = models.PositiveIntegerField(null=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    text = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    read_at = models.DateTimeField(null=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["recipient", "-created_at", "-id"], name="cases_notice_listed"),
            models.Index(fields=["recipient"], name="cases_notice_unread", condition=Q(read_at__isnull=True)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=NoticeKind.values), name="cases_notice_known_kind"),
            models.CheckConstraint(condition=_only_of(ABOUT_CASE, "case"), name="cases_notice_of_case"),
            models.CheckConstraint(condition=_only_of(ABOUT_SERIES, "series"), name="cases_notice_of_series"),
            models.CheckConstraint(condition=_only_of(ABOUT_PROJECT, "project"), name="cases_notice_of_project"),
            models.CheckConstraint(condition=_only_of(WITH_NUMBER, "number"), name="cases_notice_with_number"),
            models.CheckConstraint(condition=_only_of(ABOUT_MODEL, "institution"), name="cases_notice_of_model"),
            models.CheckConstraint(
                condition=Q(series__isnull=False)
                | Q(z__isnull=True, text="")
                | Q(z__isnull=True, institution__isnull=False),
                name="cases_notice_words_of_series",
            ),
            models.CheckConstraint(condition=~Q(number=0), name="cases_notice_of_some_series"),
            models.UniqueConstraint(
                fields=["recipient", "project", "kind"],
                condition=Q(read_at__isnull=True, project__isnull=False),
                name="cases_notice_one_unread_of_project",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.recipient}"

    @property
    def title(self) -> str:
        """The case, the project or the model that it is about."""
        if self.subject:
            return self.subject
        return str(self.project if self.case is None else self.case)

    @property
    def words(self) -> str:
        """What the other one wrote, or how many series it is about, in the language of whoever reads it."""
        if self.number is None:
            return self.text
        return ngettext("%(n)s series", "%(n)s series", self.number) % {"n": self.number}

    @property
    def address(self) -> str:
        if self.link:
            return self.link
        if self.series_id is not None:
            return read_address(self.series_id, self.z)
        if self.case_id is not None:
            return reverse("cases:detail", args=[self.case_id])
        settled = self.kind == NoticeKind.ALL_SETTLED
        return reverse("projects:project", args=[self.project_id]) + ("#agreement" if settled else "")


def read_address(series_id: uuid.UUID, z: int | None = None) -> str:
    """The reading room, at slice ``z``."""
    return reverse("viewer:read", args=[series_id]) + ("" if z is None else f"#z={z}")
