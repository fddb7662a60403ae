"""Mails where no mail server is set."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

log = logging.getLogger(__name__)
NOT_SENT = f"{__name__}.NotSent"


class NotSent(BaseEmailBackend):
    """Sends nothing and says so in the log, without the address and the text."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        log.warning("mail_not_sent n=%s reason=SPINE_EMAIL_URL is not set", len(email_messages))
        return 0


@checks.register()
def mail_is_sent(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """In production a mail server is named: passwords are reset by mail."""
    if settings.EMAIL_BACKEND != NOT_SENT:
        return []
    hint = "Set SPINE_EMAIL_URL to a mail server, such as smtp+tls://user:password@host:587."
    return [checks.Warning("No mail is sent, so nobody can reset a forgotten password.", hint=hint, id="spine.W001")]
