"""Writes of comments, and of what people are told."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.access import Capability, require
from accounts.models import User
from cases.comments.selectors import who_may_see
from cases.models import Case, Comment, Notice, NoticeKind, ReadingProject, Series
from cases.notifications import notify_changed, notify_comment, person_group, tell
from spineplatform.shared import audit
from spineplatform.shared.errors import UserError

MENTION = re.compile(r"(?<![\w@])@([\w.+-]*\w)")


class NoSuchSlice(UserError):
    """The series does not have this slice. Give one that it has, or none."""

    code = "no-such-slice"


def comment_write(*, series: Series, actor: Any, text: str, z: int | None = None) -> Comment:
    """Say something about a series or its slice ``z``; each member named as @username is told.

    Raises:
        NoSuchSlice: ``z`` is not on the series.
        Forbidden, NotFound: ``actor`` may not see cases there.
    """
    require(actor, series.institution_id, Capability.VIEW_CASES)
    if z is not None and z >= series.depth:
        raise NoSuchSlice
    with transaction.atomic():
        comment = Comment.objects.create(
            institution_id=series.institution_id, series=series, author=actor, text=text, z=z
        )
        people = people_mentioned(text, series.institution_id).exclude(pk=actor.pk)
        notify(people, NoticeKind.MENTION, cases=[series.case], actor=actor, series=series, z=z, text=text)
        notify_comment(comment)
        audit.record(actor=actor, action="comment.written", object_id=comment.pk, institution_id=series.institution_id)
    return comment


def people_mentioned(text: str, institution_id: uuid.UUID) -> QuerySet[User]:
    """Only who may see the case: an outsider's name is just text."""
    return who_may_see(institution_id).filter(username__in=MENTION.findall(text))


def notify(people: Iterable[User], kind: NoticeKind, *, cases: Sequence[Case], actor: Any, **about: Any) -> None:
    """Tell each of ``people`` of each case. ``about``: ``series``, ``z`` and ``text``, where they are known."""
    notices = [Notice(recipient=one, kind=kind, case=case, actor=actor, **about) for one in people for case in cases]
    tell(Notice.objects.bulk_create(notices))


def notices_read(*, actor: Any, ids: Collection[uuid.UUID] = ()) -> int:
    """Mark one's own notices as read, all of them without ``ids``; returns how many were not yet."""
    mine = Notice.objects.visible_to(actor).unread()
    if ids:
        mine = mine.filter(pk__in=ids)
    marked = mine.update(read_at=timezone.now())
    notify_changed(person_group(actor.pk))
    return marked


def notices_followed(*, actor: Any, **about: Case | ReadingProject) -> None:
    """Whoever opens a page of the ``case`` or ``project`` has read what they were told of it."""
    ids = list(Notice.objects.visible_to(actor).unread().filter(**about).values_list("pk", flat=True))
    if ids:
        notices_read(actor=actor, ids=ids)
