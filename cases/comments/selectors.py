"""Reads of what people say to each other, and of what a person is told."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from accounts.access import Capability, institutions_with, roles_with
from accounts.models import User
from cases.models import Annotation, Case, Comment, Notice, Series
from cases.models.comments import NoticeQuerySet, read_address

# What the mention of a person looks like after its @ (cases/comments/services.py).
MENTIONABLE = r"^[\w.+-]*\w$"


def comments_of(series: Series, user: Any) -> QuerySet[Comment]:
    """What this person may read of what is said about a series, newest first."""
    return series.comments.seen_by(user).select_related("author")


def comment_counts(case: Case, user: Any) -> dict[str, int]:
    """How many comments this person may read, by the id of the series; series without any are left out."""
    seen = Comment.objects.filter(series__case=case).seen_by(user).order_by()
    return {str(pk): n for pk, n in seen.values_list("series").annotate(n=Count("pk"))}


def comment_facts(comment: Comment) -> dict[str, Any]:
    """A comment as the reading room lists it; ``z`` counts from 0 and is null for the whole series."""
    return {
        "id": str(comment.pk),
        "z": comment.z,
        "text": comment.text,
        "author": comment.author.display_name(),
        "created_at": comment.created_at.isoformat(),
    }


def who_may_see(institution_id: Any) -> QuerySet[User]:
    """The people who may see the cases of an institution: only their names mean anything in a comment."""
    roles = roles_with(Capability.VIEW_CASES)
    members = User.objects.filter(memberships__institution=institution_id, memberships__role__in=roles, is_active=True)
    return members.distinct()


def people_to_mention(series: Series, user: Any, words: str = "") -> QuerySet[User]:
    """Whom ``user`` can mention in a comment on a series, by what their user name or name holds of ``words``."""
    named = Q(username__icontains=words) | Q(first_name__icontains=words) | Q(last_name__icontains=words)
    others = who_may_see(series.institution_id).exclude(pk=user.pk)
    return others.filter(named, username__regex=MENTIONABLE).order_by("username")


def notices_of(user: Any) -> NoticeQuerySet:
    """The person's notices about cases, projects and models that they may still see, newest first."""
    homes = list(institutions_with(user, Capability.VIEW_CASES))
    seen = Q(case__institution__in=homes) | Q(project__institution__in=homes) | Q(institution__in=homes)
    return Notice.objects.visible_to(user).filter(seen).select_related("case", "project", "actor")


def unread_count(user: Any) -> int:
    return notices_of(user).unread().count()


def notice_facts(notice: Notice) -> dict[str, str]:
    """A notice as a page shows it on its arrival, in the reader's language."""
    return {
        "id": str(notice.pk),
        "kind": str(notice.get_kind_display()),
        "project": str(notice.project_id or ""),
        "actor": notice.actor.display_name() if notice.actor else "",
        "title": notice.title,
        "text": notice.words,
        "address": notice.address,
    }


def new_mask_facts(mask: Annotation) -> dict[str, str]:
    """The same of a mask that was saved while a page of its series is open; it is no notice and is not kept as one."""
    return {
        "id": str(mask.pk),
        "kind": _("New mask"),
        "project": "",
        "actor": mask.author.display_name() if mask.author else "",
        "title": str(mask),
        "text": "",
        "address": f"{read_address(mask.series_id)}?mask={mask.pk}",
    }
