"""The door to model versions. They belong to the platform, not to an institution."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.exceptions import ValidationError

from accounts.access import Capability, require_anywhere
from spineplatform.shared.errors import NotFound
from training.models import ModelVersion


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
