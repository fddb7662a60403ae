"""The door to model versions. They belong to the platform, not to an institution."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.exceptions import ValidationError

from accounts.access import Capability, institutions_with, require_anywhere
from spineplatform.shared.errors import Forbidden, NotFound
from training.models import EvaluationRun, ModelVersion


def version_get(
    user: Any, version_id: uuid.UUID | str, capability: Capability = Capability.VIEW_MODELS
) -> ModelVersion:
    """Fetch a version.

    Raises:
        Forbidden: no role of the user includes ``capability``.
        NotFound: no such version.
    """
    require_anywhere(user, capability)
    try:
        return ModelVersion.objects.get(pk=version_id)
    except (ModelVersion.DoesNotExist, ValidationError, ValueError):
        raise NotFound from None


def evaluation_get(
    user: Any, run_id: uuid.UUID | str, capability: Capability = Capability.VIEW_MODELS
) -> EvaluationRun:
    """Fetch an evaluation, for whoever has the right at one of its data set's institutions.

    Raises:
        NotFound: no such evaluation, or the user belongs to none of these institutions.
        Forbidden: a member whose roles do not include ``capability``.
    """
    try:
        run = EvaluationRun.objects.select_related("version", "dataset", "requested_by").get(pk=run_id)
    except (EvaluationRun.DoesNotExist, ValidationError, ValueError):
        raise NotFound from None
    places = {run.institution_id, *run.dataset.institutions.values_list("pk", flat=True)}
    if not institutions_with(user, Capability.VIEW_MODELS).filter(pk__in=places).exists():
        raise NotFound
    if not institutions_with(user, capability).filter(pk__in=places).exists():
        raise Forbidden(f"Your role does not allow you to {capability.value}. Ask your institution's administrator.")
    return run
