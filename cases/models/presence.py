"""Who has a case open at this moment."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from cases.models.hidden_names import HidesNames, Readers, readers_of_cases

# A page says every fifteen seconds that it is still open; the row of a process that died is soon forgotten.
KEPT_EVERY_SECONDS, FORGOTTEN_AFTER_SECONDS = 15.0, 45.0


class PresenceQuerySet(HidesNames["Presence"]):
    person = "user"

    def here_now(self) -> Self:
        return self.filter(seen_at__gt=_forgotten())

    def gone(self) -> Self:
        return self.filter(seen_at__lte=_forgotten())

    def of_others(self, user: Any) -> Self:
        return self.exclude(user=user.pk).names_for(user)

    def _hidden(self, user: Any, rows: Sequence[Any]) -> list[Readers]:
        """A case has several series, each with letters of its own: its readers are called nothing but that."""
        found = readers_of_cases(user, {row.case_id for row in rows})
        return [found.get(row.case_id, {}) for row in rows]


def _forgotten() -> Any:
    return timezone.now() - timedelta(seconds=FORGOTTEN_AFTER_SECONDS)


class Presence(models.Model):
    """One open page of a case; somebody with two tabs has two."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey("cases.Case", on_delete=models.CASCADE, related_name="presences")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    opened_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    objects = PresenceQuerySet.as_manager()

    class Meta:
        ordering = ["opened_at", "id"]
        indexes = [
            models.Index(fields=["case", "seen_at"], name="cases_presence_here"),
            models.Index(fields=["seen_at"], name="cases_presence_gone"),
        ]

    def __str__(self) -> str:
        return f"{self.user} at {self.case}"
