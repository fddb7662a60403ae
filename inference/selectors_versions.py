"""Which masks a version made."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from accounts.access import Capability, institutions_with
from inference.models import Prediction
from registry.models import ModelVersion


def masks_of_version(user: Any, version: ModelVersion) -> QuerySet[Prediction]:
    """The masks that ``version`` made of cases the user may see, newest first."""
    places = list(institutions_with(user, Capability.VIEW_CASES).values_list("pk", flat=True))
    found = Prediction.objects.filter(annotation__model_version=version, annotation__institution__in=places)
    return found.select_related("annotation__series__case__patient", "run").order_by("-created_at", "-id")
