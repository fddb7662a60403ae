"""People and the institutions they work in."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Institution(models.Model):
    """A hospital or research group. Its cases are invisible to everybody outside."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person. Rights come from memberships; ``is_superuser`` runs the platform but sees no case by it."""

    email = models.EmailField(_("email address"), blank=True)
    # Where the person has or had a role: whoever loses the last one stays listed there (see receivers).
    institutions = models.ManyToManyField(Institution, related_name="people", blank=True)

    class Meta:
        ordering = ["username"]
        constraints = [
            models.UniqueConstraint(
                models.functions.Lower("email"), name="accounts_user_email", condition=~models.Q(email="")
            )
        ]

    # Django's own ``_password`` says so of a password, not of taking it away.
    password_taken_away = False

    def set_unusable_password(self) -> None:
        super().set_unusable_password()
        self.password_taken_away = True

    def display_name(self) -> str:
        return self.get_full_name() or self.username


class Role(models.TextChoices):
    CLINICIAN = "clinician", _("Clinician")
    ANNOTATOR = "annotator", _("Annotator")
    MODEL_ADMIN = "model_admin", _("Model admin")
    INSTITUTION_ADMIN = "institution_admin", _("Institution admin")


class Membership(models.Model):
    """One role of one person in one institution; a person may have several."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    institution = models.ForeignKey(Institution, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=32, choices=Role)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["institution__name", "role"]
        constraints = [
            models.UniqueConstraint(fields=["user", "institution", "role"], name="accounts_membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="accounts_membership_known_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.get_role_display()} at {self.institution}"
