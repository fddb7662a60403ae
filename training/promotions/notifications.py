"""Who is told that another version segments, or is offered: the model admins of the institution, by a notice and, where
mail is set up, by a mail that says no more than the notice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.access import Capability, roles_with
from accounts.models import Institution, User
from cases.models import Notice, NoticeKind
from cases.notifications import tell
from registry.models import ActiveVersion, ModelVersion

log = logging.getLogger(__name__)
# Written by Django where no server for mail is named.
NO_MAIL = ("console", "dummy", "filebased")


def notify_model_admins(
    kind: NoticeKind, version: ModelVersion, institutions: Iterable[Institution], *, actor: Any, text: str = ""
) -> None:
    """Tell the model admins of each institution; whoever does it themselves is told too, so that nothing is quiet.

    ``text`` is what ``actor`` wrote. To be called inside the transaction of what it tells of.
    """
    notices = [
        Notice(
            recipient=person,
            kind=kind,
            institution=place,
            subject=version.name_at(place.pk)[:200],
            link=version.get_absolute_url(),
            actor=actor,
            text=text,
        )
        for place in institutions
        for person in model_admins(place)
    ]
    tell(Notice.objects.bulk_create(notices))
    if mail_is_set_up():
        for notice in notices:
            transaction.on_commit(partial(_mail, notice), robust=True)


def model_admins(institution: Institution) -> list[User]:
    roles = roles_with(Capability.MANAGE_MODELS)
    found = User.objects.filter(memberships__institution=institution, memberships__role__in=roles, is_active=True)
    return list(found.distinct())


def following_default(task: str) -> list[Institution]:
    """The institutions that have not chosen a version."""
    chosen = ActiveVersion.objects.filter(task=task, institution__isnull=False).values("institution")
    return list(Institution.objects.exclude(pk__in=chosen))


def mail_is_set_up() -> bool:
    return not any(f".{name}." in settings.EMAIL_BACKEND for name in NO_MAIL)


def _mail(notice: Notice) -> None:
    if not notice.recipient.email:
        return
    subject = f"{notice.get_kind_display()}: {notice.subject}"
    actor = notice.actor.display_name() if notice.actor else _("the platform")
    lines = [subject, _("By %(name)s") % {"name": actor}, notice.text]
    try:
        send_mail(" ".join(subject.split()), "\n\n".join(one for one in lines if one), None, [notice.recipient.email])
    except (SMTPException, OSError) as error:
        log.warning("mail_not_sent kind=%s error=%s", notice.kind, type(error).__name__)
