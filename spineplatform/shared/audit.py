"""Write to the audit trail, in the same transaction as the deed."""

from __future__ import annotations

import uuid
from typing import Any

from spineplatform.shared.models import AuditEvent


def record(
    *, actor: Any, action: str, object_id: object = "", institution_id: uuid.UUID | None = None, **detail: Any
) -> None:
    """Add one event; ``actor`` is None for what the platform does by itself."""
    AuditEvent.objects.create(
        actor=actor, action=action, object_id=str(object_id), institution_id=institution_id, detail=detail
    )
