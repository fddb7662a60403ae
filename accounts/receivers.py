"""Who came and went, on record."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import receiver

from spineplatform.shared import audit


@receiver(user_logged_in, dispatch_uid="accounts.logged_in")
def _logged_in(sender: Any, user: Any, **kwargs: Any) -> None:
    audit.record(actor=user, action="user.logged-in", object_id=user.pk)


@receiver(user_logged_out, dispatch_uid="accounts.logged_out")
def _logged_out(sender: Any, user: Any, **kwargs: Any) -> None:
    if user is not None:  # a session that had already ended
        audit.record(actor=user, action="user.logged-out", object_id=user.pk)
