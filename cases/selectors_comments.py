"""Reads of what a person is told."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from accounts.access import Capability, institutions_with
from cases.models import Notice


def notices_of(user: Any) -> QuerySet[Notice]:
    """The person's notices about cases that they may still see, newest first."""
    homes = list(institutions_with(user, Capability.VIEW_CASES))
    return Notice.objects.told_to(user).filter(case__institution__in=homes).select_related("case", "actor")
