"""Reads of what a person is told."""

from __future__ import annotations

from typing import Any

from accounts.access import Capability, institutions_with
from cases.models import Notice
from cases.models_comments import NoticeQuerySet


def notices_of(user: Any) -> NoticeQuerySet:
    """The person's notices about cases that they may still see, newest first."""
    homes = list(institutions_with(user, Capability.VIEW_CASES))
    return Notice.objects.told_to(user).filter(case__institution__in=homes).select_related("case", "actor")


def unread_count(user: Any) -> int:
    return notices_of(user).unread().count()


def notice_facts(notice: Notice) -> dict[str, str]:
    """A notice as a page shows it on its arrival, in the reader's language."""
    return {
        "id": str(notice.pk),
        "kind": str(notice.get_kind_display()),
        "actor": notice.actor.display_name() if notice.actor else "",
        "case": notice.case.title,
        "text": notice.text,
        "address": notice.address,
    }
