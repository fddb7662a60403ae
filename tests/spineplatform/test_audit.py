"""What was once on record stays there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from spineplatform.shared import audit
from spineplatform.shared.models import AuditEvent

pytestmark = pytest.mark.django_db
ATTEMPTS: list[Callable[[], Any]] = [
    lambda: AuditEvent.objects.get().delete(),
    lambda: AuditEvent.objects.get().save(),
    lambda: AuditEvent.objects.all().delete(),
    lambda: AuditEvent.objects.update(action="nothing"),
]


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=["delete one", "change one", "delete all", "change all"])
def test_nobody_changes_or_deletes_an_event(attempt: Callable[[], Any]) -> None:
    audit.record(actor=None, action="something.done")
    with pytest.raises(TypeError):
        attempt()
    assert AuditEvent.objects.get().action == "something.done"
